"""Blank boxes in native (uncompressed) pixels, in place, through a memory map (PS3.5 sections 8.1, 8.2, A.1 to A.3).

Touches only the bytes under the boxes. Must not know how the file was copied or what else is in it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels.boxes import Box, clip, grow
from engine.pixels.image import Image

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Stored:
    """Where native pixels lie in a file, and how: `value` and `length` in bytes.

    `words`: 8-bit samples in 16-bit words of big endian (OW), so every two bytes stand swapped (PS3.5 8.1.1).
    """

    value: int
    length: int
    little: bool
    words: bool


def blanked_boxes(image: Image, boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes as they will be blanked: clipped to the image; grown to pairs of columns where pairs share colour."""
    if image.photometric == "YBR_FULL_422":
        return tuple(grow(box, image.columns, image.rows, 2, 1) for box in boxes)
    return tuple(clip(box, image.columns, image.rows) for box in boxes)


def frame_bits(image: Image) -> int:
    """How many bits a frame has. Frames follow each other without padding, in 1-bit images even inside a byte."""
    samples = 2 if image.photometric == "YBR_FULL_422" else image.samples
    return image.rows * image.columns * samples * image.bits_allocated


def check(path: Path, image: Image, stored: Stored) -> None:
    """Raises `Unclean` if the pixels are not exactly what the header says.

    Bytes too many could be a frame that the header keeps quiet about; so only zeroes may follow the last frame.
    """
    if image.bits_allocated not in (1, 8, 16, 32):
        raise Unclean("this number of Bits Allocated is not supported")
    if image.bits_allocated == 1 and image.samples != 1:
        raise Unclean("colour images of one bit are not supported")
    if image.bits_allocated == 1 and stored.words:
        raise Unclean("pixels of one bit as words in big endian are read in two ways by different readers")
    if image.samples == 3 and image.planar is None:
        raise Unclean("PlanarConfiguration is missing")
    if image.photometric == "YBR_FULL_422" and (image.columns % 2 or image.planar != 0 or image.bits_allocated != 8):
        raise Unclean("YBR_FULL_422 needs even columns, 8 bits and colour by pixel")
    if stored.length < needed(image):
        raise Unclean("the pixels are truncated: shorter than rows, columns and frames say")
    if stored.words and stored.length % 2:
        raise Unclean("the pixels have an odd length")
    with _window(_pixels(path, stored, "r"), stored.words, needed(image), stored.length, write=False) as tail:
        if tail.any():
            raise Unclean("the pixels are longer than rows, columns and frames say")


def needed(image: Image) -> int:
    """The bytes that all frames take."""
    return -(-image.frames * frame_bits(image) // 8)


def blank(path: Path, image: Image, stored: Stored, boxes: Sequence[Box], black: Sequence[int]) -> None:
    """Set every pixel under the boxes, in every frame, to `black`.

    `boxes`: as `blanked_boxes` gives them. `black`: as `fill.black` gives it.
    """
    pixels = _pixels(path, stored, "r+")
    for frame in range(image.frames):
        if image.bits_allocated == 1:
            _blank_bits(pixels, image, boxes, black[0], frame)
        else:
            _blank_samples(pixels, image, stored, boxes, black, frame)


def _blank_samples(
    pixels: Bytes, image: Image, stored: Stored, boxes: Sequence[Box], black: Sequence[int], frame: int
) -> None:
    size = frame_bits(image) // 8
    order = "<" if stored.little else ">"
    sample = np.dtype(f"{order}u{image.bits_allocated // 8}")
    value = np.array(black, sample)
    with _window(pixels, stored.words, frame * size, (frame + 1) * size) as window:
        if image.photometric == "YBR_FULL_422":
            pairs = window.reshape(image.rows, image.columns // 2, 4)
            for box in boxes:
                pairs[box.y : box.bottom, box.x // 2 : box.right // 2] = _row(value, box.right // 2 - box.x // 2)
        elif image.samples == 3 and image.planar == 1:
            planes = window.view(sample).reshape(3, image.rows, image.columns)
            for box in boxes:
                planes[:, box.y : box.bottom, box.x : box.right] = value[:, None, None]
        else:
            cells = window.view(sample).reshape(image.rows, image.columns, image.samples)
            for box in boxes:
                cells[box.y : box.bottom, box.x : box.right] = _row(value, box.width)


def _row(value: NDArray[np.generic], width: int) -> NDArray[np.generic]:
    """A value as often as a row needs it: rows are copied ten times as fast as single pixels."""
    return np.tile(value, (width, 1))


def _blank_bits(pixels: Bytes, image: Image, boxes: Sequence[Box], black: int, frame: int) -> None:
    size = frame_bits(image)
    first, last = frame * size, (frame + 1) * size
    window = pixels[first // 8 : -(-last // 8)]
    bits = np.unpackbits(window, bitorder="little")  # the first pixel is the least significant bit (PS3.5 8.1.1)
    begin = first % 8
    cells = bits[begin : begin + size].reshape(image.rows, image.columns)
    for box in boxes:
        cells[box.y : box.bottom, box.x : box.right] = black
    window[:] = np.packbits(bits, bitorder="little")


def _pixels(path: Path, stored: Stored, mode: Literal["r", "r+"]) -> Bytes:
    return np.asarray(np.memmap(path, np.uint8, mode))[stored.value : stored.value + stored.length]


@contextmanager
def _window(pixels: Bytes, words: bool, first: int, last: int, *, write: bool = True) -> Iterator[Bytes]:
    """Bytes `first` up to `last` of the pixels, to be changed: the map itself, or unswapped and put back swapped."""
    if not words:
        yield pixels[first:last]
        return
    begin, end = first & ~1, last + 1 & ~1
    swapped = pixels[begin:end].reshape(-1, 2)
    plain = swapped[:, ::-1].reshape(-1).copy()
    yield plain[first - begin : last - begin]
    if write:
        swapped[:] = plain.reshape(-1, 2)[:, ::-1]
