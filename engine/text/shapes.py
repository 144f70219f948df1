"""What hangs together in a map, as boxes. Pure arithmetic; must not know what the map means."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.pixels.boxes import Box

CELL = 4
"""Pixels nearer than this, across or down, may count as one part: parts are told from each other in cells."""


@dataclass(frozen=True)
class Part:
    """What hangs together: its box in pixels, and the mean of the map over its pixels."""

    box: Box
    mean: float


def parts(values: NDArray[np.uint8], least: int) -> Iterator[Part]:
    """The parts of a map (rows × columns) whose pixels are at least `least`."""
    rows, columns = values.shape
    high, wide = -(-rows // CELL), -(-columns // CELL)
    whole = np.zeros((high * CELL, wide * CELL), np.uint8)
    whole[:rows, :columns] = values
    cells = whole.reshape(high, CELL, wide, CELL).max((1, 3)) >= least
    for box, runs in connected(cells):
        x, y = box.x * CELL, box.y * CELL
        piece = whole[y : box.bottom * CELL, x : box.right * CELL]
        mine = np.zeros((box.height, box.width), np.bool_)
        for row, begin, end in runs:
            mine[row - box.y, begin - box.x : end - box.x] = True
        inside = (piece >= least) & mine.repeat(CELL, 0).repeat(CELL, 1)
        down, across = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        left, top = int(across[0]), int(down[0])
        width, height = int(across[-1]) + 1 - left, int(down[-1]) + 1 - top
        yield Part(Box(x + left, y + top, width, height), float(piece[inside].mean()))


Run = tuple[int, int, int]
"""Cells of one row side by side: the row, the first, and the first that is none any more."""


def connected(cells: NDArray[np.bool_]) -> Iterator[tuple[Box, Sequence[Run]]]:
    """The parts that hang together, by a side or a corner, in cells: the box of each, and its runs."""
    runs = _runs(cells)
    leads = list(range(len(runs)))

    def lead(number: int) -> int:
        while leads[number] != number:
            leads[number] = leads[leads[number]]
            number = leads[number]
        return number

    above = 0
    for number, (row, begin, end) in enumerate(runs):
        while runs[above][0] < row - 1 or (runs[above][0] == row - 1 and runs[above][2] < begin):
            above += 1
        other = above
        while runs[other][0] == row - 1 and runs[other][1] <= end:
            leads[lead(other)] = lead(number)
            other += 1
    together: dict[int, list[Run]] = {}
    for number, run in enumerate(runs):
        together.setdefault(lead(number), []).append(run)
    for members in together.values():
        left, right = min(run[1] for run in members), max(run[2] for run in members)
        top, bottom = members[0][0], members[-1][0] + 1
        yield Box(left, top, right - left, bottom - top), members


def _runs(cells: NDArray[np.bool_]) -> list[Run]:
    rows, columns = cells.shape
    framed = np.zeros((rows, columns + 2), np.int8)
    framed[:, 1:-1] = cells
    change = np.diff(framed, axis=1)
    at, begin = np.nonzero(change == 1)
    _, end = np.nonzero(change == -1)
    return list(zip(at.tolist(), begin.tolist(), end.tolist(), strict=True))


def covered(box: Box, by: Box) -> bool:
    """Whether at least nine tenths of a box lie in another."""
    width = min(box.right, by.right) - max(box.x, by.x)
    height = min(box.bottom, by.bottom) - max(box.y, by.y)
    return width > 0 and height > 0 and 10 * width * height >= 9 * box.width * box.height


def without_doubles(boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes, largest first, without those that another covers."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda one: (-one.width * one.height, one.y, one.x)):
        if not any(covered(box, other) for other in kept):
            kept.append(box)
    return tuple(kept)
