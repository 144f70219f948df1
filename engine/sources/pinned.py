"""Files and folders of others, held by what they are and not by their names: whoever works there may put a link in a
name's place at any moment, also between our look at it and our reading of it.

What is held is reached by a path of this process alone (proc(5), /proc/PID/fd); where there is no such thing, by its
name.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FDS = Path("/proc/self/fd")
_IS_LINK = (errno.ELOOP, errno.ENOTDIR)


class Elsewhere(Exception):
    """A link, or nothing, stands where it was."""


@contextmanager
def pinned(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """A plain file, and how it is. Raises Elsewhere, OSError."""
    # A pipe without a writer would keep us for ever.
    with _held(path, os.O_RDONLY | os.O_NONBLOCK) as (fd, there):
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Elsewhere
        yield there, found


@contextmanager
def folder_of(path: Path, root: Path) -> Iterator[Path]:
    """The same file by the folder that it lies in, on the way to which below `root` is no link. Raises Elsewhere."""
    # Where the root is, links and all, the rules say.
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in path.parent.relative_to(root).parts:
            try:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
            except OSError as error:
                if error.errno in (*_IS_LINK, errno.ENOENT):
                    raise Elsewhere from None
                raise
            os.close(fd)
            fd = below
        yield (_FDS / str(fd) if _FDS.is_dir() else path.parent) / path.name
    finally:
        os.close(fd)


@contextmanager
def _held(path: Path, flags: int) -> Iterator[tuple[int, Path]]:
    try:
        fd = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (*_IS_LINK, errno.ENOENT):
            raise Elsewhere from None
        raise
    try:
        yield fd, _FDS / str(fd) if _FDS.is_dir() else path
    finally:
        os.close(fd)
