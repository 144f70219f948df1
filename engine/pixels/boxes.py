"""Rectangles on an image: whole pixels, origin top left.

For everything that says where to blank or what to keep. Must not know DICOM, files or codecs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from engine.errors import Unclean


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels: `x`, `y` its top left pixel (from 0), `width` and `height` at least 1 to mean anything."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column to the right of the box."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row below the box."""
        return self.y + self.height


@dataclass(frozen=True)
class RegionBox:
    """A box as a region definition writes it: its left edge counted from the left or (`right N`) from the right.

    `from_right`: the left edge is `x` pixels left of the right edge of the image, that is column `columns - x`.
    `from_bottom`: the top edge is row `rows - y`. Width and height always run to the right and down.
    """

    x: int
    y: int
    width: int
    height: int
    from_right: bool = False
    from_bottom: bool = False

    def at(self, columns: int, rows: int) -> Box:
        """The box on an image of this size, in pixels.

        Raises `Unclean` unless all of it lies on the image: a definition that sticks out was measured on images of
        another size, so nothing it says about where the text is can be believed.
        """
        x = columns - self.x if self.from_right else self.x
        y = rows - self.y if self.from_bottom else self.y
        box = Box(x, y, self.width, self.height)
        if box != clip(box, columns, rows):
            raise Unclean("a box of the region definition sticks out of the image: it was made for another image size")
        return box


def clip(box: Box, columns: int, rows: int) -> Box:
    """The part of a box that lies on an image of `columns` × `rows` pixels.

    Raises `Unclean` if the box is empty or nothing of it lies on the image.
    """
    left, top = max(box.x, 0), max(box.y, 0)
    right, bottom = min(box.right, columns), min(box.bottom, rows)
    if box.width <= 0 or box.height <= 0:
        raise Unclean("a box to blank is empty")
    if right <= left or bottom <= top:
        raise Unclean("a box lies outside the image")
    return Box(left, top, right - left, bottom - top)


def grow(box: Box, columns: int, rows: int, step_x: int, step_y: int) -> Box:
    """The smallest box around `box` whose edges are multiples of the steps or the edge of the image, in pixels.

    Raises `Unclean` like `clip`.
    """
    inside = clip(box, columns, rows)
    left, top = inside.x // step_x * step_x, inside.y // step_y * step_y
    right, bottom = -(-inside.right // step_x) * step_x, -(-inside.bottom // step_y) * step_y
    return clip(Box(left, top, right - left, bottom - top), columns, rows)


def complement(keep: Sequence[Box], columns: int, rows: int) -> tuple[Box, ...]:
    """Few boxes that cover every pixel outside the `keep` boxes and none inside, top to bottom.

    Empty if the keeps cover the whole image. Raises `Unclean` if a keep lies outside the image.
    """
    keeps = [clip(box, columns, rows) for box in keep]
    edges = sorted({0, rows} | {box.y for box in keeps} | {box.bottom for box in keeps})
    done: list[Box] = []
    open_boxes: dict[tuple[int, int], Box] = {}  # by their columns: what reaches down to the current band
    for top, bottom in pairwise(edges):
        gaps = _gaps([box for box in keeps if box.y <= top and box.bottom >= bottom], columns)
        done += [box for span, box in open_boxes.items() if span not in gaps]
        open_boxes = {
            span: Box(span[0], open_boxes[span].y if span in open_boxes else top, span[1] - span[0], 0) for span in gaps
        }
        open_boxes = {span: Box(box.x, box.y, box.width, bottom - box.y) for span, box in open_boxes.items()}
    done += open_boxes.values()
    return tuple(sorted(done, key=lambda box: (box.y, box.x)))


def _gaps(keeps: Sequence[Box], columns: int) -> list[tuple[int, int]]:
    """The spans of columns (from, up to) that none of the boxes covers."""
    gaps: list[tuple[int, int]] = []
    reached = 0
    for box in sorted(keeps, key=lambda box: box.x):
        if box.x > reached:
            gaps.append((reached, box.x))
        reached = max(reached, box.right)
    if reached < columns:
        gaps.append((reached, columns))
    return gaps
