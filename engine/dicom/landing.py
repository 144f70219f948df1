"""Where a dataset lands: a file of its own, written as it comes, with whatever the network has put into its buffer.

Must not know who sent it, what it is, or what becomes of the file. Its bytes go to disk unchanged and undecoded.
"""

import itertools
import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from engine import files
from engine.errors import Later
from engine.seal import MOST_BYTES, Seal, Sealing

_BEGIN_BYTES = 8 << 20
"""The disk is set to work after so many bytes: a large object is nearly written when its last byte comes."""

_OURS = secrets.token_hex(12)
_COUNT = itertools.count()


class TooLongError(Later):
    """The object is longer than we take. That is a limit of ours, which may be raised: its sender may try again."""


class Landed(NamedTuple):
    """A file that was written and not flushed. It is open, for whoever flushes it; who has called `land` closes it."""

    path: Path
    handle: int
    seal: Seal | None
    """Where it is not too long for one."""


def land(pieces: Iterator[memoryview], meta: bytes, folder: Path, most: int) -> Landed:
    """Write file meta information and a dataset to a file; not durable. Raises Later, and then there is no file.

    most: so many bytes may the dataset have.
    """
    path = folder / f"reception-{_OURS}-{next(_COUNT)}.part"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Later(f"no file can be created: {error.strerror}") from None
    try:
        return Landed(path, handle, _write(handle, pieces, meta, most))
    except OSError as error:  # the disk is full or broken
        os.close(handle)
        path.unlink(missing_ok=True)
        raise Later(f"the object cannot be written: {error.strerror}") from None
    except BaseException:
        os.close(handle)
        path.unlink(missing_ok=True)
        raise


def _write(handle: int, pieces: Iterator[memoryview], meta: bytes, most: int) -> Seal | None:
    length, begun = 0, 0
    sealing: Sealing | None = Sealing()
    head = memoryview(meta)
    for piece in pieces:
        length += len(piece)
        if length > most:
            raise TooLongError(f"the object is longer than {most >> 20} MB, the most that is taken (receive_most_mb)")
        views = (head, piece) if head else (piece,)
        _all(handle, views)
        head = head[:0]
        if length > MOST_BYTES:
            sealing = None
        if sealing is not None:
            for view in views:
                sealing.add(view)
        if length - begun >= _BEGIN_BYTES:
            files.begin_sync(handle, begun, length - begun)
            begun = length
    if head:
        _all(handle, (head,))
        return None
    return None if sealing is None else sealing.seal()


def _all(handle: int, views: Sequence[memoryview]) -> None:
    """Write all of these; a disk that fills up may take a part first, and says so only at the next call."""
    written, whole = os.writev(handle, views), sum(map(len, views))
    while written < whole:
        rest = b"".join(views)[written:]
        written += os.write(handle, rest)
