"""Files below folders that the service may write: opened and removed as root without being led elsewhere.

No link is followed on the whole way, nothing but a regular file is opened, and none is waited for. It must not know
what is read.
"""

import os
import shutil
import stat
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Odd(OSError):
    """There is something at this place that should not be there."""


def open_file(folder: Path, *names: str) -> int:
    """A handle for reading folder/NAMES. folder itself is root's, what is below is not. Raises OSError, Odd."""
    handle = _open_folder(folder, names[:-1])
    try:
        file = os.open(_plain(names[-1]), _FILE, dir_fd=handle)
    finally:
        os.close(handle)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise Odd("no regular file")
    return file


def names_in(folder: Path, *names: str) -> list[str]:
    """What is in folder/NAMES, in order. Raises OSError, Odd."""
    handle = _open_folder(folder, names)
    try:
        return sorted(os.listdir(handle))  # noqa: PTH208 - a Path would be looked up anew
    finally:
        os.close(handle)


def take(most: int, folder: Path, *names: str) -> bytes:
    """Read a small file and remove it. Raises OSError, and Odd where it is no file or has more than `most` bytes."""
    try:
        file = open_file(folder, *names)
        try:
            data = os.read(file, most + 1)
        finally:
            os.close(file)
    finally:
        drop(folder, *names)
    if len(data) > most:
        raise Odd("too large")
    return data


def drop(folder: Path, *names: str) -> None:
    """Remove whatever has this name, a folder with all that is in it too. Raises OSError, Odd."""
    handle = _open_folder(folder, names[:-1])
    try:
        try:
            os.unlink(_plain(names[-1]), dir_fd=handle)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(_plain(names[-1]), dir_fd=handle)
    finally:
        os.close(handle)


def _open_folder(folder: Path, names: tuple[str, ...]) -> int:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for name in names:
        try:
            below = os.open(_plain(name), _FOLDER, dir_fd=handle)
        finally:
            os.close(handle)
        handle = below
    return handle


def _plain(name: str) -> str:
    if not name or "/" in name or "\0" in name or name in (".", ".."):
        raise Odd("no name of a file")
    return name
