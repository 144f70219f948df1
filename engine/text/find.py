"""The text in all frames of a DICOM file, as boxes. Must not know who asks, nor what becomes of it."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import UID

from engine.errors import Unclean
from engine.pixels import codec_jpeg, deflate
from engine.pixels.boxes import Box
from engine.pixels.carriers import PIXEL_DATA
from engine.pixels.codec import Cells, full
from engine.pixels.codecs import CODECS
from engine.pixels.damage import damage_is_unclean
from engine.pixels.elements import file_meta, layout
from engine.pixels.frames import encapsulated_jobs, in_threads, native_jobs
from engine.pixels.image import Image, describe, read_head
from engine.text import model
from engine.text.detect import Strictness, detect
from engine.text.installed import INSTALL, missing
from engine.text.looks import Look, looks
from engine.text.shades import Shades
from engine.text.shapes import without_doubles
from engine.text.static import places
from engine.text.summary import Summary, blanked, summarize

DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", DEFLATED)
LARGEST = 1 << 25
"""Pixels of a frame: what is larger would take minutes and gigabytes."""

DOUBTFUL = Strictness(pixel=64, core=102)
"""Where something stands still while the picture moves, less is needed to call it text."""


@dataclass(frozen=True)
class Opened:
    """An image whose frames can be decoded: each of `jobs` answers one when it is called, in any thread."""

    head: Dataset
    image: Image
    jobs: Iterator[Callable[[], Cells]]


def find_text(source: Path, scratch: Path, rounds: int = 1) -> tuple[Box, ...]:
    """The boxes of the text that is seen in the frames of `source`, in pixels; empty where none is seen.

    That none is seen is no proof that there is none. Of a cine the same few pictures are looked at, however long it
    is: `engine.text.looks` says which, and `engine.text.static` adds what stands still.
    `rounds`: how often it is looked again, with what was found blanked, until nothing is: text beside brighter text
    shows only then. `scratch`: a name beside which temporary files may be made.

    Raises `Unclean` for what cannot be decoded, is not supported, or is damaged, and without the extra; OSError if a
    disk fails.
    """
    if missing():
        raise Unclean(INSTALL)
    with damage_is_unclean(), opened(source, scratch) as found:
        shades = Shades.of(found.head, found.image)
        summary = summarize(in_threads(found.jobs), shades, found.image.frames)
        boxes: tuple[Box, ...] = ()
        for _ in range(rounds):
            seen = _seen(blanked(summary, boxes), shades)
            if not seen:
                break
            boxes = without_doubles((*boxes, *seen))
        return boxes


def _seen(summary: Summary, shades: Shades) -> tuple[Box, ...]:
    boxes = without_doubles(_looked_at(looks(summary, shades)))
    doubtful = [place.look for place in places(summary, shades, boxes)]
    return without_doubles((*boxes, *_looked_at(doubtful, DOUBTFUL)))


def _looked_at(several: Sequence[Look], strictness: Strictness | None = None) -> list[Box]:
    def boxes_of(look: Look) -> list[Box]:
        found = detect(look.picture, look.scale, *(() if strictness is None else (strictness,)))
        return [Box(box.x + look.x, box.y + look.y, box.width, box.height) for box in found]

    with ThreadPoolExecutor(model.THREADS) as pool:
        return [box for boxes in pool.map(boxes_of, several) for box in boxes]


@contextmanager
def opened(source: Path, scratch: Path) -> Iterator[Opened]:
    """The image in a file, whatever its transfer syntax. Raises `Unclean`."""
    syntax, start = file_meta(source)
    if syntax not in NATIVE and syntax not in CODECS:
        name = UID(syntax).name if UID(syntax).is_transfer_syntax else "unknown to the standard"
        raise Unclean(f"text cannot be looked for in this transfer syntax: {name}")
    # Called after the scratch file, so that whoever ends this process from outside can remove it.
    with tempfile.TemporaryDirectory(dir=scratch.parent, prefix=f"{scratch.stem}-") as folder:
        plain = source
        if syntax == DEFLATED:
            plain = Path(folder, "inflated")
            deflate.inflate(source, plain, start)
        found = layout(plain, inflated=True)
        pixels = found.find(PIXEL_DATA)
        if pixels is None:
            raise Unclean("the object has no pixels")
        with plain.open("rb") as file:
            head, _ = read_head(file, found.dataset, implicit=found.implicit, little=found.little)
            image = describe(head)
            if image.bits_allocated not in (8, 16, 32):
                raise Unclean("text cannot be looked for in images of this number of Bits Allocated")
            if image.rows * image.columns > LARGEST:
                raise Unclean("the image is too large to be looked at for text")
            if (syntax not in NATIVE) != pixels.undefined:
                raise Unclean("the pixels are not encoded as the transfer syntax says")
            codec = CODECS.get(syntax)
            if codec is None:
                yield Opened(
                    head, replace(image, photometric=full(image.photometric)), native_jobs(plain, image, found, pixels)
                )
            else:
                # To read each code of a JPEG once more, for damage, would take ten times as long as to look at it.
                decode = codec_jpeg.shown if codec is codec_jpeg.JPEG else codec.decode
                jobs = encapsulated_jobs(file, image, pixels, decode, codec.start)
                yield Opened(head, replace(image, photometric=codec.decoded(image.photometric)), jobs)
