"""One at a time: a lock file that threads and processes take in turn; the kernel gives it back where one is killed."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from engine import files


@contextlib.contextmanager
def alone(lock: Path, wait: bool = True) -> Iterator[bool]:
    """Nobody else has it meanwhile. Without waiting: whether that is so. Not to be taken twice by one thread.

    Raises OSError.
    """
    files.make_folder(lock.parent)
    handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield _taken(handle, wait)
    finally:
        os.close(handle)


def _taken(handle: int, wait: bool) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
