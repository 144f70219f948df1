"""Debian trees to build and to try packages in: made by mmdebstrap, kept, and entered without being changed.

Standard library only: any Python from 3.11 on runs it before an environment exists. It knows Debian, and nothing of
what is built in a tree.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

RELEASES = {"bookworm": "deb12", "trixie": "deb13"}
"""The releases that packages are made for, and what is put behind the version: higher for a newer release."""


class CannotBuild(Exception):
    """Something is missing or has failed; the text says what, and what to do."""


def cache() -> Path:
    """Where trees and downloads are kept from one build to the next; it may be deleted at any time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "stellwerk-packages"


def needs(*programs: str) -> None:
    """CannotBuild unless root runs this and these programs are there."""
    if os.geteuid() != 0:
        raise CannotBuild("A Debian tree can only be made and entered by root. Please try again with sudo.")
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        raise CannotBuild(f"Not installed: {', '.join(missing)}. On Debian: apt-get install mmdebstrap util-linux")


def tree(release: str, name: str, packages: Sequence[str], variant: str = "apt") -> Path:
    """A Debian tree with these packages: the one that is kept, or a new one, which takes about a minute.

    `variant` is mmdebstrap's word for what is in it beside the packages. A tree is looked for by what it was made of:
    other packages make another tree.
    """
    if release not in RELEASES:
        raise CannotBuild(f"There is no package for {release}. RELEASE is one of: {', '.join(RELEASES)}")
    needs("mmdebstrap", "unshare")
    digest = hashlib.sha256(repr((release, sorted(packages), variant)).encode()).hexdigest()[:10]
    place = cache() / f"{name}-{release}-{digest}"
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(place.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    print(f"Making a tree of Debian {release} in {place} (once)", flush=True)
    run(["mmdebstrap", "--quiet", f"--variant={variant}", f"--include={','.join(packages)}", release, str(new)])
    new.rename(place)
    return place


def run(words: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
    """Run this program; CannotBuild where it fails. What it writes is seen as it comes."""
    done = subprocess.run(words, env=env, cwd=cwd, check=False)
    if done.returncode != 0:
        raise CannotBuild(f"{words[0]} has failed ({done.returncode}); what it said is above.")


# The tree is read-only and /tmp is new, so that a build finds what every build finds, and leaves nothing but in /build.
ENTER = """
set -eu
mount --make-rprivate /
mount --bind "$TREE" "$TREE"
mount -o remount,ro,bind "$TREE"
mount -t proc proc "$TREE/proc"
mount -t tmpfs tmpfs "$TREE/tmp"
mount -t tmpfs -o mode=755 tmpfs "$TREE/mnt"
mkdir "$TREE/mnt/dev"
for node in null zero full random urandom; do
  : >"$TREE/mnt/dev/$node"
  mount --bind "/dev/$node" "$TREE/mnt/dev/$node"
done
ln -s /proc/self/fd "$TREE/mnt/dev/fd"
mount --move "$TREE/mnt/dev" "$TREE/dev" 2>/dev/null || mount --rbind "$TREE/mnt/dev" "$TREE/dev"
mkdir "$TREE/mnt/build"
mount --bind "$WORK" "$TREE/mnt/build"
for file in $SHARED; do
  mount --bind "$file" "$TREE$file"
done
cd "$TREE/mnt/build"
exec chroot "$TREE" /usr/bin/env -C /mnt/build -- "$@"
"""

INSIDE = "/mnt/build"
"""Where the folder to work in is found in a tree. It is the same for each build: paths get into what is built."""


def inside(
    place: Path, words: Sequence[str], work: Path, env: Mapping[str, str] | None = None, network: bool = False
) -> None:
    """Run this program in a tree, with `work` as its folder; without `network` it has none.

    With the network it trusts the authorities that this machine trusts, and finds names as this machine does.
    """
    wanted = ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt") if network else ()
    shared = [name for name in wanted if Path(name).exists() and (place / name[1:]).exists()]
    environment = {
        **{"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/tmp", "LC_ALL": "C.UTF-8"},
        **(env or {}),
    }
    outside = {**environment, "TREE": str(place), "WORK": str(work), "SHARED": " ".join(shared)}
    spaces = ["--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", *([] if network else ["--net"])]
    run(["unshare", *spaces, "sh", "-c", ENTER, "enter", *words], env=outside)


@contextlib.contextmanager
def workshop(name: str) -> Iterator[Path]:
    """A folder to work in, which is gone afterwards."""
    base = cache() / "work"
    base.mkdir(parents=True, exist_ok=True)
    place = base / f"{name}-{os.getpid()}"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
