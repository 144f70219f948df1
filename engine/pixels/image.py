"""What the header says about the pixels (PS3.3 C.7.6.3, Image Pixel Module), checked once and then relied on.

Must not know codecs, fill values or how files are written.
"""

from dataclasses import dataclass
from typing import BinaryIO

from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag

from engine.errors import Unclean

_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


@dataclass(frozen=True)
class Image:
    """The pixel description of one object. `planar` is None where the header does not say it."""

    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int | None
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool


def read_head(file: BinaryIO, dataset: int, *, implicit: bool, little: bool) -> tuple[Dataset, int]:
    """What comes before the pixels, read by pydicom, and the offset at which pydicom sees them begin.

    `dataset` is the offset of the data set, which must not be deflated.
    """

    def at_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
        return tag in _PIXELS

    file.seek(dataset)
    head = read_dataset(file, implicit, little, stop_when=at_pixels)
    return head, file.tell()


def describe(head: Dataset) -> Image:
    """The Image Pixel Module of a data set.

    Raises `Unclean` for a missing, impossible or contradicting attribute: a guess would blank the wrong pixels.
    """
    frames = head.get("NumberOfFrames")
    image = Image(
        rows=_number(head, "Rows", 1, 65535),
        columns=_number(head, "Columns", 1, 65535),
        frames=1 if frames is None else _number(head, "NumberOfFrames", 1, 2**31 - 1),
        samples=_number(head, "SamplesPerPixel", 1, 4),
        photometric=_photometric(head),
        planar=None if head.get("PlanarConfiguration") is None else _number(head, "PlanarConfiguration", 0, 1),
        bits_allocated=_number(head, "BitsAllocated", 1, 64),
        bits_stored=_number(head, "BitsStored", 1, 64),
        high_bit=_number(head, "HighBit", 0, 63),
        signed=bool(_number(head, "PixelRepresentation", 0, 1)),
    )
    if image.bits_stored > image.bits_allocated or not image.bits_stored - 1 <= image.high_bit < image.bits_allocated:
        raise Unclean("Bits Allocated, Bits Stored and High Bit contradict each other")
    grey = image.photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    if image.samples != (1 if grey else 3):
        raise Unclean("Samples per Pixel and Photometric Interpretation contradict each other")
    return image


def _photometric(head: Dataset) -> str:
    value = head.get("PhotometricInterpretation")
    if not isinstance(value, str) or not value:
        raise Unclean("PhotometricInterpretation is missing")
    return value


def _number(head: Dataset, keyword: str, least: int, most: int) -> int:
    value = head.get(keyword)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Unclean(f"{keyword} is missing or not a possible number")
    return int(value)
