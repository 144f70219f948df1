"""The arithmetic behind the boxes, against the simplest way to do the same."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import Box
from engine.text.detect import _spans, scaled
from engine.text.left import refuse_left, to_blank
from engine.text.shapes import connected, parts, without_doubles


def flooded(cells: NDArray[np.bool_]) -> set[frozenset[tuple[int, int]]]:
    """The parts, one cell after the other."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(cells), strict=True)}
    found = set()
    while left:
        todo, part = [left.pop()], set()
        while todo:
            y, x = todo.pop()
            part.add((y, x))
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            todo += near
        found.add(frozenset(part))
    return found


@pytest.mark.parametrize("share", [0.1, 0.3, 0.45, 0.7])
def test_parts_are_those_of_a_flood(share: float) -> None:
    chance = np.random.default_rng(1)
    for _ in range(30):
        cells = chance.random((int(chance.integers(1, 24)), int(chance.integers(1, 24)))) < share
        found = {
            frozenset((row, x) for row, begin, end in runs for x in range(begin, end)) for _, runs in connected(cells)
        }
        assert found == flooded(cells)
        for box, runs in connected(cells):
            assert (box.y, box.bottom) == (min(run[0] for run in runs), max(run[0] for run in runs) + 1)
            assert (box.x, box.right) == (min(run[1] for run in runs), max(run[2] for run in runs))


def test_a_part_has_the_box_and_the_mean_of_its_own_pixels() -> None:
    values = np.zeros((40, 70), np.uint8)
    values[5:9, 10:31], values[20:23, 50:70], values[30, 2] = 200, 100, 20
    assert [(part.box, part.mean) for part in parts(values, 77)] == [
        (Box(10, 5, 21, 4), 200.0),
        (Box(50, 20, 20, 3), 100.0),
    ]


def test_what_another_box_covers_is_left_out() -> None:
    large, inside, apart = Box(0, 0, 50, 20), Box(5, 5, 20, 10), Box(45, 15, 20, 20)
    assert set(without_doubles([inside, apart, large, large])) == {large, apart}


@pytest.mark.parametrize("length", [1, 832, 833, 2000, 5000])
def test_pieces_cover_everything_and_overlap(length: int) -> None:
    spans = list(_spans(7, 7 + length))
    assert spans[0][0] == 7
    assert spans[-1][1] == 7 + length
    assert all(end - begin <= 832 for begin, end in spans)
    assert all(before[1] - after[0] >= 127 for before, after in pairwise(spans))


def test_a_picture_is_shown_larger_and_smaller_without_moving() -> None:
    picture = np.zeros((8, 8, 3), np.uint8)
    picture[2:4, 4:6] = 200
    large = scaled(picture, 2)
    assert large.shape == (16, 16, 3)
    assert large[5, 9].tolist() == [200] * 3
    assert large[:3].max() == 0
    small = scaled(picture, 0.5)
    assert small[1, 2].tolist() == [200] * 3
    assert small.sum() == 600


def test_text_that_is_left_is_a_reason_with_numbers_alone() -> None:
    found = [Box(10, 20, 30, 8), Box(200, 5, 60, 9)]
    refuse_left((), ())
    refuse_left(found, [Box(0, 0, 30, 40), Box(30, 0, 20, 40), Box(190, 0, 100, 20)])
    with pytest.raises(Unclean, match=r"text, at \(10, 20, 30, 8\) \(x, y, width, height\)"):
        refuse_left(found, [Box(190, 0, 100, 20)])
    with pytest.raises(Unclean, match="and 2 more"):
        refuse_left(found * 3, ())


def test_a_margin_stays_on_the_image() -> None:
    assert to_blank([Box(2, 3, 100, 40)], 104, 48) == (Box(0, 0, 104, 48),)
    assert to_blank([Box(20, 30, 40, 8)], 800, 600) == (Box(16, 26, 48, 16),)
