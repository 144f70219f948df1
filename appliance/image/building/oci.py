"""`make oci`: the appliance as an OCI image, an archive in `dist/`, made without a container engine.

Two layers: what of Debian 13 a Python program needs, which seldom changes, and Stellwerk. There is no shell in it, no
package manager, and no other program than Python. Standard library only. It must not know how the environment is put
together: it takes what the Debian package has.
"""

import argparse
import gzip
import hashlib
import io
import json
import shutil
import sys
import tarfile
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from appliance.image.building import deb
from appliance.image.building.chroots import CannotBuild, cache, inside, tree, workshop
from appliance.image.building.places import DIST, epoch, git, version

RELEASE = "trixie"
ACCOUNT = 850
"""The number of the account, which stands in sysusers.d as well: data may be carried from one to the other."""
DATA = "/var/lib/stellwerk"
PORTS = (26130, 26131, 26180, 26230)

SYSTEM = (
    *("base-files", "netbase", "media-types", "tzdata", "ca-certificates"),
    *(
        "libc6",
        "libgcc-s1",
        "libstdc++6",
        "zlib1g",
        "libssl3t64",
        "libzstd1",
        "libffi8",
        "libexpat1",
        "libbz2-1.0",
        "liblzma5",
    ),
    *("libsqlite3-0", "libuuid1", "libpython3.13-minimal", "libpython3.13-stdlib", "python3.13-minimal", "python3.13"),
)
"""The Debian packages of the first layer. Their maintainer scripts are not run: what they would do is done below."""

UNUSED = (
    *(
        "usr/share/man",
        "usr/share/locale",
        "usr/share/info",
        "usr/share/lintian",
        "usr/share/doc-base",
        "usr/share/bug",
    ),
    *(
        "usr/share/applications",
        "usr/share/pixmaps",
        "usr/share/binfmts",
        "usr/share/debhelper",
        "usr/share/ca-certificates",
    ),
    *(
        "usr/share/menu",
        "usr/share/base-files",
        "usr/share/gdb",
        "usr/sbin",
        "usr/games",
        "usr/lib/systemd",
        "usr/lib/sysusers.d",
    ),
    *(
        "usr/lib/tmpfiles.d",
        "usr/lib/binfmt.d",
        "usr/lib/mime",
        "usr/share/python3",
        "etc/update-motd.d",
        "etc/dpkg",
        "etc/apt",
    ),
    *("etc/python3.13", "etc/motd", "etc/issue", "etc/issue.net", "var/backups", "var/cache", "var/lib/ucf"),
)
PROGRAMS = ("python3.13", "stellwerk")
"""What stays of /usr/bin."""

FETCH = """
lists="-o Dir::State::lists=/tmp/lists -o Dir::Cache=/tmp/cache -o APT::Sandbox::User=root"
mkdir -p /tmp/lists/partial /tmp/cache/archives/partial packages
apt-get -qq $lists update
cd packages
apt-get -qq $lists download "$@"
"""
UNPACK = """
root="$1"
shift
mkdir -p "$root" control
for package in "$@"; do
  dpkg-deb --extract "$package" "$root"
  dpkg-deb --field "$package" >"control/$(basename "$package")"
done
"""


def fetched(place: Path, today: str) -> Path:
    """The folder with the Debian packages of the first layer, fetched once a day. Raises CannotBuild."""
    folder = cache() / f"system-{today}"
    if not folder.is_dir():
        for old in cache().glob("system-*"):
            shutil.rmtree(old)
        with workshop("system") as work:
            inside(place, ["sh", "-euc", FETCH, "fetch", *SYSTEM], work, network=True)
            (work / "packages").rename(folder)
    return folder


