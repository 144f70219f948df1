"""Where a dataset lands: a file of its own, written as it comes, with whatever the network has put into its buffer.

Must not know who sent it, what it is, or what becomes of the file. Its bytes go to disk unchanged and undecoded.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path

from engine import files
from engine.errors import Later

_BEGIN_BYTES = 8 << 20
"""The disk is set to work after so many bytes: a large object is nearly written when its last byte comes."""


class TooLongError(Later):
    """The object is longer than we take. That is a limit of ours, which may be raised: its sender may try again."""


def land(pieces: Iterator[memoryview], meta: bytes, folder: Path, most: int) -> Path:
    """Write file meta information and a dataset to a file; not durable. Raises Later, and then there is no file.

    most: so many bytes may the dataset have.
    """
    path = folder / f"reception-{secrets.token_hex(12)}.part"
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Later(f"no file can be created: {error.strerror}") from None
    try:
        try:
            _write(handle, pieces, meta, most)
        finally:
            os.close(handle)
    except OSError as error:  # the disk is full or broken
        path.unlink(missing_ok=True)
        raise Later(f"the object cannot be written: {error.strerror}") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def _write(handle: int, pieces: Iterator[memoryview], meta: bytes, most: int) -> None:
    length, begun = 0, 0
    head = memoryview(meta)
    for piece in pieces:
        length += len(piece)
        if length > most:
            raise TooLongError(f"the object is longer than {most >> 20} MB, the most that is taken (receive_most_mb)")
        _all(handle, (head, piece) if head else (piece,))
        head = head[:0]
        if length - begun >= _BEGIN_BYTES:
            files.begin_sync(handle, begun, length - begun)
            begun = length
    if head:
        _all(handle, (head,))


def _all(handle: int, views: Sequence[memoryview]) -> None:
    """Write all of these; a disk that fills up may take a part first, and says so only at the next call."""
    written, whole = os.writev(handle, views), sum(map(len, views))
    while written < whole:
        rest = b"".join(views)[written:]
        written += os.write(handle, rest)
