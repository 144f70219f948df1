"""What is tried: the image of this checkout, an update to the version after it, and one that is broken on purpose.

The updates are built in copies of the checkout, so that what lies in `dist/` stays. The broken one differs in one file:
its service ends at once. Both are built beside other work, which goes first. It must not know what is done with them.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT

BROKEN = "appliance/image/mkosi.extra/usr/lib/systemd/system/stellwerk.service.d/99-broken.conf"
ENDS = "[Service]\nExecStart=\nExecStart=/usr/bin/false\n"
LAST = ("nice", "-n", "15")
"""Of the processor's time, a build beside other work takes what is left."""


@dataclass(frozen=True)
class Update:
    """A signed update, and the version in it."""

    file: Path
    version: str


def after(version: str, many: int = 1) -> str:
    """The version so many after this one: 0.1.0, 0.1.1."""
    numbers = version.split(".")
    return ".".join([*numbers[:-1], str(int(numbers[-1]) + many)])


def version_of(image: Path) -> str:
    """Of a raw image, by its name."""
    return image.name.removesuffix(".raw").rpartition("_")[2]


@contextlib.contextmanager
def beside(version: str, root: Path, mounts: int | None = None) -> Iterator[Future[list[Update]]]:
    """Build the two versions after this one while other work is done: a good one, and one that is broken."""
    with ThreadPoolExecutor(1) as pool:

        def both() -> list[Update]:
            good = update(after(version), root, mounts=mounts)
            return [good, update(after(version, 2), root, broken=True, mounts=mounts)]

        yield pool.submit(both)


def update(version: str, root: Path, *, broken: bool = False, mounts: int | None = None) -> Update:
    """Build this version and make an update of it. Raises CalledProcessError; what was said is in a file in `root`.

    mounts: an open mount namespace in which it is done (setns(2)). A builder keeps what is mounted where it begins.
    """
    house = root / f"checkout-{version}"
    _copy(house)
    if broken:
        file = house / BROKEN
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(ENDS)
    environment = {**os.environ, "VERSION": version, "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct").strip()}
    with (root / f"build-{version}.log").open("wb") as log:
        for target in ("image", "update"):
            words = [*LAST, "make", target, f"VERSION={version}"]
            if mounts is not None:
                words = ["nsenter", f"--mount=/proc/self/fd/{mounts}", f"--wd={house}", *words]
            shared = () if mounts is None else (mounts,)
            subprocess.run(words, cwd=house, env=environment, check=True, stdout=log, stderr=log, pass_fds=shared)
    (made,) = house.rglob(f"stellwerk_{version}.update")
    kept = root / made.name
    shutil.move(made, kept)
    shutil.rmtree(house)
    return Update(kept, version)


def _copy(into: Path) -> None:
    """The checkout as it is now, a checkout as well: what is built is what git knows or would add."""
    for name in _git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        if name and ((ROOT / name).is_symlink() or (ROOT / name).is_file()):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name, follow_symlinks=False)
    who = ("-c", "user.name=trial", "-c", "user.email=trial@praxis.example")
    for words in (("init", "--quiet"), ("add", "--all"), (*who, "commit", "--quiet", "--message", "trial")):
        subprocess.run(["git", "-C", str(into), *words], check=True)


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True)
    return done.stdout
