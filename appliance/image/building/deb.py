"""`make deb`: the Debian package, built in a clean tree of the release that it is for.

Standard library only. It fetches what the lock file names, lays the checkout and `debian/` together, and calls Debian's
own `dpkg-buildpackage`. Nothing of the building machine gets in but the trusted authorities, and those only to fetch.
"""

import argparse
import filecmp
import hashlib
import re
import shutil
import sys
import time
from email.utils import formatdate
from pathlib import Path

from appliance.image.building.chroots import INSIDE, RELEASES, CannotBuild, cache, inside, tree, workshop
from appliance.image.building.places import DIST, ROOT, epoch, sources, version

LOCK = "appliance/image/requirements.lock"
"""What is in the environment beside the wheel: the same as in the image."""
BUILDERS = (
    *("build-essential", "python3", "python3-venv", "python3-pip", "python3-dev"),
    *("debhelper", "dpkg-dev", "lintian", "ca-certificates"),
)
"""What is in the tree that a package is built in."""


def lay_out(into: Path, release: str, wanted: str) -> None:
    """Copy what git knows of the checkout, as it lies there now, and put `debian/` at its top, with this version."""
    for name in sources():
        if name.parts[0] not in ("tests", ".ci"):
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name, follow_symlinks=False)
    project = into / "pyproject.toml"
    text, changes = re.subn(r'^version = "[^"]*"$', f'version = "{wanted}"', project.read_text("utf-8"), flags=re.M)
    assert changes == 1, "pyproject.toml has not one version"
    project.write_text(text, "utf-8")
    shutil.copytree(into / "appliance/image/debian", into / "debian")
    (into / "debian/changelog").write_text(changelog(release, wanted, epoch()), "utf-8")


def changelog(release: str, wanted: str, when: int) -> str:
    """What Debian's tools want to know of a version. What has changed is told by the project's history."""
    maintainer = "Stellwerk maintainers <maintainers@stellwerk.example>"
    return (
        f"stellwerk ({wanted}+{RELEASES[release]}) {release}; urgency=medium\n\n"
        f"  * Version {wanted}, for Debian {RELEASES[release].removeprefix('deb')} ({release}).\n\n"
        f" -- {maintainer}  {formatdate(when)}\n"
    )


def wheels(place: Path, release: str) -> Path:
    """The folder with all that the lock file names, for this release's Python: fetched once for each lock file."""
    lock = ROOT / LOCK
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:10]
    folder = cache() / f"wheels-{release}-{digest}"
    if folder.is_dir():
        return folder
    print(f"Getting the packages named in {LOCK} (once)", flush=True)
    with workshop(f"wheels-{release}") as work:
        shutil.copy(lock, work / "lock")
        fetch = ["download", "--require-hashes", "--only-binary", ":all:", "-r", "lock", "-d", "wheels"]
        pip = ["python3", "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
        trusted = {"PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"}
        inside(place, [*pip, *fetch], work, trusted, network=True)
        (work / "wheels").rename(folder)
    return folder


def build(release: str, wanted: str, into: Path, packing: str = "") -> Path:
    """Build the package of this version into a folder; return its path. Raises CannotBuild.

    packing: dpkg-deb's options for that, where they are not to be those of `debian/rules`.
    """
    place = tree(release, "build", BUILDERS)
    locked = wheels(place, release)
    with workshop(f"deb-{release}") as work:
        (work / "stellwerk").mkdir()
        lay_out(work / "stellwerk", release, wanted)
        shutil.copytree(locked, work / "wheels")
        environment = {
            "SOURCE_DATE_EPOCH": str(epoch()),
            "DEB_BUILD_OPTIONS": "nocheck",
            "WHEELS": f"{INSIDE}/wheels",
            **({"PACKING": packing} if packing else {}),
        }
        script = "cd stellwerk && exec dpkg-buildpackage --build=binary --no-sign"
        inside(place, ["sh", "-euc", script], work, environment)
        into.mkdir(parents=True, exist_ok=True)
        made = [path for path in work.iterdir() if path.suffix in (".deb", ".buildinfo")]
        for path in made:
            shutil.copy(path, into / path.name)
        (package,) = (into / path.name for path in made if path.suffix == ".deb")
    return package


def examined(release: str, package: Path) -> None:
    """Let lintian look at a package; what it calls an error raises CannotBuild."""
    place = tree(release, "build", BUILDERS)
    with workshop("lintian") as work:
        shutil.copy(package, work)
        inside(place, ["lintian", "--allow-root", "--tag-display-limit", "0", "--fail-on", "error", package.name], work)


def compared(release: str, wanted: str) -> None:
    """Build twice, apart, and compare the packages byte by byte, not packed; CannotBuild where they differ."""
    with workshop("compare") as work:
        first, second = (build(release, wanted, work / name, "-Znone") for name in ("one", "two"))
        if not filecmp.cmp(first, second, shallow=False):
            kept = DIST / "compare"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(work, kept)
            raise CannotBuild(f"Two builds differ. Both are in {kept}: diffoscope says where.")
        print(f"{first.name}: two builds are the same, sha256 {hashlib.sha256(first.read_bytes()).hexdigest()}")


def main() -> int:
    """Called by make."""
    parser = argparse.ArgumentParser(description="Build the Debian package.")
    parser.add_argument("--release", default="bookworm", choices=list(RELEASES))
    parser.add_argument("--version", default=version())
    parser.add_argument("--into", type=Path, default=DIST)
    parser.add_argument("--compare", action="store_true", help="build twice, and compare")
    parser.add_argument("--lintian", action="store_true", help="let lintian look at it")
    wanted = parser.parse_args()
    begun = time.monotonic()
    try:
        if wanted.compare:
            compared(wanted.release, wanted.version)
            return 0
        package = build(wanted.release, wanted.version, wanted.into)
        if wanted.lintian:
            examined(wanted.release, package)
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    size = package.stat().st_size / 1e6
    print(f"{package}: {size:.1f} MB, in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
