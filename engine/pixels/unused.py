"""The bits of samples that are not part of their value: overlays used to be put there (PS3.5 8.1.2, PS3.3 C.9.2).

Viewers do not show them, but whoever looks for them finds what was drawn. In native pixels they are set to zero; in
compressed ones they are only looked at. Bits that repeat the sign are part of the value. Must not know boxes.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from engine.errors import Unclean
from engine.pixels.codec import Codec
from engine.pixels.elements import Element
from engine.pixels.frames import encapsulated_jobs, in_threads
from engine.pixels.image import Image
from engine.pixels.native import Stored

NAME = "bits beyond Bits Stored"
"""How they are called where it is told that they were cleared."""

_PIECE = 1 << 22
_BITS, _POSITION, _DATA = 0x0100, 0x0102, 0x3000

Cells = NDArray[np.unsignedinteger]


def refuse(head: Dataset, image: Image, *, native: bool) -> None:
    """Raises `Unclean` for an overlay that is embedded in the pixels where it cannot be taken out of them.

    An overlay is embedded if it says a bit position and has no data of its own.
    """
    for group in range(0x6000, 0x6100, 2):
        bits, position = (head.get((group, number)) for number in (_BITS, _POSITION))
        if (group, _DATA) in head or (bits is None and position is None):
            continue
        if not native:
            raise Unclean("an overlay is embedded in compressed pixels: put `decompress` before this step")
        if position is None or not isinstance(position.value, int) or _values(image) >> position.value & 1:
            raise Unclean("an overlay is embedded in bits that belong to the values of the pixels")


def clear(path: Path, image: Image, stored: Stored) -> bool:
    """Set the bits beyond the values in native pixels to zero, unless they are or repeat the sign; whether any were.

    Raises `Unclean` where it cannot be told which bits those are.
    """
    if not _has(image):
        return False
    pieces = list(_pieces(path, image, stored, "r"))
    if all(map(partial(_is_empty, image), pieces)) or all(map(partial(_is_sign, image), pieces)):
        return False
    if image.bits_allocated == 32 and not stored.little:
        # Some swap all four bytes, some the two of each word, and the file does not say which.
        raise Unclean(
            "pixels of 32 bits in big endian may hide something beyond Bits Stored: nobody can say which bits"
        )
    for piece in _pieces(path, image, stored, "r+"):
        piece &= piece.dtype.type(_values(image))
    return True


def same_values(one: Path, other: Path, image: Image, places: tuple[Stored, Stored]) -> bool:
    """Whether native pixels of two files are the same but for the bits beyond their values."""
    pairs = zip(_pieces(one, image, places[0], "r"), _pieces(other, image, places[1], "r"), strict=True)
    if not _has(image):
        return all(np.array_equal(a, b) for a, b in pairs)
    mask = _values(image)
    return all(np.array_equal(a & a.dtype.type(mask), b & b.dtype.type(mask)) for a, b in pairs)


def refuse_encoded(file: BinaryIO, image: Image, pixels: Element, codec: Codec) -> None:
    """Raises `Unclean` where a codec that carries all bits brings some that are beyond the values."""
    if not codec.whole or not _has(image):
        return
    jobs = encapsulated_jobs(file, image, pixels, codec.decode, codec.start)
    empty = sign = True
    for cells in in_threads(jobs):
        empty, sign = empty and _is_empty(image, cells), sign and _is_sign(image, cells)
        if not empty and not sign:
            raise Unclean("compressed pixels hide something beyond Bits Stored: put `decompress` before this step")


def _has(image: Image) -> bool:
    return image.bits_allocated in (8, 16, 32) and image.bits_stored < image.bits_allocated


def _values(image: Image) -> int:
    """A mask of the bits that hold values."""
    return (1 << image.bits_stored) - 1 << (image.high_bit + 1 - image.bits_stored)


def _is_empty(image: Image, cells: Cells) -> bool:
    return not (cells & cells.dtype.type(~_values(image) & (1 << image.bits_allocated) - 1)).any()


def _is_sign(image: Image, cells: Cells) -> bool:
    """Whether the bits above the values repeat the sign, and those below are zero."""
    if not image.signed:
        return False
    above = (1 << image.bits_allocated) - (1 << image.high_bit + 1)
    below = (1 << image.high_bit + 1 - image.bits_stored) - 1
    kind = cells.dtype.type
    negative = (cells & kind(1 << image.high_bit)) != 0
    high = cells & kind(above)
    return not (cells & kind(below)).any() and bool((high == np.where(negative, kind(above), kind(0))).all())


def _pieces(path: Path, image: Image, stored: Stored, mode: Literal["r", "r+"]) -> Iterator[Cells]:
    """The samples of native pixels, in memory one piece after the other."""
    # 8-bit samples in words stand swapped, which is nothing to a mask that is the same for all of them.
    order = "<" if stored.little else ">"
    whole = np.memmap(path, np.uint8, mode)[stored.value : stored.value + stored.length]
    width = image.bits_allocated // 8 or 1
    samples = np.asarray(whole[: len(whole) // width * width]).view(f"{order}u{width}")
    for at in range(0, len(samples), _PIECE):
        yield samples[at : at + _PIECE]
