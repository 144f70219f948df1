"""The workbench: what steps may ask for while an object is being routed. Two of them exist.

`PixelBench` really cleans and transcodes, into the spool's scratch folder; `DryBench` answers as if it had, for rule
tests and explanations. Both are handed to engine.run.run, which cannot tell them apart.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine import pixels
from engine.errors import Unclean
from engine.header import Header
from engine.object import Object
from engine.pixels import Box, RegionBox
from engine.program import Program, Rectangle
from engine.tags import path_of
from engine.text.left import refuse_left, to_blank
from engine.worker import PixelWorker

ROUNDS = 3
"""How often text to blank is looked for; where there is still some then, the look at the cleaned image holds it."""


@dataclass(frozen=True, slots=True)
class PixelBench:
    """Cleans into new files; `new_file` answers a name that nobody else has."""

    program: Program
    new_file: Callable[[], Path]
    worker: PixelWorker

    def clean(self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle]) -> Path:
        """A new payload, proved clean. Raises Unclean, or OSError when the disk cannot hold it."""
        boxes = boxes_for(obj, blank, keep)
        target = self.new_file()
        self.worker.clean(obj.payload, target, boxes)
        return target

    def text(self, obj: Object) -> tuple[Rectangle, ...]:
        """Where text is seen, with a margin. Raises Unclean, or OSError."""
        found = self.worker.find_text(obj.payload, self.new_file(), ROUNDS)
        columns, rows = (_size(obj, name) for name in ("Columns", "Rows"))
        return tuple(Rectangle(box.x, box.y, box.width, box.height) for box in to_blank(found, columns, rows))

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Raises Unclean where text is seen apart from these rectangles, or it cannot be looked for; or OSError."""
        columns, rows = (_size(obj, name) for name in ("Columns", "Rows"))
        allowed = [_at(rectangle, columns, rows) for rectangle in apart]
        refuse_left(self.worker.find_text(obj.payload, self.new_file()), allowed)

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object in this transfer syntax (UID), proved the same. Raises Unclean, or OSError."""
        target = self.new_file()
        if not self.worker.transcode(obj.payload, target, syntax).written:
            return obj
        return replace(obj, payload=target, header=Header.read(target).changed(obj.changes))


@dataclass(frozen=True, slots=True)
class DryBench:
    """Says where it would clean and touches nothing."""

    program: Program

    def clean(self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle]) -> Path:
        """The payload as it is, if it is known where to clean; Unclean if not."""
        boxes_for(obj, blank, keep)
        return obj.payload

    def text(self, obj: Object) -> tuple[Rectangle, ...]:
        """Some place, as if text were seen there: where it really is, is known only when it is looked for."""
        return (Rectangle(0, 0, 1, 1),)

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Nothing: whether any is left is known only when it is cleaned."""

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object as it is: whether its pixels can be read is known only when it is done."""
        return obj


def boxes_for(obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle]) -> tuple[Box, ...]:
    """The boxes to blank in this object: `blank`, and what lies outside `keep`; without both, outside its own regions.

    Raises Unclean when nothing says where the text is, or what says it does not fit the image.
    """
    columns, rows = (_size(obj, name) for name in ("Columns", "Rows"))
    blanked = tuple(_at(rectangle, columns, rows) for rectangle in blank)
    if blanked and not keep:
        return blanked
    if keep:
        kept: Sequence[Box] | None = tuple(_at(rectangle, columns, rows) for rectangle in keep)
    else:
        kept = pixels.ultrasound_regions(obj.header.dataset)
    if not kept:
        raise Unclean(
            "nothing says where this device burns text in: it declares no ultrasound regions (0018,6011), and no "
            "`regions` of the rule file fits it; `stellwerk regions` writes one for it"
        )
    return (*pixels.complement(kept, columns, rows), *blanked)


def _size(obj: Object, name: str) -> int:
    found = obj.header.values(path_of(name))
    if not found or not found[0].isdecimal() or int(found[0]) < 1:
        raise Unclean("it has no pixels, or does not say how many")
    return int(found[0])


def _at(rectangle: Rectangle, columns: int, rows: int) -> Box:
    box = RegionBox(
        rectangle.x, rectangle.y, rectangle.width, rectangle.height, rectangle.from_right, rectangle.from_bottom
    )
    return box.at(columns, rows)
