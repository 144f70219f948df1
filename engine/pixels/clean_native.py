"""Write and prove an object with native pixels: copy without the icon and blanked, compare with the source.

Must not know fill values or sample layouts; they are `fill` and `native`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import Unclean
from engine.pixels import carriers, fill, native, native_proof, splice
from engine.pixels.boxes import Box
from engine.pixels.elements import Layout
from engine.pixels.image import Image, describe, read_head
from engine.pixels.native import Stored
from engine.pixels.splice import Range


def write_and_prove(source: Path, target: Path, boxes: Sequence[Box], found: Layout) -> tuple[int, tuple[Box, ...]]:
    """Returns the number of frames and the boxes as blanked (pixels). Raises `Unclean`."""
    image, stored = look(source, found)
    blanked = native.blanked_boxes(image, boxes)
    gone = [Range(element.start, element.end) for element in carriers.left_out(found, offset_tables=False)]
    with source.open("rb") as read, target.open("xb") as write:
        head, _ = read_head(read, found.dataset, implicit=found.implicit, little=found.little)
        black = fill.black(image, head)
        splice.copy(read, write, splice.without(Range(0, stored.value), gone))
        native.copy(read, write, image, stored, blanked, black)
        splice.copy(read, write, (Range(stored.value + stored.length, found.size),))
    prove(source, target, found, blanked)
    return image.frames, blanked


def prove(source: Path, target: Path, found: Layout, boxes: Sequence[Box]) -> None:
    """Raises `Unclean` unless `target` is `source` (of this layout) without the icon and with the boxes blank.

    Where the pixels of the target are is asked of pydicom, not of what was done to write it.
    """
    image, stored = look(source, found)
    element = found.elements[_index(found)]
    before, after = Range(0, element.start), Range(element.end, found.size)
    left_out = [Range(gone.start, gone.end) for gone in carriers.left_out(found, offset_tables=False)]
    with source.open("rb") as old, target.open("rb") as new:
        head, start = read_head(new, found.dataset, implicit=found.implicit, little=found.little)
        value = start + element.value - element.start
        kept = (*splice.without(before, left_out), Range(element.start, element.value))
        if describe(head) != image or carriers.ICON_IMAGE_SEQUENCE in head:
            raise Unclean("the proof failed: the description of the pixels has changed")
        if not splice.same(old, kept, new, 0) or splice.length(kept) != value:
            raise Unclean("the proof failed: something before the pixels has changed")
        if not splice.same(old, (after,), new, value + stored.length):
            raise Unclean("the proof failed: something after the pixels has changed")
        if target.stat().st_size != value + stored.length + after.end - after.start:
            raise Unclean("the proof failed: the file has another length")
    pixels = native.pixels(source, stored), native.pixels(target, replace(stored, value=value))
    native_proof.prove(*pixels, stored.words, image, boxes)


def look(source: Path, found: Layout) -> tuple[Image, Stored]:
    """What the header says of native pixels, and where they are. Raises `Unclean` unless they are just that."""
    element = found.elements[_index(found)]
    if element.undefined or (not found.implicit and element.vr not in ("OB", "OW")):
        raise Unclean("the pixels are not stored as their transfer syntax demands")
    with source.open("rb") as file:
        head, start = read_head(file, found.dataset, implicit=found.implicit, little=found.little)
        image = describe(head)
        if start != element.start:
            raise Unclean("the object is damaged: two readers see its pixels in different places")
        words = not found.little and element.vr == "OW" and image.bits_allocated <= 8
        stored = Stored(element.value, element.end - element.value, found.little, words)
    native.check(source, image, stored)
    return image, stored


def _index(found: Layout) -> int:
    return [element.tag for element in found.elements].index(carriers.PIXEL_DATA)
