"""The frames of an object in a compression that has a lossless way: decoded, blanked, and encoded again without loss.

What the decoder gave outside the boxes is what every decoder will give from now on, to the last bit, also where the
frames were lossy before. Must not know files, nor which transfer syntaxes there are.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydicom.dataset import Dataset

from engine.errors import Unclean
from engine.pixels import fill, native
from engine.pixels.boxes import Box, complement
from engine.pixels.codec import Cells, Codec, plain
from engine.pixels.image import Image

_PHOTOMETRIC = frozenset(
    {"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"}
)


class DecodedFrames:
    """Frames for `clean_encapsulated`, of one codec. `head`: what the object says before its pixels; `boxes` in pixels.

    `lossy`: whether one of those that were blanked said that it had lost something; what is written never does.
    Raises `Unclean` for an image that the codec cannot encode or whose black is not known.
    """

    together = 1  # a frame takes long: each is a job of its own

    def __init__(self, codec: Codec, image: Image, head: Dataset, boxes: Sequence[Box]) -> None:
        if image.photometric not in _PHOTOMETRIC:
            raise Unclean("this Photometric Interpretation is not supported in a compressed object")
        # What the frames in memory are: colour for each pixel, by pixel.
        planar = 0 if image.samples > 1 else image.planar
        self._image = replace(image, photometric=codec.decoded(image.photometric), planar=planar)
        self._codec, self.start, self.lossy = codec, codec.start, False
        self._writes = codec.encode_like or (lambda cells, image, _stream: self._encode(cells, image))
        codec.refuse(self._image)
        # Pairs of pixels that share their colour go together, as the one outside would show that of the other.
        self._boxes = native.blanked_boxes(image, boxes)
        self._black = np.array(fill.black(self._image, head), f"<u{image.bits_allocated // 8}")

    def blank(self, stream: bytes) -> tuple[bytes, tuple[Box, ...]]:
        """The frame with its boxes blanked, and the boxes as they were blanked."""
        image = self._look(stream)
        cells = self._decoded(stream, image)
        for box in self._boxes:
            cells[box.y : box.bottom, box.x : box.right] = self._black
        return self._writes(cells, image, stream), self._boxes

    def prove(self, first: int, pairs: Sequence[tuple[bytes, bytes]], boxes: tuple[Box, ...]) -> None:
        """Raises `Unclean` unless the boxes are black in what was written, and every sample outside them is as it was.

        What was written is decoded by another decoder than the encoder's, where the codec has one.
        """
        for before, after in pairs:
            self._prove(before, after, boxes)

    def _prove(self, before: bytes, after: bytes, boxes: tuple[Box, ...]) -> None:
        image = self._look(before)
        self._look(after)
        facts = self._codec.facts
        if facts is not None and facts(before).transform != facts(after).transform:
            raise Unclean("the proof failed: the colours of the frame are stored in another way")
        old, new = self._decoded(before, image), (self._codec.again or self._codec.decode)(after, image)
        if old.shape != new.shape or old.dtype != new.dtype:
            raise Unclean("the proof failed: the frame has another size")
        for box in complement(boxes, image.columns, image.rows):
            if not np.array_equal(_cut(old, box), _cut(new, box)):
                raise Unclean("the proof failed: pixels outside the boxes have changed")
        if not all((_cut(new, box) == self._black).all() for box in boxes):
            raise Unclean("the proof failed: something is left inside a box")

    def _decoded(self, stream: bytes, image: Image) -> Cells:
        cells = self._codec.decode(stream, image)
        return cells if self._codec.whole else plain(cells, image)

    def _look(self, stream: bytes) -> Image:
        """The image as this stream has it: samples that are wider in it than Bits Stored are kept with all their bits.

        Raises `Unclean` for a stream that says itself that it is no frame of this image, or not a whole one.
        """
        if self._codec.facts is None:
            return self._image
        facts, image = self._codec.facts(stream), self._image
        if (facts.rows, facts.columns, facts.samples) != (image.rows, image.columns, image.samples):
            raise Unclean("a compressed frame has another size or number of colours than the object says")
        if facts.lossy:  # and never back: several threads are here
            self.lossy = True
        if facts.precision <= image.bits_stored:
            return image
        return replace(image, bits_stored=image.bits_allocated, high_bit=image.bits_allocated - 1)

    def _encode(self, cells: Cells, image: Image) -> bytes:
        if self._codec.encode is None:
            raise Unclean("nothing can write this transfer syntax")
        return self._codec.encode(cells, image)


def _cut(cells: Cells, box: Box) -> Cells:
    return cells[box.y : box.bottom, box.x : box.right]
