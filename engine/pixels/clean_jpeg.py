"""The frames of an object of JPEG Baseline or Extended, blanked and proven without decoding them for it.

Must not know files; how a stream is blanked and compared is in `jpeg` and `jpeg_proof`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydicom.uid import JPEGBaseline8Bit

from engine.errors import Unclean
from engine.pixels import jpeg, jpeg_proof
from engine.pixels.boxes import Box
from engine.pixels.image import Image


@dataclass(frozen=True)
class JpegFrames:
    """Frames for `clean_encapsulated`. `syntax`: the transfer syntax; `boxes` in pixels."""

    image: Image
    boxes: Sequence[Box]
    syntax: str
    start: ClassVar[bytes] = b"\xff\xd8"

    def __post_init__(self) -> None:
        if self.syntax == JPEGBaseline8Bit and self.image.bits_stored > 8:
            raise Unclean("JPEG Baseline has 8 bits, and the header of the object says more")

    def blank(self, stream: bytes) -> tuple[bytes, tuple[Box, ...]]:
        """The frame with its boxes blanked, and the boxes grown to whole MCUs."""
        done = jpeg.blank(stream, self.boxes, self.image)
        return done.stream, done.boxes

    def prove(self, before: bytes, after: bytes, boxes: tuple[Box, ...]) -> None:
        """Raises `Unclean` unless the boxes are flat in `after` and all else is as in `before`."""
        jpeg_proof.prove(before, after, boxes, self.image)
