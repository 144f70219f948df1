"""Write and prove an object with compressed frames: frame by frame, few in memory at a time.

Must not know how a frame is blanked or compared: `clean_jpeg` and `clean_decoded` do.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import BinaryIO, Protocol

from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from engine.errors import Unclean
from engine.pixels import carriers, encapsulated, splice
from engine.pixels.boxes import Box
from engine.pixels.elements import Element, Layout
from engine.pixels.frames import in_threads
from engine.pixels.image import Image, describe, read_head
from engine.pixels.splice import Range

_HEADER = 12  # bytes before the first item of an explicit OB element


class Frames(Protocol):
    """What can be done to a frame of one object, in any thread."""

    @property
    def start(self) -> bytes:
        """How each frame begins, as `encapsulated.frames` wants to know it."""

    @property
    def together(self) -> int:
        """How many bytes of frames, before and after, one thread works on at least before another has its turn."""

    def blank(self, stream: bytes) -> tuple[bytes, tuple[Box, ...]]:
        """The frame with its boxes blanked, and the boxes as they were blanked (pixels). Raises `Unclean`."""

    def prove(self, first: int, pairs: Sequence[tuple[bytes, bytes]], boxes: tuple[Box, ...]) -> None:
        """Raises `Unclean` unless these boxes are blank in the second of each pair and all else is as in the first.

        `pairs`: consecutive frames, before and after; `first`: which frame of the object the first of them is, from 0.
        """


def write_and_prove(
    source: Path, target: Path, found: Layout, frames_of: Callable[[Image, Dataset], Frames]
) -> tuple[int, tuple[Box, ...]]:
    """Returns the number of frames and the boxes as blanked (pixels). Raises `Unclean`.

    `frames_of` gets what the header says of the pixels, and what comes before them.
    """
    element = _pixel_data(found)
    before, after = _kept(found, element)
    blanked: set[tuple[Box, ...]] = set()

    def streams(read: BinaryIO, frames: Sequence[encapsulated.Frame]) -> Iterator[bytes]:
        jobs = (partial(_blanked, work, read, some) for some in _batches(frames, work.together))
        for stream, boxes in chain.from_iterable(in_threads(jobs)):
            blanked.add(boxes)
            if len(blanked) > 1:
                raise Unclean("the frames of the object have different sampling")
            yield stream

    with source.open("rb") as read, target.open("xb") as write:
        image, head = _look(read, found, element)
        work = frames_of(image, head)
        extended = _extended_offsets(read, found)
        frames = encapsulated.frames(read, element.value, element.end, image.frames, extended, work.start)
        splice.copy(read, write, before)
        read.seek(element.start)
        encapsulated.write(write, read.read(_HEADER), image.frames, streams(read, frames))
        splice.copy(read, write, (after,))
    (grown,) = blanked
    _prove(source, target, found, grown, image, work)
    return image.frames, grown


def _batches(frames: Sequence[encapsulated.Frame], together: int) -> Iterator[Sequence[encapsulated.Frame]]:
    """Consecutive frames that have half of so many bytes: blanked, they are about as long once more."""
    first = held = 0
    for at, frame in enumerate(frames, start=1):
        held += 2 * sum(fragment.length for fragment in frame)
        if held >= together or at == len(frames):
            yield frames[first:at]
            first, held = at, 0


def _blanked(work: Frames, file: BinaryIO, frames: Sequence[encapsulated.Frame]) -> list[tuple[bytes, tuple[Box, ...]]]:
    return [work.blank(encapsulated.read(file, frame)) for frame in frames]


def _prove(source: Path, target: Path, found: Layout, boxes: tuple[Box, ...], image: Image, work: Frames) -> None:
    """Raises `Unclean` unless pydicom finds in `target` the same object, with every frame proven by `work`."""
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
        proven = sum(in_threads(_proofs(zip_longest(originals, results), boxes, work)))
        if proven != image.frames:
            raise Unclean("the proof failed: the number of frames has changed")


def _proofs(
    frames: Iterator[tuple[bytes | None, bytes | None]], boxes: tuple[Box, ...], work: Frames
) -> Iterator[Callable[[], int]]:
    """Jobs that prove some frames each, and say how many."""
    pairs: list[tuple[bytes, bytes]] = []
    first = held = 0
    for original, result in frames:
        if original is None or result is None:
            raise Unclean("the proof failed: the number of frames has changed")
        pairs.append((original, result))
        held += len(original) + len(result)
        if held >= work.together:
            yield partial(_proven, work, first, tuple(pairs), boxes)
            first, held, pairs = first + len(pairs), 0, []
    if pairs:
        yield partial(_proven, work, first, tuple(pairs), boxes)


def _proven(work: Frames, first: int, pairs: tuple[tuple[bytes, bytes], ...], boxes: tuple[Box, ...]) -> int:
    work.prove(first, pairs, boxes)
    return len(pairs)


def _look(file: BinaryIO, found: Layout, element: Element) -> tuple[Image, Dataset]:
    if not element.undefined or element.vr not in ("OB", "OW") or element.value - element.start != _HEADER:
        raise Unclean("the pixels are not encapsulated as their transfer syntax demands")
    head, start = read_head(file, found.dataset, implicit=False, little=True)
    if start != element.start:
        raise Unclean("the object is damaged: two readers see its pixels in different places")
    return describe(head), head


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
