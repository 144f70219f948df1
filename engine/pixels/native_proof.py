"""Prove that native pixels were blanked, from the two files alone, byte by byte.

Goes the other way round than `native`: it looks at what should be equal (everything outside the boxes) as boxes of
their own, and reads bytes, not samples. Must not know what black is, or write.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels.boxes import Box, complement
from engine.pixels.frames import in_threads
from engine.pixels.image import Image

Cells = NDArray[np.uint8]


def prove(source: Cells, target: Cells, words: bool, image: Image, boxes: Sequence[Box]) -> None:
    """Raises `Unclean` unless inside the boxes one constant stands in all frames and outside nothing has changed.

    `source`, `target`: the bytes of the pixels before and after. `words`: every two bytes stand swapped.
    """
    outside = complement(boxes, image.columns, image.rows)
    first = _cut(_cells(target, words, image, 0), boxes[0], image)[:, :1, :1]
    # By whole rows, which is many times as fast as cell by cell.
    constant = [np.tile(first, (1, 1, last - begin, 1)) for begin, last in (_columns(box, image) for box in boxes)]

    def prove_frame(frame: int) -> None:
        before = _cells(source, words, image, frame)
        after = _cells(target, words, image, frame)
        for box in outside:
            if not np.array_equal(_cut(before, box, image), _cut(after, box, image)):
                raise Unclean("the proof failed: pixels outside the boxes have changed")
        for box, rows in zip(boxes, constant, strict=True):
            if not (_cut(after, box, image) == rows).all():
                raise Unclean("the proof failed: something is left inside a box")

    for _ in in_threads(partial(prove_frame, frame) for frame in range(image.frames)):
        pass


def _cells(stored: Cells, words: bool, image: Image, frame: int) -> Cells:
    """A frame as planes × rows × cells × bytes of a cell; a cell is a pixel, or a pair of them in YBR_FULL_422."""
    planes = image.samples if image.planar == 1 and image.samples > 1 else 1
    across = image.columns // 2 if image.photometric == "YBR_FULL_422" else image.columns
    bits = image.rows * image.columns * image.bits_allocated
    bits = bits * 2 if image.photometric == "YBR_FULL_422" else bits * image.samples
    first, last = frame * bits // 8, -(-(frame + 1) * bits // 8)
    plain = stored[np.arange(first, last) ^ 1] if words else stored[first:last]
    if image.bits_allocated == 1:
        skipped = frame * bits - first * 8
        plain = (plain[:, None] >> np.arange(8, dtype=np.uint8) & 1).reshape(-1)[skipped : skipped + bits]
    return plain.reshape(planes, image.rows, across, -1)


def _cut(cells: Cells, box: Box, image: Image) -> Cells:
    first, last = _columns(box, image)
    cut: Cells = cells[:, box.y : box.bottom, first:last]
    return cut


def _columns(box: Box, image: Image) -> tuple[int, int]:
    """The cells of a row that a box covers: the first, and the first behind it."""
    pixels = 2 if image.photometric == "YBR_FULL_422" else 1
    return box.x // pixels, -(-box.right // pixels)
