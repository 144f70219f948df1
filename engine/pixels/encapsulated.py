"""Encapsulated pixels (PS3.5 A.4): find the frames of a file one by one, and write new ones.

Written out, every frame is one fragment and the Basic Offset Table is filled. The Extended Offset Table is not
written: together with its lengths it is left out by the caller, as it may only stand beside an empty Basic Offset
Table (PS3.3 C.7.6.3.1.8) and the new offsets are all in that. Objects beyond 4 GiB, which the Basic Offset Table
cannot count, are refused. Must not know codecs, apart from how every JPEG stream begins.
"""

import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from engine.errors import Unclean

_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
_START_OF_IMAGE = b"\xff\xd8"
_LONGEST = 0xFFFFFFFE
_DAMAGED = "the object is damaged: its encapsulated pixels"


@dataclass(frozen=True)
class Fragment:
    """One fragment: `start` is the offset of its item in the file, `value` and `length` are those of its bytes."""

    start: int
    value: int
    length: int


Frame = tuple[Fragment, ...]


def frames(
    file: BinaryIO,
    value: int,
    end: int,
    number_of_frames: int,
    extended: tuple[bytes, bytes] | None = None,
    start: bytes = _START_OF_IMAGE,
) -> tuple[Frame, ...]:
    """The fragments of each frame. `value`, `end`: the bytes of PixelData in the file, delimiter included.

    `extended`: the values of Extended Offset Table and Extended Offset Table Lengths, if the object has them.
    `start`: what each frame begins with, and nothing else does; empty if it is one fragment (RLE, PS3.5 A.4.2).
    Raises `Unclean` if the tables, the fragments, the starts of the streams and Number of Frames do not all say
    the same: a frame more would go out uncleaned, a frame less would be lost.
    """
    table, fragments = _items(file, value, end)
    starts = [at for at, fragment in enumerate(fragments) if _begins(file, fragment, start)]
    if starts[:1] != [0]:
        raise Unclean(
            "the frames do not begin as their transfer syntax demands: if they can be read, put `decompress` before "
            "this step"
        )
    if len(starts) != number_of_frames:
        raise Unclean("the object has another number of frames than it says")
    bounds = [*starts, len(fragments)]
    found = tuple(tuple(fragments[bounds[at] : bounds[at + 1]]) for at in range(number_of_frames))
    first = fragments[0].start
    if table and table != [frame[0].start - first for frame in found]:
        raise Unclean(f"{_DAMAGED} do not begin where their Basic Offset Table says")
    if extended is not None:
        _check_extended(found, first, *extended)
    return found


def read(file: BinaryIO, frame: Frame) -> bytes:
    """The compressed bytes of one frame. In any thread: where the file stands is neither asked nor changed."""
    return b"".join([os.pread(file.fileno(), fragment.length, fragment.value) for fragment in frame])


def write(file: BinaryIO, header: bytes, number_of_frames: int, streams: Iterable[bytes]) -> None:
    """Append a PixelData element: its header (tag, VR, undefined length), the tables, a fragment for each stream."""
    file.write(header + _ITEM + struct.pack("<L", 4 * number_of_frames))
    table_at = file.tell()
    file.write(bytes(4 * number_of_frames))
    offsets, offset = [], 0
    for stream in streams:
        offsets.append(offset)
        if len(stream) > _LONGEST:
            raise Unclean("a frame is too long for one fragment")
        odd = len(stream) % 2
        offset += file.write(_ITEM + struct.pack("<L", len(stream) + odd) + stream + b"\0" * odd)
    file.write(_SEQUENCE_END)
    if len(offsets) != number_of_frames:
        raise Unclean("the object has another number of frames than it says")
    if offsets[-1] > 0xFFFFFFFF:
        raise Unclean("the frames are longer than a Basic Offset Table can count")
    end = file.tell()
    file.seek(table_at)
    file.write(struct.pack(f"<{number_of_frames}L", *offsets))
    file.seek(end)


def _items(file: BinaryIO, at: int, end: int) -> tuple[list[int], list[Fragment]]:
    found: list[Fragment] = []
    while True:
        file.seek(at)
        header = file.read(8)
        if header == _SEQUENCE_END and at + 8 == end:
            break
        length = struct.unpack("<L", header[4:])[0] if len(header) == 8 else 0
        if header[:4] != _ITEM or at + 8 + length > end - 8:
            raise Unclean(f"{_DAMAGED} are not a row of fragments")
        found.append(Fragment(at, at + 8, length))
        at += 8 + length
    if len(found) < 2 or found[0].length % 4:
        raise Unclean(f"{_DAMAGED} have no fragment, or a Basic Offset Table of odd length")
    file.seek(found[0].value)
    table = file.read(found[0].length)
    return list(struct.unpack(f"<{len(table) // 4}L", table)), found[1:]


def _check_extended(found: Sequence[Frame], first: int, offsets: bytes, lengths: bytes) -> None:
    expected = struct.pack(f"<{len(found)}Q", *(frame[0].start - first for frame in found))
    sizes = [sum(fragment.length for fragment in frame) for frame in found]
    # A length may leave out the byte that pads a frame to an even length (PS3.3 C.7.6.3.1.8).
    given = struct.unpack(f"<{len(lengths) // 8}Q", lengths) if len(lengths) % 8 == 0 else ()
    if offsets != expected or len(given) != len(sizes):
        raise Unclean(f"{_DAMAGED} do not begin where their Extended Offset Table says")
    if any(size - length not in (0, 1) for size, length in zip(sizes, given, strict=True)):
        raise Unclean(f"{_DAMAGED} are not as long as their Extended Offset Table says")


def any_frames(file: BinaryIO, value: int, end: int, number_of_frames: int, start: bytes) -> tuple[Frame, ...]:
    """The fragments of each frame, of any codec. `start`: what a frame begins with; empty if it is one fragment.

    Raises `Unclean` where it is not certain which fragments are which frame.
    """
    table, fragments = _items(file, value, end)
    if number_of_frames == 1 and start:
        return (tuple(fragments),)
    if len(fragments) == number_of_frames:
        return tuple((fragment,) for fragment in fragments)
    first = fragments[0].start
    places = {fragment.start - first: at for at, fragment in enumerate(fragments)}
    if start and len(table) == number_of_frames and all(offset in places for offset in table):
        starts = [places[offset] for offset in table]
    else:
        starts = [at for at, fragment in enumerate(fragments) if start and _begins(file, fragment, start)]
    if len(starts) != number_of_frames or starts[:1] != [0] or starts != sorted(set(starts)):
        raise Unclean("the object has another number of frames than it says")
    bounds = [*starts, len(fragments)]
    return tuple(tuple(fragments[bounds[at] : bounds[at + 1]]) for at in range(number_of_frames))


def _begins(file: BinaryIO, fragment: Fragment, start: bytes) -> bool:
    file.seek(fragment.value)
    return file.read(min(len(start), fragment.length)) == start
