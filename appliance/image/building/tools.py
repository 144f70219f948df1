"""The tools tree: a small Debian 13 in a folder, with everything that builds, at the same versions on every builder.

It is made once with mmdebstrap, and commands run in it with their own view of the file system. It must not know what
they build.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from appliance.image.building.places import ROOT, cache

RELEASE = "trixie"

PACKAGES = (
    *("mkosi", "systemd-repart", "systemd-ukify", "systemd-boot", "systemd-container", "erofs-utils", "dosfstools"),
    *("mtools", "e2fsprogs", "cryptsetup-bin", "zstd", "cpio", "kmod", "fdisk", "openssl", "nftables", "xz-utils"),
    *("gcc", "libc6-dev", "python3-dev", "python3-venv", "ca-certificates", "debian-archive-keyring"),
)

NEEDED = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "git": "git"}
"""Programs of the builder, and the Debian packages that bring them."""

PASSED = (
    "DEBIAN_MIRROR",
    "SOURCE_DATE_EPOCH",
    "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "http_proxy",
    "https_proxy",
)

ENTER = """
root="$1"; shift
mount --make-rprivate /
mount --bind "$root" "$root"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o mode=0755 tmpfs "$root/run"
while [ "$1" != -- ]; do
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$root$(dirname "$2")"; [ -e "$root$2" ] || : >"$root$2"; fi
  mount --rbind "$1" "$root$2"
  shift 2
done
shift
where="$1"; shift
cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
cd "$where"
exec "$@"
"""
"""What `unshare` runs: mounts what is asked for below the tree, makes the tree the root, and goes on in it. A plain
chroot would not do, as no user namespace may be made in one."""


def missing() -> list[str]:
    """Words for what this machine lacks to build; empty when it can."""
    lacks = [
        f"{program} (apt-get install {package})" for program, package in NEEDED.items() if not shutil.which(program)
    ]
    if os.geteuid() != 0:
        lacks.append("root's rights (sudo make …)")
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        lacks.append("Linux on x86-64")
    return lacks


def ready(release: str = RELEASE) -> Path:
    """The tools tree, made when it is not there: about half a minute, 560 MB."""
    if lacks := missing():
        raise SystemExit("An image cannot be built here. Missing: " + "; ".join(lacks))
    tree = cache() / f"tools-{release}-amd64"
    wanted = " ".join(PACKAGES)
    stamp = tree / "etc/stellwerk-tools"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return tree
    print(f"Making the tools tree (once): {tree}", flush=True)
    fresh = tree.with_name(tree.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    mirror = [os.environ["DEBIAN_MIRROR"]] if os.environ.get("DEBIAN_MIRROR") else []
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        f"--include={','.join(PACKAGES)}",
        release,
        str(fresh),
        *mirror,
    ]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("mmdebstrap could not make the tools tree; its words are above")
    (fresh / "etc/stellwerk-tools").write_text(wanted, "utf-8")
    shutil.rmtree(tree, ignore_errors=True)
    fresh.rename(tree)
    return tree


def run(
    command: Sequence[str | Path],
    *,
    binds: Mapping[Path, str] | None = None,
    where: Path | str = ROOT,
    environment: Mapping[str, str] | None = None,
    tree: Path | None = None,
    capture: bool = False,
) -> str:
    """Run a command in the tools tree, where the checkout and the cache have the addresses they have outside.

    `binds` shows further folders or files of the builder at an address inside. Answers what it printed if `capture`.
    Raises SystemExit where it fails: it has told its reason itself.
    """
    tree = tree or ready()
    seen: dict[Path, str] = {ROOT: str(ROOT), cache(): str(cache())}
    for path in (
        Path("/etc/resolv.conf"),
        Path("/etc/ssl/certs"),
        Path("/usr/local/share/ca-certificates"),
        Path("/usr/share/ca-certificates"),
    ):
        if path.exists():
            seen[path.resolve()] = str(path)
    seen |= binds or {}
    shown = [str(word) for pair in seen.items() for word in pair]
    clean = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": "C.UTF-8",
        "TMPDIR": "/var/tmp",
        **{name: value for name in PASSED if (value := os.environ.get(name))},
        **(environment or {}),
    }
    # Without setpriv, what runs inside would go on when the builder is stopped.
    words = [
        "setpriv",
        "--pdeathsig",
        "KILL",
        "unshare",
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--ipc",
        "--",
        "/bin/sh",
        "-euc",
        ENTER,
        "enter",
    ]
    words += [str(tree), *shown, "--", str(where), *(str(word) for word in command)]
    done = subprocess.run(words, env=clean, text=True, stdout=subprocess.PIPE if capture else None, check=False)
    if done.returncode:
        raise SystemExit(f"{Path(str(command[0])).name} failed ({done.returncode}); its words are above")
    return done.stdout or ""
