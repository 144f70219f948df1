"""Blank boxes in native (uncompressed) pixels while they are copied (PS3.5 sections 8.1, 8.2, A.1 to A.3).

All goes through a quarter of a megabyte of memory, which stays in a processor's cache, and is blanked on its way:
nothing is written twice. Must not know what else is in the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import splice
from engine.pixels.boxes import Box, clip, grow
from engine.pixels.image import Image
from engine.pixels.splice import Range

Bytes = NDArray[np.uint8]

_PIECE = 1 << 18


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
    begin = needed(image) & ~1 if stored.words else needed(image)
    tail = pixels(path, stored)[begin:]
    if (_swapped(tail) if stored.words else tail)[needed(image) - begin :].any():
        raise Unclean("the pixels are longer than rows, columns and frames say")


def needed(image: Image) -> int:
    """The bytes that all frames take."""
    return -(-image.frames * frame_bits(image) // 8)


def pixels(path: Path, stored: Stored) -> Bytes:
    """The bytes of the pixels of a file, which are read when they are looked at."""
    return np.asarray(np.memmap(path, np.uint8, "r"))[stored.value : stored.value + stored.length]


def copy(
    source: BinaryIO, target: BinaryIO, image: Image, stored: Stored, boxes: Sequence[Box], black: Sequence[int]
) -> None:
    """Append the pixels of a file to another, with every pixel under the boxes, in every frame, set to `black`.

    `boxes`: as `blanked_boxes` gives them. `black`: as `fill.black` gives it.
    """
    if image.bits_allocated == 1 or stored.words:
        _copy_shared(source, target, image, stored, boxes, black)
        return
    bands, size = _bands(image, stored, boxes, black), frame_bits(image) // 8
    for frame in range(image.frames):
        for band in bands:
            band.copy(source, target, stored.value + frame * size)
    splice.copy(source, target, (Range(stored.value + image.frames * size, stored.value + stored.length),))


@dataclass(frozen=True)
class _Band:
    """Some rows of a frame, in its bytes `start` up to `end`.

    `spans`: where in each row which bytes are to be. `black`: all that is to be there, where a box has the whole rows.
    `scratch`: memory for them, which they share.
    """

    start: int
    end: int
    rows: int
    spans: tuple[tuple[int, Bytes], ...]
    black: Bytes | None
    scratch: Bytes

    def copy(self, source: BinaryIO, target: BinaryIO, frame: int) -> None:
        """These rows of the frame whose bytes begin at an offset of the source."""
        if self.black is not None:
            target.write(self.black.data)
            return
        _read(source, frame + self.start, self.scratch)
        self.blank(self.scratch)
        target.write(self.scratch.data)

    def blank(self, part: Bytes) -> None:
        """Blank the boxes in these rows."""
        rows = part.reshape(self.rows, -1)
        for first, fill in self.spans:
            rows[:, first : first + fill.size] = fill


def _bands(image: Image, stored: Stored, boxes: Sequence[Box], black: Sequence[int]) -> list[_Band]:
    """All bytes of a frame in order, cut at the upper and lower edges of the boxes, and where they would be many.

    Rows consist of cells: pixels, or pairs of them in YBR_FULL_422, or the samples of one plane.
    """
    pixels_of = 2 if image.photometric == "YBR_FULL_422" else 1
    sample = np.dtype(f"{'<' if stored.little else '>'}u{image.bits_allocated // 8}")
    by_plane = image.samples == 3 and image.planar == 1
    cells = [np.array([value], sample) for value in black] if by_plane else [np.array(black, sample)]
    edges = sorted({0, image.rows} | {box.y for box in boxes} | {box.bottom for box in boxes})
    found: list[_Band] = []
    scratch = np.empty(0, np.uint8)
    for plane, cell in enumerate(cells):
        row = image.columns // pixels_of * cell.nbytes
        few = max(1, _PIECE // row)
        cuts = sorted({cut for top, bottom in pairwise(edges) for cut in range(top, bottom, few)} | {image.rows})
        scratch = np.empty(max(scratch.size, few * row), np.uint8)
        for top, bottom in pairwise(cuts):
            spans = tuple(
                (box.x // pixels_of * cell.nbytes, np.tile(cell, box.width // pixels_of).view(np.uint8))
                for box in boxes
                if box.y <= top and box.bottom >= bottom
            )
            whole = next((fill for _, fill in spans if fill.size == row), None)
            ready = None if whole is None else np.tile(whole, bottom - top)
            first, rows = plane * image.rows, bottom - top
            start, end = (first + top) * row, (first + bottom) * row
            found.append(_Band(start, end, rows, spans, ready, scratch[: end - start]))
    return found


def _copy_shared(
    source: BinaryIO, target: BinaryIO, image: Image, stored: Stored, boxes: Sequence[Box], black: Sequence[int]
) -> None:
    """The same where frames may share a byte, as those of one bit do, or a word."""
    bands = _bands(image, stored, boxes, black) if stored.words else []
    size = frame_bits(image)
    carried, end = np.empty(0, np.uint8), 0
    for frame in range(image.frames):
        begin, end = _reach(frame * size, (frame + 1) * size, stored.words)
        following = _reach((frame + 1) * size, (frame + 2) * size, stored.words)[0] if frame + 1 < image.frames else end
        window = np.empty(end - begin, np.uint8)
        _read(source, stored.value + begin, window)
        window[: carried.size] = carried
        if stored.words:
            window = _swapped(window)
            cells = window[frame * size // 8 - begin :]
            for band in bands:
                band.blank(cells[band.start : band.end])
            window = _swapped(window)
        else:
            window = _blank_bits(window, image, boxes, black[0], frame * size - 8 * begin)
        target.write(window[: following - begin].data)
        carried = window[following - begin :]
    splice.copy(source, target, (Range(stored.value + end, stored.value + stored.length),))


def _read(source: BinaryIO, at: int, into: Bytes) -> None:
    if splice.read_into(source, at, into.data) != into.size:
        raise EOFError("the source became shorter while it was read")


def _reach(first: int, last: int, words: bool) -> tuple[int, int]:
    """The bytes that hold these bits, and if they stand in words, the whole words."""
    begin, end = first // 8, -(-last // 8)
    return (begin & ~1, end + 1 & ~1) if words else (begin, end)


def _blank_bits(window: Bytes, image: Image, boxes: Sequence[Box], black: int, begin: int) -> Bytes:
    """The bytes of one frame, whose bits begin at bit `begin` of them, with the boxes blanked."""
    bits = np.unpackbits(window, bitorder="little")  # the first pixel is the least significant bit (PS3.5 8.1.1)
    cells = bits[begin : begin + frame_bits(image)].reshape(image.rows, image.columns)
    for box in boxes:
        cells[box.y : box.bottom, box.x : box.right] = black
    return np.packbits(bits, bitorder="little")


def _swapped(words: Bytes) -> Bytes:
    """A copy in which every two bytes stand swapped."""
    return words.reshape(-1, 2)[:, ::-1].reshape(-1).copy()
