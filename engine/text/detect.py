"""Where text stands in one picture: cut into tiles, shown to the network, its answer made into boxes.

The idea is that of Differentiable Binarization: the network marks the core of each line of text, and the box is the
core's, grown by what the core is narrower. All of it in numpy. Must not know frames, files or how many pictures
there are.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.pixels.boxes import Box
from engine.text import model
from engine.text.model import Map, Picture
from engine.text.shapes import parts

TILE, OVERLAP = 832, 128
"""The largest side of what is shown at once, as the network takes 0.4 KB for each pixel, and by how much neighbours
overlap: more than a letter is wide."""
FLAT = 6
"""Where no sample differs by more, there is nothing to see."""
EDGE = 16
"""Pixels that are shown around a picture, and around what is busy in it."""
THINNEST, THICKEST = 3, 48
"""Pixels of a core, the narrow way, as it is shown. What is thicker here is an organ, or text when shown smaller."""
GROWTH = 1.6
"""How much larger than its core a box is: in areas by perimeter of the core, as the network was trained."""


@dataclass(frozen=True)
class Strictness:
    """How sure the network must be of a pixel, to be of a core, and on average of a core (0 to 255)."""

    pixel: int = 77
    core: int = 128


USUAL = Strictness()


def detect(picture: Picture, scale: float = 1, strictness: Strictness = USUAL) -> tuple[Box, ...]:
    """The boxes of text, in pixels of the picture, which is looked at larger or smaller by `scale` (2, 1, 0.5, …)."""
    shown = scaled(picture, scale)
    rows, columns = picture.shape[:2]
    found = []
    for core in parts(_map(shown), strictness.pixel):
        if not THINNEST <= min(core.box.width, core.box.height) <= THICKEST or core.mean < strictness.core:
            continue
        width, height = core.box.width, core.box.height
        grown = int(np.ceil(GROWTH * width * height / (2 * (width + height)))) + 1
        left, top = (core.box.x - grown) / scale, (core.box.y - grown) / scale
        right, bottom = (core.box.right + grown) / scale, (core.box.bottom + grown) / scale
        x, y = max(0, int(left)), max(0, int(top))
        found.append(Box(x, y, min(columns, int(np.ceil(right))) - x, min(rows, int(np.ceil(bottom))) - y))
    return tuple(box for box in found if box.width > 0 and box.height > 0)


def scaled(picture: Picture, scale: float) -> Picture:
    """The picture larger (2: each pixel between its neighbours) or smaller (0.5, 0.25: the mean of a square)."""
    if scale == 1:
        return picture
    if scale == 2:
        across = _doubled(picture.astype(np.uint16), 1)
        return _doubled(across, 0).astype(np.uint8)
    size = round(1 / scale)
    rows, columns = (-(-side // size) * size for side in picture.shape[:2])
    fill = ((0, rows - picture.shape[0]), (0, columns - picture.shape[1]), (0, 0))
    whole = np.pad(picture, fill, "edge").reshape(rows // size, size, columns // size, size, 3)
    total = whole[:, 0, :, 0].astype(np.uint16)
    for down in range(size):
        for right in range(size):
            if down or right:
                total += whole[:, down, :, right]
    return (total // size**2).astype(np.uint8)


def _doubled(values: NDArray[np.uint16], axis: int) -> NDArray[np.uint16]:
    before = np.concatenate([values.take([0], axis), values], axis).take(range(values.shape[axis]), axis)
    after = np.concatenate([values, values.take([-1], axis)], axis).take(range(1, values.shape[axis] + 1), axis)
    pairs = np.stack([(before + 3 * values + 2) // 4, (3 * values + after + 2) // 4], axis + 1)
    shape = list(values.shape)
    shape[axis] *= 2
    return pairs.reshape(shape)


def _map(picture: Picture) -> Map:
    # Letters that touch the edge of what it is shown are half as sure to the network.
    picture = np.pad(picture, ((EDGE, EDGE), (EDGE, EDGE), (0, 0)), "edge")
    rows, columns = picture.shape[:2]
    whole = np.zeros((rows, columns), np.uint8)
    top, bottom, left, right = _busy(picture)
    for y, y_end in _spans(top, bottom):
        for x, x_end in _spans(left, right):
            piece = picture[y:y_end, x:x_end]
            if int(piece.max()) - int(piece.min()) <= FLAT:
                continue
            height, width = y_end - y, x_end - x
            fill = ((0, -height % model.STEP), (0, -width % model.STEP), (0, 0))
            said = model.answer(np.pad(piece, fill, "edge"))[:height, :width]
            place = whole[y:y_end, x:x_end]
            np.maximum(place, said, out=place)
    return whole[EDGE:-EDGE, EDGE:-EDGE]


def _busy(picture: Picture) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of what is not all one colour: what has been blanked costs nothing."""
    differs = (np.maximum(picture, picture[0, 0]) - np.minimum(picture, picture[0, 0])).max(2) > FLAT
    down, across = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
    if not down.size:
        return 0, 0, 0, 0
    rows, columns = differs.shape
    return (
        max(0, int(down[0]) - EDGE),
        min(rows, int(down[-1]) + 1 + EDGE),
        max(0, int(across[0]) - EDGE),
        min(columns, int(across[-1]) + 1 + EDGE),
    )


def _spans(first: int, last: int) -> Iterator[tuple[int, int]]:
    """Few equal pieces of at most `TILE` that overlap."""
    length = last - first
    if length <= 0:
        return
    count = 1 if length <= TILE else -(-(length - OVERLAP) // (TILE - OVERLAP))
    size = -(-(length + (count - 1) * OVERLAP) // count)
    for number in range(count):
        begin = first + min(number * (size - OVERLAP), length - size)
        yield begin, begin + size
