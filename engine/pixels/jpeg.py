"""Blank boxes in one frame of JPEG Baseline or Extended (sequential Huffman, 8 or 12 bits) without decoding it.

Blocks under the boxes lose all their coefficients, the DC one too: block means alone are enough to read a name back
(the mosaic attack). All other blocks keep theirs exactly. Must not know files or fragments.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import jpeg_scan
from engine.pixels.boxes import Box, grow
from engine.pixels.image import Image
from engine.pixels.jpeg_markers import Frame, Scan, Stream, assemble, parse

_PHOTOMETRIC = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422"})


@dataclass(frozen=True)
class Blanked:
    """A frame with its boxes blanked, and the boxes as they were: grown to whole MCUs."""

    stream: bytes
    boxes: tuple[Box, ...]


def blank(stream: bytes, boxes: Sequence[Box], image: Image, hasty: bool = False) -> Blanked:
    """One frame with the boxes (pixels) blanked. Raises `Unclean` for what is not a sequential JPEG of this image.

    `hasty`: as `jpeg_scan.blank` has it.
    """
    parsed = parse(stream)
    check(parsed.frame, image)
    if 8 * len(stream) < 2 * _mcus(parsed.frame):  # a block takes two bits at least; believe no size before that
        raise Unclean("the JPEG is truncated: too short for its size")
    grown, mask = _where(parsed.frame, tuple(boxes))
    black = _BlackOf(parsed, image)
    parts = tuple(
        jpeg_scan.blank(parsed.frame, part, mask, black.coefficients(part), hasty) if isinstance(part, Scan) else part
        for part in parsed.parts
    )
    return Blanked(assemble(Stream(parsed.frame, parts, parsed.jfif, parsed.adobe_transform)), grown)


@lru_cache(maxsize=8)
def _where(frame: Frame, boxes: tuple[Box, ...]) -> tuple[tuple[Box, ...], NDArray[np.bool_]]:
    """The grown boxes, and their MCUs: the same for all frames of a cine."""
    grown = grown_boxes(frame, boxes)
    return grown, mcu_mask(frame, grown)


def intact(stream: bytes, image: Image) -> None:
    """Read every code of a frame's scans, and change nothing. Raises `Unclean` where they end early, or have surplus.

    Decoders fill up what is missing with grey and say nothing. Damage that leaves as many codes as there should be is
    not seen: nothing in a JPEG tells it from another picture.
    """
    parsed = parse(stream)
    check(parsed.frame, image)
    if 8 * len(stream) < 2 * _mcus(parsed.frame):
        raise Unclean("the JPEG is truncated: too short for its size")
    mask = mcu_mask(parsed.frame, ())
    for part in parsed.parts:
        if isinstance(part, Scan):
            used = jpeg_scan.blank(parsed.frame, part, mask, [0] * len(parsed.frame.components)).data
            if part.data[len(used) :].strip(b"\0\xff"):  # some encoders leave filler there
                raise Unclean("the JPEG is damaged: its compressed data goes on behind the last block")


def check(frame: Frame, image: Image) -> None:
    """Raises `Unclean` if a JPEG frame is not what the header of the object says it is."""
    if image.photometric not in _PHOTOMETRIC:
        raise Unclean("this Photometric Interpretation is not supported in a JPEG object")
    if (frame.rows, frame.columns, len(frame.components)) != (image.rows, image.columns, image.samples):
        raise Unclean("the JPEG has another size or number of colours than the header of the object says")
    if frame.precision > image.bits_allocated:
        raise Unclean("the JPEG has more bits than the header of the object says")


def grown_boxes(frame: Frame, boxes: Sequence[Box]) -> tuple[Box, ...]:
    """The boxes grown to whole MCUs, so that every component is blanked over the same pixels."""
    step_x, step_y = 8 * frame.horizontal, 8 * frame.vertical
    return tuple(grow(box, frame.columns, frame.rows, step_x, step_y) for box in boxes)


def _mcus(frame: Frame) -> int:
    return -(-frame.rows // (8 * frame.vertical)) * -(-frame.columns // (8 * frame.horizontal))


def mcu_mask(frame: Frame, grown: Sequence[Box]) -> NDArray[np.bool_]:
    """Which MCUs of the frame (rows × columns of MCUs) the grown boxes cover."""
    step_x, step_y = 8 * frame.horizontal, 8 * frame.vertical
    mask = np.zeros((-(-frame.rows // step_y), -(-frame.columns // step_x)), np.bool_)
    for box in grown:
        mask[box.y // step_y : -(-box.bottom // step_y), box.x // step_x : -(-box.right // step_x)] = True
    return mask


@dataclass(frozen=True)
class _BlackOf:
    parsed: Stream
    image: Image

    def coefficients(self, scan: Scan) -> tuple[int, ...]:
        """The quantised DC coefficient of black for each component of the frame (0 for those not in the scan).

        The mean of a block is DC × quantum ÷ 8 above mid-grey; rounded away from it, so that it clamps to the end.
        """
        middle = 1 << (self.parsed.frame.precision - 1)
        black = [0] * len(self.parsed.frame.components)
        for component in scan.components:
            if component.index and not self._stored_as_rgb():
                continue  # no colour: mid-scale
            if self.image.photometric == "MONOCHROME1":
                black[component.index] = -(-8 * (middle - 1) // component.dc_quantum)
            else:
                black[component.index] = -8 * middle // component.dc_quantum
        return tuple(black)

    def _stored_as_rgb(self) -> bool:
        """Whether three components are R, G, B. The stream's own word counts first, as decoders have it.

        Only the look of the blanked area hangs on it: with any answer the area is one constant colour.
        """
        if self.parsed.adobe_transform is not None:
            return self.parsed.adobe_transform == 0
        identifiers = bytes(component.identifier for component in self.parsed.frame.components)
        return not self.parsed.jfif and (identifiers == b"RGB" or self.image.photometric == "RGB")
