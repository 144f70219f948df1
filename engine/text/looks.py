"""Which pictures of an image are looked at, and how large. Must not know how text is found in them.

Each catches what the others miss. A still: as it is, made smaller for large letters, and what is faint made bright. A
cine: its first frame, the mean (in which moving echoes fade and what stands still stays), and the brightest value of
each pixel (in which text that flashes up in one frame stays).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.text.model import Picture
from engine.text.shades import Shades, Values, grey
from engine.text.summary import Summary

TINY, SMALL, LARGE = 400, 640, 2048
"""Long sides: up to the first all is shown at twice its size, up to the second what shows most, as letters of 6 pixels
are usual there; from the third on it is shown at a quarter as well."""
DARK, RANGE, CELL = 64, 6, 16
"""Faint is a cell of so many pixels in which nothing is brighter, and yet the shades differ by so much."""
EDGE = 32
SIMILAR = 0.1
"""Two ways to spread deep grey that differ by less, as a share of the width, are one."""


@dataclass(frozen=True)
class Look:
    """A picture and where its top left pixel lies in the image; `scale`: how much larger it is to be shown."""

    picture: Picture
    scale: float = 1
    x: int = 0
    y: int = 0


def looks(summary: Summary, shades: Shades) -> tuple[Look, ...]:
    """Most important first."""
    side = max(summary.first.shape[:2])
    pictures = list(_pictures(summary, shades))
    steady = next(iter(_shown(summary.mean if summary.mean is not None else summary.first, shades)))
    scale = 2 if side <= TINY else 1
    found = [Look(picture, scale) for picture in pictures]
    if TINY < side <= SMALL:
        at = min(1, len(pictures) - 1) if summary.mean is not None else 0
        found[at] = Look(pictures[at], 2)
    found += [Look(pictures[-1], 0.5)]
    if side >= LARGE:
        found += [Look(pictures[-1], 0.25)]
    return (*found, *_faint(steady, scale))


def _pictures(summary: Summary, shades: Shades) -> Iterator[Picture]:
    """Each at its own size; the last one shows all there is, as far as one picture can."""
    yield from _shown(summary.first, shades, wide=summary.mean is None)
    if summary.mean is None or summary.least is None or summary.most is None:
        return
    yield from _shown(summary.mean, shades)
    bright, dark = (summary.least, summary.most) if shades.dark_is_high else (summary.most, summary.least)
    if not np.array_equal(bright, dark):
        yield from _shown(bright, shades)


def _shown(values: Values, shades: Shades, *, wide: bool = False) -> Iterator[Picture]:
    """Values as a picture; `wide`: deep grey in several ways, in any of which a person might see it."""
    if values.ndim == 3:
        yield shades.colour(values if values.dtype.kind != "f" else np.rint(values).astype(np.int64))
        return
    low, high = shades.spread(values)
    yield shades.grey(values, low, high)
    if wide and shades.deep:
        done = [(low, high)]
        for other in (shades.window, (float(values.min()), float(values.max()))):
            if other is not None and other[1] > other[0] and all(_differs(other, one) for one in done):
                done.append(other)
                yield shades.grey(values, *other)


def _differs(one: tuple[float, float], other: tuple[float, float]) -> bool:
    slack = SIMILAR * min(one[1] - one[0], other[1] - other[0])
    return abs(one[0] - other[0]) > slack or abs(one[1] - other[1]) > slack


def _faint(picture: Picture, scale: float) -> Sequence[Look]:
    """What is nearly black, made bright: none where all that is dark is black."""
    shade = picture.max(2)
    rows, columns = (side // CELL for side in shade.shape)
    if not rows or not columns:
        return ()
    cells = shade[: rows * CELL, : columns * CELL].reshape(rows, CELL, columns, CELL)
    most = cells.max((1, 3))
    faint = (most < DARK) & (most - cells.min((1, 3)) >= RANGE)
    down, across = np.flatnonzero(faint.any(1)), np.flatnonzero(faint.any(0))
    if not down.size:
        return ()
    top, left = max(0, int(down[0]) * CELL - EDGE), max(0, int(across[0]) * CELL - EDGE)
    piece = shade[top : (int(down[-1]) + 1) * CELL + EDGE, left : (int(across[-1]) + 1) * CELL + EDGE]
    return (Look(grey(piece, 0, DARK), scale, left, top),)
