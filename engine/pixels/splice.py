"""Copy files with ranges of bytes left out, and compare them, a piece at a time. Must not know DICOM."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

_PIECE = 1 << 20


@dataclass(frozen=True)
class Range:
    """Bytes `start` up to `end` of a file."""

    start: int
    end: int


def without(whole: Range, left_out: Sequence[Range]) -> tuple[Range, ...]:
    """What remains of a range, in order; the ranges left out must not overlap."""
    kept: list[Range] = []
    at = whole.start
    for gap in sorted(left_out, key=lambda gap: gap.start):
        if gap.end <= whole.start or gap.start >= whole.end:
            continue
        kept.append(Range(at, gap.start))
        at = gap.end
    return tuple(piece for piece in (*kept, Range(at, whole.end)) if piece.start < piece.end)


def copy(source: BinaryIO, target: BinaryIO, pieces: Sequence[Range]) -> None:
    """Append ranges of one file to another."""
    for piece in pieces:
        source.seek(piece.start)
        left = piece.end - piece.start
        while left:
            read = source.read(min(left, _PIECE))
            if not read:
                raise EOFError("the source became shorter while it was read")
            target.write(read)
            left -= len(read)


def same(one: BinaryIO, pieces: Sequence[Range], other: BinaryIO, start: int) -> bool:
    """Whether the pieces of one file, put together, are what the other has from `start`."""
    other.seek(start)
    for piece in pieces:
        one.seek(piece.start)
        left = piece.end - piece.start
        while left:
            read = one.read(min(left, _PIECE))
            if not read or read != other.read(len(read)):
                return False
            left -= len(read)
    return True


def length(pieces: Sequence[Range]) -> int:
    """Bytes in all pieces together."""
    return sum(piece.end - piece.start for piece in pieces)
