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

_EVERY = 32
"""Of so many frames one is proven by two decoders, besides the first and the last of the object."""


@dataclass(frozen=True)
class JpegFrames:
    """Frames for `clean_encapsulated`. `syntax`: the transfer syntax; `boxes` in pixels.

    `hasty`: what comes behind the last box is copied unread. `prove` reads it, and refuses what should not be there.
    """

    image: Image
    boxes: Sequence[Box]
    syntax: str
    hasty: bool = False
    start: ClassVar[bytes] = b"\xff\xd8"
    together: ClassVar[int] = 1 << 20

    def __post_init__(self) -> None:
        if self.syntax == JPEGBaseline8Bit and self.image.bits_stored > 8:
            raise Unclean("JPEG Baseline has 8 bits, and the header of the object says more")

    def blank(self, stream: bytes) -> tuple[bytes, tuple[Box, ...]]:
        """The frame with its boxes blanked, and the boxes grown to whole MCUs."""
        done = jpeg.blank(stream, self.boxes, self.image, self.hasty)
        return done.stream, done.boxes

    def prove(self, first: int, pairs: Sequence[tuple[bytes, bytes]], boxes: tuple[Box, ...]) -> None:
        """Raises `Unclean` unless the boxes are flat in what was written and all else is as it was."""
        numbers = range(first, first + len(pairs))
        twice = [number % _EVERY == 0 or number == self.image.frames - 1 for number in numbers]
        jpeg_proof.prove(pairs, boxes, self.image, twice)
