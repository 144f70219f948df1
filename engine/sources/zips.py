"""ZIPs that were put into a folder: may one be unpacked, and its members, one after the other, into files of ours.

Whoever packs a ZIP chooses what stands in it. A name in it is shown, and never becomes a path; what it would unpack to
is added up before anything is written, and each member is cut off where it says that it ends. It must not know the
spool.
"""

import contextlib
import errno
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.sources.settling import is_litter

INCOMPLETE = "this ZIP is not complete, or damaged"
ENCRYPTED = "this ZIP is encrypted: unpack it, and put in the folder instead"
UNKNOWN = "this ZIP is packed in a way that is not known here: unpack it, and put in the folder instead"
NESTED = "this is a ZIP inside a ZIP: unpack it, and put in the folder instead"

_END, _END_64, _LOCATOR = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_BLOCK = 1 << 20
_LONGEST_ENTRY = 46 + 1024
"""Bytes of the central directory for one member, with a long name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a ZIP may hold; more is held, for it is more likely to be a trap than a study."""

    members: int = 100_000
    total: int = 200 << 30
    ratio: int = 200
    """Unpacked to packed bytes of the whole. Images of nothing but black reach some hundreds; a bomb a thousand."""
    free_of_ratio: int = 256 << 20
    """Below so many unpacked bytes nobody is harmed."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file in a ZIP: its name for people, and where it lies now."""

    name: str
    file: Path


class Unfit(Exception):
    """It is not unpacked; `why` says why not. `incomplete`: the rest of it may yet come."""

    def __init__(self, why: str, *, incomplete: bool = False) -> None:
        super().__init__(why)
        self.why, self.incomplete = why, incomplete


def unpacked_size(path: Path, limits: Limits) -> int:
    """How many bytes it unpacks to. Raises Unfit for what must not be unpacked, OSError where it cannot be read."""
    with path.open("rb") as file:
        _look_at_the_end(file, limits)
        with _opened(file) as packed:
            infos = [info for info in packed.infolist() if not _is_folder(info)]
    total, small = sum(info.file_size for info in infos), sum(info.compress_size for info in infos)
    if len(infos) > limits.members:
        raise Unfit(f"this ZIP has more than {limits.members} files")
    if total > limits.total:
        raise Unfit(f"this ZIP would unpack to more than {limits.total >> 30} GB")
    if total > limits.free_of_ratio and total > limits.ratio * max(small, 1):
        raise Unfit(f"this ZIP would unpack to more than {limits.ratio} times its size")
    if any(info.flag_bits & 1 for info in infos):
        raise Unfit(ENCRYPTED)
    if any(info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos):
        # Of the others, Python would unpack a whole block at once, however large it becomes.
        raise Unfit(UNKNOWN)
    return total


def unpack(path: Path, limits: Limits, new_file: Callable[[], Path]) -> Iterator[Member]:
    """Every member that is a file and no litter, each written to a new file before the next.

    Raises Unfit (what was unpacked before is of no use then), OSError.
    """
    unpacked_size(path, limits)
    with path.open("rb") as file, _opened(file) as packed:
        for info in packed.infolist():
            parts = info.filename.replace("\\", "/").split("/")
            if _is_folder(info) or any(map(is_litter, parts)):
                continue
            target = new_file()
            with _unfit(), packed.open(info) as member, target.open("wb") as out:
                while block := member.read(_BLOCK):
                    out.write(block)
            yield Member("/".join(part for part in parts if part not in ("", ".", "..")), target)


def _is_folder(info: zipfile.ZipInfo) -> bool:
    """`ZipInfo.is_dir` stumbles over a name that is empty (until Python 3.12); such a member is a file."""
    return info.filename.endswith("/")


def _opened(file: BinaryIO) -> zipfile.ZipFile:
    with _unfit(incomplete=True):
        return zipfile.ZipFile(file)


@contextlib.contextmanager
def _unfit(*, incomplete: bool = False) -> Iterator[None]:
    """What the library says of a ZIP that is not as it should be, as Unfit; the errors of a disk stay what they are.

    It goes where the ZIP sends it, also to a place before the beginning of the file, which the system calls EINVAL.
    """
    try:
        yield
    except NotImplementedError:
        raise Unfit(UNKNOWN) from None
    except RuntimeError:
        raise Unfit(ENCRYPTED) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, IndexError, struct.error):
        raise Unfit(INCOMPLETE, incomplete=incomplete) from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise Unfit(INCOMPLETE, incomplete=incomplete) from None


def _look_at_the_end(file: BinaryIO, limits: Limits) -> None:
    """The record at the end (APPNOTE 4.3.16) must be there, and not speak of more than can be read into memory."""
    size = file.seek(0, 2)
    start = max(0, size - (1 << 16) - 22 - 76)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise Unfit(INCOMPLETE, incomplete=True)
    directory = struct.unpack_from("<L", tail, at + 12)[0]
    if tail[max(at - 20, 0) : at][:4] == _LOCATOR:
        large = tail.rfind(_END_64, 0, at)
        if large < 0 or large + 48 > len(tail):
            raise Unfit(INCOMPLETE, incomplete=True)
        directory = struct.unpack_from("<Q", tail, large + 40)[0]
    if directory > min(size, limits.members * _LONGEST_ENTRY):
        why = INCOMPLETE if directory > size else f"this ZIP has more than {limits.members} files"
        raise Unfit(why, incomplete=directory > size)
