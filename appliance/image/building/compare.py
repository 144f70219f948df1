"""`make image-compare`: build the image twice, apart from each other, and say in what the two differ.

What must be the same: every file of the root, and every part of the kernel image before it is signed. Signatures may
differ, as one of Secure Boot has the time it was made at. It must not know how an image is built.
"""

import hashlib
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from appliance.image.building import image, tools
from appliance.image.building.places import DIST, cache, epoch, version

SIGNED = {".pcrsig"}
"""Parts of the kernel image that follow from a signature: what is measured of the signed kernel."""


def unpacked(folder: Path, into: Path) -> Path:
    """The files of the root in `folder`'s split artifact, unpacked by erofs' own checker."""
    (root,) = folder.glob("*.root.*.raw")
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir()
    words = ["fsck.erofs", "--extract=/into", "--preserve", "--overwrite", "/root.raw"]
    tools.run(words, binds={root: "/root.raw", into: "/into"}, where="/")
    return into


def described(root: Path) -> Iterator[tuple[str, str]]:
    """Path of each entry, and all that is said of it: kind, mode, owner, size, time, link, SHA-256 of the content."""
    for path in sorted(root.rglob("*")):
        seen = path.lstat()
        what = f"{stat.filemode(seen.st_mode)} {seen.st_uid}:{seen.st_gid} {int(seen.st_mtime)}"
        if path.is_symlink():
            what += f" → {path.readlink()}"
        elif path.is_file():
            what += f" {seen.st_size} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        yield path.relative_to(root).as_posix(), what


READ = """
import hashlib, pefile, sys

def unsigned(data):
    # A signed file ends with its signatures; where they begin and a sum over all stand in its head.
    signed = pefile.PE(data=data, fast_load=True)
    place = signed.OPTIONAL_HEADER.DATA_DIRECTORY[pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_SECURITY"]]
    if place.VirtualAddress:
        data = data[:place.VirtualAddress]
    signed.OPTIONAL_HEADER.CheckSum = place.VirtualAddress = place.Size = 0
    return bytes(signed.write()[:len(data)])

for part in pefile.PE(sys.argv[1]).sections:
    name = part.Name.rstrip(bytes(1)).decode()
    data = part.get_data()[:part.Misc_VirtualSize]
    print(name, hashlib.sha256(unsigned(data) if name == ".linux" else data).hexdigest())
"""
"""Run in the tools tree, which has pefile. The kernel within is signed by itself, too."""


def sections(folder: Path) -> dict[str, str]:
    """The parts of the kernel image, before it and the kernel in it were signed: name → SHA-256."""
    (kernel,) = folder.glob(f"*_{version()}.efi")
    words = ["python3", "-c", READ, "/kernel.efi"]
    told = tools.run(words, binds={kernel: "/kernel.efi"}, where="/", capture=True)
    return dict(line.split() for line in told.splitlines())


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """Names that only one has or that are not the same, each with what both say."""
    names = sorted(one.keys() | other.keys())
    return [f"{name}\n    {one.get(name)}\n    {other.get(name)}" for name in names if one.get(name) != other.get(name)]


def main() -> None:
    """Ends with 1 where anything but signatures differs."""
    flavour = sys.argv[1] if len(sys.argv) > 1 else "cloud"
    os.environ["SOURCE_DATE_EPOCH"] = str(epoch())  # the same for both, whatever is committed meanwhile
    found: list[tuple[dict[str, str], dict[str, str]]] = []
    for number in (1, 2):
        folder = DIST / f"image-compare-{number}"
        with image.one_at_a_time():
            image.build(flavour, folder, fresh=True)
        root = unpacked(folder, cache() / f"compare-{number}")
        found.append((dict(described(root)), sections(folder)))
        shutil.rmtree(root)
    files = differences(found[0][0], found[1][0])
    parts = differences(found[0][1], found[1][1])
    print(f"The root: {len(found[0][0])} entries, {len(files)} differ")
    print("\n".join(files))
    print(f"The kernel image: {len(found[0][1])} parts, {len(parts)} differ")
    print("\n".join(parts))
    wrong = [part for part in parts if part.split("\n")[0] not in SIGNED]
    sys.exit(1 if files or wrong else 0)


if __name__ == "__main__":
    main()
