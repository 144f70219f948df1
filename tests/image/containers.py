"""Programs in containers, started from a Debian tree that has what starts them: nothing is installed on this machine.

It needs root. It must not know what is in a container.
"""

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.image.building.chroots import tree

TOOLS = ("systemd-container", "crun", "skopeo", "umoci")
"""What the tree has that containers are started from, and looked at with."""
THERE = "/mnt/work"
"""Where the folder of a container is found in that tree."""

# The tree becomes the root, by pivot_root: from a chroot, no namespaces could be made.
START = """
set -eu
mkdir "$GROUP"
echo $$ >"$GROUP/cgroup.procs"
mount --make-rprivate /
mount --rbind "$TOOLS" "$TOOLS"
mount -t proc proc "$TOOLS/proc"
mount --rbind /sys "$TOOLS/sys"
mount -t cgroup2 cgroup2 "$TOOLS/sys/fs/cgroup"
mount --rbind /dev "$TOOLS/dev"
mount -t tmpfs tmpfs "$TOOLS/run"
mount -t tmpfs tmpfs "$TOOLS/tmp"
mount -t tmpfs tmpfs "$TOOLS/mnt"
mkdir "$TOOLS/mnt/work" "$TOOLS/mnt/old"
mount --rbind "$PLACE" "$TOOLS/mnt/work"
cd "$TOOLS"
pivot_root . mnt/old
umount -l /mnt/old
cd /mnt/work
exec "$@"
"""


def words_for(*command: str) -> list[str]:
    """The command that runs this one in the tree."""
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", START, "start", *command]


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    """A control group of our own, with all below it; it is gone afterwards."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    unified = [Path(place) for _, place, kind, *_ in mounts if kind == "cgroup2"]
    assert unified, "No control groups (version 2) are mounted here, and systemd needs them."
    group = unified[0] / f"stellwerk-{secrets.token_hex(4)}"
    try:
        yield group
    finally:
        for _ in range(50):
            for below in sorted(group.rglob("*"), key=lambda path: -len(path.parts)):
                if below.is_dir():
                    with contextlib.suppress(OSError):
                        below.rmdir()
            with contextlib.suppress(OSError):
                group.rmdir()
            if not group.exists():
                break
            time.sleep(0.1)  # the kernel takes a moment until a group is empty


def tool(place: Path, *command: str) -> str:
    """What a program of the tree prints, with this folder as its own; AssertionError where it fails."""
    with _group() as group:
        outside = {**os.environ, "TOOLS": str(tree("trixie", "tools", TOOLS)), "PLACE": str(place), "GROUP": str(group)}
        done = subprocess.run(words_for(*command), env=outside, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


@contextlib.contextmanager
def contained(command: Sequence[str], place: Path, name: str) -> Iterator[int]:
    """Start a container by this command of the tree; its first process, by the number outside. It has this name.

    The container has ended afterwards. What it prints is in `log` in its folder.
    """
    tools, log = tree("trixie", "tools", TOOLS), place / "log"
    with _group() as group, log.open("wb") as output:
        outside = {**os.environ, "TOOLS": str(tools), "PLACE": str(place), "GROUP": str(group)}
        process = subprocess.Popen(
            words_for(*command), env=outside, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            yield _first(process, name, log)
        finally:
            process.kill()
            process.wait()


def _first(process: subprocess.Popen[bytes], name: str, log: Path) -> int:
    for _ in range(600):
        number: int | None = process.pid
        while (number := _child(number)) is not None:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{number}/comm").read_text("utf-8").strip() == name:
                    return number
        assert process.poll() is None, f"The container has ended at once:\n{log.read_text('utf-8', 'replace')}"
        time.sleep(0.1)
    raise AssertionError(f"No {name} came up:\n{log.read_text('utf-8', 'replace')}")


def _child(parent: int) -> int | None:
    """The first child of a process, and None where it has none."""
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text("utf-8").split()
        return int(children[0]) if children else None
    return None
