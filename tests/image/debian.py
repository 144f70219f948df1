"""A clean Debian that lives: systemd as its first process, in a container without a network, and what is on its disk.

It must not know what is tried in it.
"""

import contextlib
import hashlib
import secrets
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.image.building.chroots import tree
from tests.image.containers import THERE, contained

LIVING = (
    *("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "ca-certificates", "media-types", "tzdata"),
    *("libstdc++6", "zlib1g", "nftables"),
)
"""What a living Debian has beside the essential: it starts, and has all that the package depends on or recommends."""

BOOT = (
    *("env", "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit"),
    *("--link-journal=no", "--private-network", "--console=pipe", f"--directory={THERE}/root", "--boot"),
)
"""How systemd is started on the files of a Debian. What it prints is in its journal."""

ENVIRONMENT = {
    **{"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"},
    **{"DEBIAN_FRONTEND": "noninteractive"},
}


@dataclass(frozen=True)
class Entry:
    """What a name on a disk stands for: kind and mode, owner, and the content's digest or the link's target."""

    mode: int
    owner: tuple[int, int]
    content: str


class Debian:
    """A running Debian. `place` is where its files are, seen from outside."""

    def __init__(self, place: Path, first: int) -> None:
        """first: its first process, by the number outside."""
        self.place, self._first = place, first

    def run(self, *words: str, check: bool = True, timeout: float = 300) -> str:
        """What this program prints in there; where it fails and `check` holds, an AssertionError with all it said."""
        enter = ["nsenter", "--target", str(self._first), "--all", "--root", "--wd"]
        done = subprocess.run(
            [*enter, *words], env=ENVIRONMENT, text=True, capture_output=True, check=False, timeout=timeout
        )
        assert not check or done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def beside(self, *words: str) -> list[str]:
        """A command that runs this program of ours on its network, with our files."""
        return ["nsenter", "--target", str(self._first), "--net", *words]

    def unit(self, name: str, *properties: str) -> dict[str, str]:
        """What systemd says of a unit."""
        said = self.run("systemctl", "show", name, f"--property={','.join(properties)}", check=False)
        return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)

    def wait_for(self, what: str, *words: str, seconds: float = 180) -> float:
        """Wait until this program succeeds in there; return how long that took. AssertionError where it does not."""
        begun = time.monotonic()
        while True:
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                self.run(*words, timeout=30)
                return time.monotonic() - begun
            assert time.monotonic() - begun < seconds, (
                f"{what}: not within {seconds:.0f} s\n{self.run(*words, check=False)}"
            )
            time.sleep(0.5)


def entries(place: Path, left_out: Sequence[str]) -> dict[str, Entry]:
    """Everything below a folder, by path, but for these paths, and what begins with one of them that ends in `*`."""
    whole = {name for name in left_out if not name.endswith("*")}
    begins = tuple(name[:-1] for name in left_out if name.endswith("*"))
    found: dict[str, Entry] = {}
    todo = [place]
    while todo:
        for path in todo.pop().iterdir():
            name = path.relative_to(place).as_posix()
            if name in whole or (begins and name.startswith(begins)):
                continue
            state = path.lstat()
            if stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            elif stat.S_ISREG(state.st_mode):
                content = hashlib.file_digest(path.open("rb"), "sha256").hexdigest()
            else:
                content = ""
            if stat.S_ISDIR(state.st_mode):
                todo.append(path)
            found[name] = Entry(state.st_mode, (state.st_uid, state.st_gid), content)
    return found


@contextlib.contextmanager
def debian(release: str, work: Path) -> Iterator[Debian]:
    """A clean Debian of this release that has started; it is gone afterwards. `work` must have space."""
    clean = tree(release, "living", LIVING, "minbase")
    with tempfile.TemporaryDirectory(dir=work, prefix=f"{release}-") as folder:
        place = Path(folder) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(clean), str(place)], check=True)
        with contained([*BOOT, f"--uuid={secrets.token_hex(16)}"], Path(folder), "systemd") as first:
            machine = Debian(place, first)
            up = "systemctl is-system-running --wait | grep -qx -e running -e degraded"
            machine.wait_for("systemd", "sh", "-c", up, seconds=120)
            yield machine
