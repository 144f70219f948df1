"""What stands still in a cine while the picture moves, has edges, and was not taken for text: worth a closer look.

Alone it says little (scales and logos stand still as well, and in a still loop everything does), so it only votes for
a second, larger look with more contrast. Must not know how text is found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.pixels.boxes import Box
from engine.text.looks import Look
from engine.text.shades import YBR, Shades, Values, grey
from engine.text.shapes import connected, covered
from engine.text.summary import Summary

FEWEST = 6
"""With fewer frames much of a picture stands still by chance."""
MOVES = 0.1
"""The share of what is not flat that must move."""
STILL, SHARP = 6, 40
"""Shades (of 255) that a pixel may differ by and still stand still, and by which neighbours differ at an edge."""
CELL, EDGES = 8, 6
"""The side of a cell in pixels, and how many pixels of it must be still edges."""
MARGIN = 24
MOST = 240_000
"""Pixels that are looked at again in all: half of a usual frame, twice as large each way they cost as much as one."""


@dataclass(frozen=True)
class Place:
    """Where something stands still, and what to show of it."""

    box: Box
    look: Look


def places(summary: Summary, shades: Shades, known: Sequence[Box]) -> Iterator[Place]:
    """The places outside the known boxes, those with most edges first."""
    if summary.frames < FEWEST or summary.least is None or summary.most is None or summary.mean is None:
        return
    level = _one(summary.mean, shades)
    low, high = shades.spread(level)
    factor = np.float32(255 / max(1e-6, high - low))
    moved = (_one(summary.most, shades) - _one(summary.least, shades)) * factor
    level = level * factor
    steep = np.zeros(level.shape, np.float32)
    steep[:, 1:] += np.abs(np.diff(level, axis=1))
    steep[1:] += np.abs(np.diff(level, axis=0))
    sharp = steep > SHARP
    if np.count_nonzero(sharp & (moved > STILL)) < MOVES * np.count_nonzero(sharp):
        return
    rows, columns = (side // CELL for side in level.shape)
    still = (sharp & (moved <= STILL))[: rows * CELL, : columns * CELL]
    cells = still.reshape(rows, CELL, columns, CELL).sum((1, 3))
    found = [(Box(*(CELL * side for side in (b.x, b.y, b.width, b.height))), b) for b, _ in connected(cells >= EDGES)]
    found.sort(key=lambda one: -int(cells[one[1].y : one[1].bottom, one[1].x : one[1].right].sum()))
    left = MOST
    for box, _ in found:
        around = _around(box, level.shape[1], level.shape[0])
        if box.width < 2 * CELL or any(covered(box, other) for other in known) or around.width * around.height > left:
            continue
        left -= around.width * around.height
        piece = level[around.y : around.bottom, around.x : around.right]
        low, high = float(piece.min()), float(piece.max())
        yield Place(box, Look(grey(piece, low, high, shades.dark_is_high), 2, around.x, around.y))


def _one(values: Values, shades: Shades) -> NDArray[np.float32]:
    """Of colours the green, or the brightness of YBR: what stands still shows in one as well."""
    one = values if values.ndim == 2 else values[:, :, 0 if shades.image.photometric in YBR else 1]
    return one.astype(np.float32)


def _around(box: Box, columns: int, rows: int) -> Box:
    x, y = max(0, box.x - MARGIN), max(0, box.y - MARGIN)
    return Box(x, y, min(columns, box.right + MARGIN) - x, min(rows, box.bottom + MARGIN) - y)
