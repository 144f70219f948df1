"""Copy files with ranges of bytes left out, and compare them, a piece at a time. Must not know DICOM."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

_PIECE = 1 << 20
_COPIED = 1 << 18
"""Bytes that are copied at once: they stay in the cache of a processor."""


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
    """Append ranges of one file to another. Where the source stands is neither asked nor changed."""
    buffer = memoryview(bytearray(max((min(piece.end - piece.start, _COPIED) for piece in pieces), default=0)))
    for piece in pieces:
        at = piece.start
        while at < piece.end:
            count = read_into(source, at, buffer[: piece.end - at])
            if not count:
                raise EOFError("the source became shorter while it was read")
            target.write(buffer[:count])
            at += count


def read_into(file: BinaryIO, at: int, into: memoryview) -> int:
    """Fill memory with what a file has from an offset on; how many bytes that were, fewer only at its end."""
    done = 0
    while done < len(into) and (count := os.preadv(file.fileno(), [into[done:]], at + done)):
        done += count
    return done


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
