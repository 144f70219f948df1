"""Boxes, region definitions and ultrasound regions: what is kept, what is blanked, what is not believed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.errors import Unclean
from engine.pixels import Box, RegionBox, complement, ultrasound_regions
from engine.pixels.boxes import clip, grow
from tests.engine.pixels.samples import TEST_FILES, inside


def _box(columns: int, rows: int) -> st.SearchStrategy[Box]:
    return st.builds(
        Box, st.integers(0, columns - 1), st.integers(0, rows - 1), st.integers(1, columns), st.integers(1, rows)
    )


@given(st.lists(_box(30, 20), max_size=5))
def test_the_complement_covers_every_pixel_outside_once_and_none_inside(keep: list[Box]) -> None:
    covered = np.zeros((20, 30), int)
    for box in complement(keep, 30, 20):
        covered[box.y : box.bottom, box.x : box.right] += 1
    np.testing.assert_array_equal(covered, ~inside(keep, 20, 30))


def test_the_complement_of_one_box_in_the_middle_is_four_boxes() -> None:
    assert complement([Box(10, 10, 20, 20)], 100, 50) == (
        Box(0, 0, 100, 10),
        Box(0, 10, 10, 20),
        Box(30, 10, 70, 20),
        Box(0, 30, 100, 20),
    )


def test_boxes_side_by_side_do_not_cut_what_lies_between_them() -> None:
    assert complement([Box(0, 0, 10, 40), Box(20, 0, 10, 30)], 30, 40) == (Box(10, 0, 10, 30), Box(10, 30, 20, 10))


def test_the_complement_of_the_whole_image_is_nothing() -> None:
    assert complement([Box(0, 0, 30, 20)], 30, 20) == ()


def test_a_box_half_outside_is_clipped_and_one_outside_is_refused() -> None:
    assert clip(Box(-5, -5, 10, 10), 30, 20) == Box(0, 0, 5, 5)
    assert clip(Box(25, 15, 10, 10), 30, 20) == Box(25, 15, 5, 5)
    for box in (Box(30, 0, 5, 5), Box(0, 20, 5, 5), Box(-5, 0, 5, 5), Box(3, 3, 0, 5), Box(3, 3, 5, -1)):
        with pytest.raises(Unclean):
            clip(box, 30, 20)


def test_a_box_grows_to_the_steps_or_the_edge_of_the_image() -> None:
    assert grow(Box(17, 9, 1, 1), 30, 20, 16, 8) == Box(16, 8, 14, 8)
    assert grow(Box(16, 8, 8, 8), 30, 20, 8, 8) == Box(16, 8, 8, 8)


def test_right_and_bottom_count_from_the_far_edges() -> None:
    assert RegionBox(160, 40, 160, 40, from_right=True, from_bottom=True).at(800, 600) == Box(640, 560, 160, 40)
    assert RegionBox(0, 0, 800, 48).at(800, 600) == Box(0, 0, 800, 48)


@pytest.mark.parametrize(
    "region",
    [
        RegionBox(0, 0, 801, 48),
        RegionBox(160, 0, 161, 48, from_right=True),
        RegionBox(900, 0, 10, 10, from_right=True),
        RegionBox(0, 0, 10, 10, from_bottom=True),
    ],
)
def test_a_region_definition_that_sticks_out_of_the_image_is_not_believed(region: RegionBox) -> None:
    with pytest.raises(Unclean):
        region.at(800, 600)


def _head(*regions: tuple[int | None, ...], columns: int = 800, rows: int = 600) -> Dataset:
    head = Dataset()
    head.Columns, head.Rows = columns, rows
    head.SequenceOfUltrasoundRegions = []
    for region in regions:
        item = Dataset()
        for keyword, value in zip(("MinX0", "MinY0", "MaxX1", "MaxY1"), region, strict=True):
            if value is not None:
                setattr(item, f"RegionLocation{keyword}", value)
        head.SequenceOfUltrasoundRegions.append(item)
    return head


def test_ultrasound_regions_reach_up_to_and_including_their_last_pixel() -> None:
    assert ultrasound_regions(_head((10, 50, 699, 549))) == (Box(10, 50, 690, 500),)


def test_one_pixel_beyond_the_image_is_the_makers_habit_and_clamped() -> None:
    assert ultrasound_regions(_head((0, 50, 800, 600))) == (Box(0, 50, 800, 550),)


@pytest.mark.parametrize(
    "region",
    [
        (0, 50, 801, 500),
        (0, 50, 700, 601),
        (800, 50, 801, 500),
        (700, 50, 10, 500),
        (10, 500, 700, 50),
        (10, 50, 10, 500),
        (None, 50, 700, 500),
        (0, 50, 700, None),
    ],
)
def test_regions_outside_inverted_empty_or_incomplete_are_not_believed(region: tuple[int | None, ...]) -> None:
    with pytest.raises(Unclean):
        ultrasound_regions(_head(region))


def test_one_bad_region_spoils_the_good_ones() -> None:
    with pytest.raises(Unclean):
        ultrasound_regions(_head((10, 50, 699, 549), (10, 50, 2000, 549)))


def test_regions_that_cover_the_whole_image_say_nothing_about_text() -> None:
    for regions in ([(0, 0, 799, 599)], [(0, 0, 400, 599), (401, 0, 800, 600)]):
        with pytest.raises(Unclean, match="cover the whole image"):
            ultrasound_regions(_head(*regions))


def test_no_regions_are_none() -> None:
    assert ultrasound_regions(_head()) is None
    assert ultrasound_regions(Dataset()) is None


@pytest.mark.parametrize("name", ["examples_ybr_color", "examples_palette"])
def test_regions_that_were_not_scaled_with_the_image_are_not_believed(name: str) -> None:
    """The first has 84..595 × 31..414 on an image of 320 × 240, the second 120..800 × 60..518 on one of 800 × 350."""
    with pytest.raises(Unclean, match="resized"):
        ultrasound_regions(dcmread(TEST_FILES / f"{name}.dcm", stop_before_pixels=True))


def test_what_a_region_calls_graphics_is_not_kept() -> None:
    head = _head((10, 50, 699, 549), (0, 0, 799, 49))
    head.SequenceOfUltrasoundRegions[1].RegionSpatialFormat = 5
    assert ultrasound_regions(head) == (Box(10, 50, 690, 500),)
    del head.SequenceOfUltrasoundRegions[0]
    assert ultrasound_regions(head) is None
