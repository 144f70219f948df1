"""What follows from text that was found: boxes to blank, or a reason to hold. Pure; must not know how it was found."""

from collections.abc import Sequence

import numpy as np

from engine.errors import Unclean
from engine.pixels.boxes import Box

TOLD = 4
"""How many places a reason names."""
MARGIN = 4
"""Pixels around a box of text that are blanked with it, or a quarter of its height where that is more."""


def to_blank(found: Sequence[Box], columns: int, rows: int) -> tuple[Box, ...]:
    """The boxes with a margin, on an image of this size."""
    return tuple(_grown(box, columns, rows) for box in found)


def refuse_left(found: Sequence[Box], apart: Sequence[Box]) -> None:
    """Raises `Unclean` if text was found in a cleaned image, apart from what lies in these boxes."""
    left = [box for box in found if not _inside(box, apart)]
    if not left:
        return
    places = ", ".join(f"({box.x}, {box.y}, {box.width}, {box.height})" for box in left[:TOLD])
    more = f" and {len(left) - TOLD} more" if len(left) > TOLD else ""
    raise Unclean(
        f"the cleaned image still shows text, at {places}{more} (x, y, width, height): blank it by `regions` of the "
        "rules, or name regions where it may stay behind `apart from`"
    )


def _grown(box: Box, columns: int, rows: int) -> Box:
    margin = max(MARGIN, box.height // 4)
    x, y = max(0, box.x - margin), max(0, box.y - margin)
    return Box(x, y, min(columns, box.right + margin) - x, min(rows, box.bottom + margin) - y)


def _inside(box: Box, apart: Sequence[Box]) -> bool:
    """Whether nine tenths of a box lie in others together."""
    covered = np.zeros((box.height, box.width), np.bool_)
    for other in apart:
        top, bottom = max(0, other.y - box.y), max(0, other.bottom - box.y)
        covered[top:bottom, max(0, other.x - box.x) : max(0, other.right - box.x)] = True
    return bool(10 * np.count_nonzero(covered) >= 9 * covered.size)
