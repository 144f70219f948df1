"""Write and prove an object with JPEG frames: frame by frame, one in memory at a time.

Must not know how a JPEG stream is blanked or compared; they are `jpeg` and `jpeg_proof`.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit

from engine.errors import Unclean
from engine.pixels import carriers, encapsulated, jpeg, jpeg_proof, splice
from engine.pixels.boxes import Box
from engine.pixels.elements import Element, Layout
from engine.pixels.image import Image, describe, read_head
from engine.pixels.splice import Range

_HEADER = 12  # bytes before the first item of an explicit OB element


def write_and_prove(source: Path, target: Path, boxes: Sequence[Box], found: Layout) -> tuple[int, tuple[Box, ...]]:
    """Returns the number of frames and the boxes as blanked (pixels). Raises `Unclean`."""
    element = _pixel_data(found)
    before, after = _kept(found, element)
    blanked: set[tuple[Box, ...]] = set()

    def streams(read: BinaryIO, frames: Sequence[encapsulated.Frame]) -> Iterator[bytes]:
        for frame in frames:
            done = jpeg.blank(encapsulated.read(read, frame), boxes, image)
            blanked.add(done.boxes)
            if len(blanked) > 1:
                raise Unclean("the frames of the object have different sampling")
            yield done.stream

    with source.open("rb") as read, target.open("xb") as write:
        image = _image(read, found, element)
        extended = _extended_offsets(read, found)
        frames = encapsulated.frames(read, element.value, element.end, image.frames, extended)
        splice.copy(read, write, before)
        read.seek(element.start)
        encapsulated.write(write, read.read(_HEADER), image.frames, streams(read, frames))
        splice.copy(read, write, (after,))
    (grown,) = blanked
    _prove(source, target, found, grown, image)
    return image.frames, grown


def _prove(source: Path, target: Path, found: Layout, boxes: tuple[Box, ...], image: Image) -> None:
    """Raises `Unclean` unless pydicom finds in `target` the same object, with every frame proven by `jpeg_proof`."""
    element = _pixel_data(found)
    before, after = _kept(found, element)
    with source.open("rb") as old, target.open("rb") as new:
        head, start = read_head(new, found.dataset, implicit=False, little=True)
        if describe(head) != image or carriers.ICON_IMAGE_SEQUENCE in head:
            raise Unclean("the proof failed: the description of the pixels has changed")
        if not splice.same(old, before, new, 0) or splice.length(before) != start:
            raise Unclean("the proof failed: something before the pixels has changed")
        tail = target.stat().st_size - (after.end - after.start)
        if not splice.same(old, (after,), new, tail):
            raise Unclean("the proof failed: something after the pixels has changed")
        new.seek(tail - 8)
        if new.read(8) != b"\xfe\xff\xdd\xe0\0\0\0\0":
            raise Unclean("the proof failed: the frames do not end where they should")
        extended = _extended_offsets(old, found)
        old.seek(element.value)
        new.seek(start + _HEADER)
        # Asked of pydicom, so that frames that `encapsulated` mistook for each other are found out.
        originals = generate_frames(old, number_of_frames=image.frames, extended_offsets=extended)
        results = generate_frames(new, number_of_frames=image.frames)
        proven = 0
        for original, result in zip_longest(originals, results):
            if original is None or result is None:
                raise Unclean("the proof failed: the number of frames has changed")
            jpeg_proof.prove(original, result, boxes, image)
            proven += 1
        if proven != image.frames:
            raise Unclean("the proof failed: the number of frames has changed")


def _image(file: BinaryIO, found: Layout, element: Element) -> Image:
    if not element.undefined or element.vr not in ("OB", "OW") or element.value - element.start != _HEADER:
        raise Unclean("the pixels are not encapsulated as their transfer syntax demands")
    head, start = read_head(file, found.dataset, implicit=False, little=True)
    if start != element.start:
        raise Unclean("the object is damaged: two readers see its pixels in different places")
    image = describe(head)
    if found.syntax == JPEGBaseline8Bit and image.bits_stored > 8:
        raise Unclean("JPEG Baseline has 8 bits, and the header of the object says more")
    return image


def _extended_offsets(file: BinaryIO, found: Layout) -> tuple[bytes, bytes] | None:
    offsets = found.find(carriers.EXTENDED_OFFSET_TABLE)
    lengths = found.find(carriers.EXTENDED_OFFSET_TABLE_LENGTHS)
    if offsets is None and lengths is None:
        return None
    if offsets is None or lengths is None:
        raise Unclean("the object has half an Extended Offset Table")
    values: list[bytes] = []
    for element in (offsets, lengths):
        file.seek(element.value)
        values.append(file.read(element.end - element.value))
    return values[0], values[1]


def _kept(found: Layout, element: Element) -> tuple[tuple[Range, ...], Range]:
    """The bytes of the file to keep before PixelData, and those after it."""
    gone = [Range(left.start, left.end) for left in carriers.left_out(found, offset_tables=True)]
    return splice.without(Range(0, element.start), gone), Range(element.end, found.size)


def _pixel_data(found: Layout) -> Element:
    element = found.find(carriers.PIXEL_DATA)
    if element is None:
        raise Unclean("the object has no pixels")
    return element
