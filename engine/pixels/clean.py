"""Blank boxes in every frame of a DICOM file, and prove from the written file that they are blank.

The story: see what the file is, refuse what cannot be cleaned, copy and blank, read back and compare. It ends with a
proven file or with `Unclean` and no file; there is no third answer. Must not know where boxes come from, nor what
becomes of the file: it is not made durable, and its attributes (Burned In Annotation, identifiers) are not touched.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
)

from engine.errors import Unclean
from engine.pixels import carriers, clean_encapsulated, clean_native, deflate, jpeg_proof, uncleanable
from engine.pixels.boxes import Box
from engine.pixels.clean_decoded import DecodedFrames
from engine.pixels.clean_jpeg import JpegFrames
from engine.pixels.codecs import CODECS
from engine.pixels.damage import damage_is_unclean, nothing_left_behind
from engine.pixels.elements import Layout, file_meta, layout
from engine.pixels.image import Image

_NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit)
_IRREVERSIBLE = "YBR_ICT"


@dataclass(frozen=True)
class Cleaned:
    """What was done: frames blanked, the boxes as really blanked (pixels), how, and if an icon was left out.

    `method`: "native", "deflated", "jpeg-coefficients" or "decoded". The boxes have grown to what the encoding can
    blank.
    `photometric`: what Photometric Interpretation has to say from now on, where that is not what it says. `lossy`: the
    frames say of themselves that they have lost something, and will not from now on, so that Lossy Image Compression
    must. The header is left to whoever writes the other attributes of a cleaned object.
    """

    frames: int
    boxes: tuple[Box, ...]
    method: str
    icon_removed: bool
    photometric: str | None = None
    lossy: bool = False


def clean(source: Path, target: Path, boxes: Sequence[Box]) -> Cleaned:
    """Write `source` to `target` with the boxes (pixels) blanked in every frame, in the same transfer syntax.

    All other bytes stay as they are, except that Icon Image Sequence (0088,0200) is left out, as a thumbnail shows
    the same text, and that compressed frames are written as one fragment each, with a Basic Offset Table and without
    the Extended Offset Table. JPEG Baseline and Extended keep their coefficients; all other compressions keep the
    samples that they decode to, and are lossless afterwards. The same input and boxes give the same bytes.

    `target` is replaced if it exists, and does not exist after a failure; a power cut may leave it behind unproven,
    so it belongs into a scratch folder. Raises `Unclean` for anything that is not supported, damaged or not proven,
    and OSError if a disk fails.
    """
    if source.exists() and target.exists() and source.samefile(target):
        raise ValueError("source and target are the same file")
    target.unlink(missing_ok=True)  # never written into: it may be linked from elsewhere
    with nothing_left_behind(target), damage_is_unclean():
        if not boxes:
            raise Unclean("there is no box to blank")
        syntax, dataset = file_meta(source)
        if syntax == DeflatedExplicitVRLittleEndian:
            return _clean_deflated(source, target, boxes, dataset)
        if syntax in _NATIVE:
            return _cleaned(source, target, boxes, _looked_through(layout(source)), "native")
        if syntax not in CODECS:
            raise Unclean(uncleanable.why(syntax))
        found = _looked_through(layout(source))
        return (_clean_jpeg if syntax in _JPEG else _clean_decoded)(source, target, boxes, found)


def _cleaned(source: Path, target: Path, boxes: Sequence[Box], found: Layout, method: str) -> Cleaned:
    frames, blanked = clean_native.write_and_prove(source, target, boxes, found)
    return Cleaned(frames, blanked, method, _has_icon(found))


def _clean_jpeg(source: Path, target: Path, boxes: Sequence[Box], found: Layout) -> Cleaned:
    def frames_of(hasty: bool, image: Image, _head: Dataset) -> JpegFrames:
        return JpegFrames(image, boxes, found.syntax, hasty)

    hasty = jpeg_proof.counts_blocks()
    try:
        done = clean_encapsulated.write_and_prove(source, target, found, partial(frames_of, hasty))
    except Unclean:
        if not hasty:
            raise
        # Something may stand behind the last block of a frame, or its end look like another: now all of it is read.
        target.unlink(missing_ok=True)
        done = clean_encapsulated.write_and_prove(source, target, found, partial(frames_of, False))
    frames, blanked = done
    return Cleaned(frames, blanked, "jpeg-coefficients", _has_icon(found))


def _clean_decoded(source: Path, target: Path, boxes: Sequence[Box], found: Layout) -> Cleaned:
    made: list[tuple[Image, DecodedFrames]] = []

    def frames_of(image: Image, head: Dataset) -> DecodedFrames:
        made.append((image, DecodedFrames(CODECS[found.syntax], image, head, boxes)))
        return made[0][1]

    frames, blanked = clean_encapsulated.write_and_prove(source, target, found, frames_of)
    image, work = made[0]
    # As PS3.5 8.2.4 has it, for the frames are reversible from now on.
    photometric = "YBR_RCT" if image.photometric == _IRREVERSIBLE else None
    return Cleaned(frames, blanked, "decoded", _has_icon(found), photometric, work.lossy)


def _has_icon(found: Layout) -> bool:
    return found.find(carriers.ICON_IMAGE_SEQUENCE) is not None


def _clean_deflated(source: Path, target: Path, boxes: Sequence[Box], dataset: int) -> Cleaned:
    """Inflate, clean as native, deflate; and prove again from what inflates out of the written file."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.stem}-") as folder:
        before, after, again = (Path(folder, name) for name in ("before", "after", "again"))
        deflate.inflate(source, before, dataset)
        done = _cleaned(before, after, boxes, _looked_through(layout(before, inflated=True)), "deflated")
        deflate.deflate(after, target, dataset)
        deflate.inflate(target, again, dataset)
        clean_native.prove(before, again, layout(before, inflated=True), done.boxes)
    return done


def _looked_through(found: Layout) -> Layout:
    carriers.refuse(found)
    if found.find(carriers.PIXEL_DATA) is None:
        raise Unclean("the object has no pixels")
    return found