def remove(path: Path) -> None:
    """A file, a link, or a folder with all that is in it; nothing where it is missing."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def system(root: Path, controls: Path) -> None:
    """Make of unpacked packages a system in which one program runs."""
    certificates = sorted((root / "usr/share/ca-certificates").rglob("*.crt"))
    bundle = "".join(path.read_text("ascii").strip() + "\n" for path in certificates)
    for name in UNUSED:
        remove(root / name)
    for path in (root / "usr/bin").iterdir():
        if path.name not in PROGRAMS:
            remove(path)
    for path in (root / "usr/share/doc").rglob("*"):
        if not path.is_dir() and path.name != "copyright":
            path.unlink()
    for name, text in {
        "etc/ssl/certs/ca-certificates.crt": bundle,
        "etc/passwd": f"root:x:0:0::/:/usr/sbin/nologin\nstellwerk:x:{ACCOUNT}:{ACCOUNT}::{DATA}:/usr/sbin/nologin\n",
        "etc/group": f"root:x:0:\nstellwerk:x:{ACCOUNT}:\n",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    # By these files, programs that look for known weaknesses see which packages are in an image that has no dpkg.
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True, exist_ok=True)
    for path in controls.iterdir():
        (status / path.name.partition("_")[0]).write_bytes(path.read_bytes())


def own(root: Path) -> None:
    """Leave of our package what a container needs: systemd is not in there."""
    for name in ("usr/lib/systemd", "usr/lib/sysusers.d", "usr/lib/tmpfiles.d", "usr/share/man", "usr/share/lintian"):
        remove(root / name)
    (root / DATA[1:]).mkdir(parents=True)


def layer(root: Path, when: int) -> bytes:
    """All that is below a folder as a tar archive: by name, with one time, the data folder ours and all else root's."""

    def known(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = when
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        if f"/{entry.name}" == DATA:
            entry.uid = entry.gid = ACCOUNT
            entry.mode = 0o700
        elif entry.name in ("tmp", "var/tmp"):
            entry.mode = 0o1777
        elif entry.isdir():
            entry.mode = 0o755
        else:
            entry.mode &= 0o755  # no set-id programs
        return entry

    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(root.rglob("*"), key=lambda path: PurePosixPath(path.relative_to(root)).parts):
            archive.add(path, path.relative_to(root).as_posix(), recursive=False, filter=known)
    return output.getvalue()


class Layout:
    """An OCI image layout that grows, blob by blob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "blobs/sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', "utf-8")

    def add(self, kind: str, content: bytes) -> dict[str, object]:
        """Keep a blob; return what names it: media type, digest, size."""
        digest = hashlib.sha256(content).hexdigest()
        (self.folder / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def add_json(self, kind: str, content: object) -> dict[str, object]:
        """The same for a value, written in one way only."""
        return self.add(kind, json.dumps(content, sort_keys=True, separators=(",", ":")).encode())

    def close(self, manifest: Mapping[str, object]) -> None:
        """Name the one manifest."""
        index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]}
        (self.folder / "index.json").write_text(json.dumps(index, sort_keys=True), "utf-8")


def labels(version: str, when: int, revision: str) -> dict[str, str]:
    """What the image says of itself, by the names that OCI has for it."""
    words = {
        "title": "Stellwerk",
        "description": "Receives, cleans, stores and forwards medical images, as rule files say",
        "version": version,
        "revision": revision,
        "created": datetime.fromtimestamp(when, UTC).isoformat(),
        "licenses": "Apache-2.0",
        "base.name": f"debian:{RELEASE}",
    }
    return {f"org.opencontainers.image.{name}": word for name, word in words.items()}


def configuration(diffs: Iterable[str], architecture: str, said: Mapping[str, str]) -> dict[str, object]:
    """The image's configuration: on which account what is started, and what it wants from outside."""
    created = said["org.opencontainers.image.created"]
    layers = [str(digest) for digest in diffs]
    return {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": {
            "User": f"{ACCOUNT}:{ACCOUNT}",
            "ExposedPorts": {f"{port}/tcp": {} for port in PORTS},
            "Env": ["PATH=/usr/bin", "LANG=C.UTF-8", f"HOME={DATA}"],
            "Entrypoint": ["/usr/bin/stellwerk"],
            "Cmd": ["run", "--data", DATA],
            "Volumes": {DATA: {}},
            "WorkingDir": DATA,
            "StopSignal": "SIGTERM",
            "Labels": dict(said),
        },
        "rootfs": {"type": "layers", "diff_ids": layers},
        "history": [{"created": created, "created_by": name} for name in ("Debian packages", "Stellwerk")],
    }


def image(roots: Iterable[Path], into: Path, version: str, architecture: str) -> None:
    """Make the layout of an image of these layers, lowest first."""
    when, layout = epoch(), Layout(into)
    said = labels(version, when, git("rev-parse", "HEAD"))
    plain = [layer(root, when) for root in roots]
    packed = [layout.add("layer.v1.tar+gzip", gzip.compress(content, 6, mtime=0)) for content in plain]
    diffs = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in plain]
    config = layout.add_json("config.v1+json", configuration(diffs, architecture, said))
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config,
        "layers": packed,
        "annotations": said,
    }
    named = layout.add_json("manifest.v1+json", manifest)
    layout.close(
        {
            **named,
            "platform": {"architecture": architecture, "os": "linux"},
            "annotations": {"org.opencontainers.image.ref.name": version},
        }
    )


def archive(folder: Path, into: Path, when: int) -> None:
    """The layout as one file."""
    with tarfile.open(into, "w", format=tarfile.USTAR_FORMAT) as output:
        for path in sorted(folder.rglob("*")):
            entry = output.gettarinfo(path, path.relative_to(folder).as_posix())
            entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = when, 0, 0, "", ""
            entry.mode = 0o755 if entry.isdir() else 0o644
            with path.open("rb") if path.is_file() else io.BytesIO() as content:
                output.addfile(entry, content if path.is_file() else None)


def _unpacked(place: Path, work: Path, packages: Path, root: str) -> Iterator[Path]:
    """Unpack packages of a folder in the tree; yield the root and the folder of their control data."""
    shutil.copytree(packages, work / "in")
    names = sorted(f"in/{path.name}" for path in (work / "in").glob("*.deb"))
    inside(place, ["sh", "-euc", UNPACK, "unpack", root, *names], work)
    shutil.rmtree(work / "in")
    control = work / f"control-{root}"
    (work / "control").rename(control)
    yield from (work / root, control)


def build(package: Path, version: str, into: Path) -> Path:
    """Build the image of this Debian package (of RELEASE) into a folder; return the archive. Raises CannotBuild."""
    place = tree(RELEASE, "build", deb.BUILDERS)
    architecture = package.stem.rpartition("_")[2]
    with workshop("oci") as work:
        base, controls = _unpacked(place, work, fetched(place, datetime.now(UTC).date().isoformat()), "system")
        system(base, controls)
        (work / "package").mkdir()
        shutil.copy(package, work / "package")
        ours, _ = _unpacked(place, work, work / "package", "own")
        own(ours)
        layout = work / "layout"
        image([base, ours], layout, version, architecture)
        into.mkdir(parents=True, exist_ok=True)
        made = into / f"stellwerk_{version}_{architecture}.oci.tar"
        archive(layout, made, epoch())
    return made


def main() -> int:
    """Called by make."""
    parser = argparse.ArgumentParser(description="Build the OCI image.")
    parser.add_argument("--version", default=version())
    parser.add_argument("--into", type=Path, default=DIST)
    wanted = parser.parse_args()
    begun = time.monotonic()
    try:
        package = deb.build(RELEASE, wanted.version, wanted.into)
        made = build(package, wanted.version, wanted.into)
    except CannotBuild as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB, in {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
