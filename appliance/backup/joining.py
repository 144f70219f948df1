"""Files that only ever grow, of two machines or of two moments, as one: nothing that either tells of is lost.

What both begin with stands once; then comes the rest of the backup's, then the rest of this machine's. To do it again
changes nothing. It must not know what the lines mean.
"""

import os
from pathlib import Path
from typing import BinaryIO

from engine import files

_BLOCK = 1 << 20


def join(theirs: Path, mine: Path) -> None:
    """Bring a file of the backup (`theirs`) into one of this machine. Durable, and whole at every moment.

    theirs may be moved away. Raises OSError.
    """
    if not mine.exists():
        files.make_folder(mine.parent)
        _put(theirs, mine)
        return
    with theirs.open("rb") as first, mine.open("rb") as second:
        sizes = [os.fstat(stream.fileno()).st_size for stream in (first, second)]
        same = _same(first, second)
        if same == sizes[0]:
            return
        if same == sizes[1]:
            _put(theirs, mine)
            _add_late(second, sizes[1], mine)
            return
        draft = mine.with_name(f".{mine.name}.joined")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as writer:
            first.seek(0)
            _copy(first, writer)
            second.seek(line_before(second, same))
            _copy(second, writer)
            taken = second.tell()
        files.sync(draft)
        files.move(draft, mine)
        files.sync(mine.parent)
        _add_late(second, taken, mine)


def join_lines(theirs: Path, mine: Path, *, mine_first: bool) -> bytes:
    """Two small files of lines, each once: those of one, then those that only the other has. Nothing is written."""
    order = [mine, theirs] if mine_first else [theirs, mine]
    lines = [line for path in order if path.is_file() for line in path.read_bytes().split()]
    kept = list(dict.fromkeys(lines))
    if mine_first:
        # The last line counts: it is to be the backup's last.
        last = theirs.read_bytes().split()[-1:] if theirs.is_file() else []
        kept = [line for line in kept if line not in last] + last
    return b"".join(line + b"\n" for line in kept)


def _put(theirs: Path, mine: Path) -> None:
    files.move(theirs, mine)
    files.sync(mine.parent)


def _add_late(old: BinaryIO, taken: int, mine: Path) -> None:
    """What somebody has added to the file as it was, while it was joined."""
    old.seek(taken)
    late = old.read()
    if late:
        files.append(mine, late)
        files.sync(mine)


def _same(first: BinaryIO, second: BinaryIO) -> int:
    """How many bytes both begin with."""
    count = 0
    while True:
        one, other = first.read(_BLOCK), second.read(_BLOCK)
        if one != other or not one:
            return count + next(
                (at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
            )
        count += len(one)


def line_before(stream: BinaryIO, place: int) -> int:
    """Where the line begins in which this place is: what stands before it is whole lines."""
    end = place
    while end > 0:
        begin = max(0, end - _BLOCK)
        stream.seek(begin)
        found = stream.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def _copy(reader: BinaryIO, writer: BinaryIO) -> None:
    while block := reader.read(_BLOCK):
        writer.write(block)
