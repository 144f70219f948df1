"""The few file operations on which "nothing is lost" rests. Only this file calls fsync, rename and link.

Every one of them is durable when it returns, except where its docstring says otherwise. Tests replace them to crash
at each (tests/engine/spool/test_crash.py). What they rely on: rename within one file system is atomic, and a name
is durable once its folder has been fsynced (POSIX; ext4, XFS).
"""

import ctypes
import errno
import os
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, NamedTuple

Name = str | Path
"""A path; as text where many are made: a Path takes as long to make as its file takes to rename."""

_START_WRITING = 2  # SYNC_FILE_RANGE_WRITE: begin, and wait for nothing (sync_file_range(2), Linux only)
_sync_file_range = getattr(ctypes.CDLL(None), "sync_file_range", None)
if _sync_file_range is not None:
    _sync_file_range.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_SIDE_BY_SIDE = 8
"""Flushes at a time: more of them are not done sooner."""


class Stamp(NamedTuple):
    """What tells a file from every other that has had its name, as long as nobody writes into it."""

    inode: int
    written: int
    size: int


def stamp(path: Name) -> Stamp:
    """That of a file. Raises OSError."""
    found = os.stat(path)
    return Stamp(found.st_ino, found.st_mtime_ns, found.st_size)


def folder_of(path: Name) -> str:
    """The folder that it lies in."""
    return os.path.dirname(path)


def sync(path: Name, handle: int | None = None) -> None:
    """Make a file's bytes, or a folder's names, durable. handle: of the same, where it is open."""
    if handle is None:
        _flush(path)
    else:
        os.fsync(handle)


def sync_all(paths: Iterable[Name]) -> None:
    """The same for several, side by side: the file system joins what is asked for at once. Raises the first OSError."""
    several = list(paths)
    if len(several) <= _SIDE_BY_SIDE:
        # The first of a few folders brings the others along; threads would cost more than they save.
        for path in several:
            _flush(path)
        return
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        for _ in pool.map(_flush, several):
            pass


def _flush(path: Name) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def begin_sync(handle: int, offset: int, length: int) -> None:
    """Have the system begin to write so many bytes of an open file (0: to its end) to the disk. A hint: no more."""
    if _sync_file_range is not None:
        _sync_file_range(handle, offset, length, _START_WRITING)


def read(path: Name) -> bytes:
    """All of a small file, by four calls of the system where `open` needs eight. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        return os.read(handle, os.fstat(handle).st_size)
    finally:
        os.close(handle)


def put(path: Name, data: bytes, mode: int = 0o666) -> None:
    """Write a new file under a name that counts for nothing yet. Not durable, nor whole after a crash, until synced.

    A file that has the name already keeps its bytes, which may be those of other names, too. mode: less the umask.
    """
    try:
        handle = os.open(path, _NEW, mode)
    except FileExistsError:
        os.unlink(path)
        handle = os.open(path, _NEW, mode)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
    finally:
        os.close(handle)


def sync_share(folder: Path) -> None:
    """The same for a folder of a share. Some know no such thing for folders, and keep names by themselves."""
    try:
        sync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise


def write(path: Path, data: bytes) -> None:
    """Put a whole file in place, durably: no reader ever sees half of it. The name needs a `sync` of its folder."""
    draft = path.with_name(f".{path.name}.draft")
    with _new(draft) as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    draft.rename(path)


def _new(draft: Path) -> BinaryIO:
    """Open a draft. Where others work, a link may stand in its place: it goes, and what it leads to stays."""
    try:
        return open(draft, "wb", opener=_no_link)  # Path.open knows no opener
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
    draft.unlink(missing_ok=True)
    return open(draft, "wb", opener=_no_link)


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def append(path: Path, data: bytes) -> None:
    """Add to the end of a file, made where there is none, for this account alone. Not durable until it is synced.

    A new file's name is durable at once: nobody who syncs the file later knows that it was new. One write: other
    processes that append lose nothing. Raises OSError where not all of it went in.
    """
    new = False
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        new = True
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        if os.write(handle, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(handle)
    if new:
        sync(path.parent)


def move(source: Name, target: Name) -> None:
    """Rename within the file system, replacing the target. Not durable until both folders are synced."""
    os.rename(source, target)


def link(source: Name, target: Name) -> bool:
    """Give a file a second name; nothing happens where the name is there already. Needs a `sync` of the folder.

    Answers whether it has given it.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        return False
    return True


def copy(source: Path, target: Path) -> None:
    """Copy a file under a new name, durably and at once whole. The name needs a `sync` of its folder."""
    draft = target.with_name(f".{target.name}.draft")
    with source.open("rb") as reader, _new(draft) as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
    draft.rename(target)


def remove(path: Name) -> None:
    """Remove a file; nothing happens where it is gone. A power cut may bring it back until its folder is synced."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def make_folder(path: Path, *, share: bool = False) -> None:
    """Make a folder and those above it, durably; on a `share` as durably as it can."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        if share:
            sync_share(folder.parent)
        else:
            sync(folder.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it. Not durable."""
    shutil.rmtree(path, ignore_errors=True)
