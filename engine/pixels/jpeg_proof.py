"""Prove that a frame of JPEG was blanked: decode what was written and what was there, and compare.

The referee is libjpeg-turbo, without colour conversion. It interpolates subsampled colour between neighbours, so
colour may differ in the one pixel on either side of an edge of a box; luma may not. Where the referee refuses the
original, all coefficients of both are compared instead, as `coefficients` reads them. Must not know files.
"""

from collections.abc import Sequence

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import jpeg, jpeg_markers
from engine.pixels.boxes import Box, complement
from engine.pixels.coefficients import coefficients
from engine.pixels.image import Image
from engine.pixels.jpeg_markers import Frame

Samples = NDArray[np.uint8] | NDArray[np.uint16]
_CHANGED = "the proof failed: pixels outside the boxes have changed"
_LEFT = "the proof failed: something is left inside a box"


def prove(before: bytes, after: bytes, boxes: Sequence[Box], image: Image) -> None:
    """Raises `Unclean` unless the boxes are flat in `after` and all else is as in `before`.

    `boxes`: as `jpeg.blank` says it blanked them, grown to MCUs.
    """
    frame = jpeg_markers.parse(after).frame
    jpeg.check(frame, image)
    if jpeg_markers.parse(before).frame != frame or jpeg.grown_boxes(frame, boxes) != tuple(boxes):
        raise Unclean("the proof failed: the frame is another one")
    try:
        original = _decoded(before, len(frame.components))
    except imagecodecs.Jpeg8Error:
        _prove_by_coefficients(before, after, boxes, frame)
    else:
        _prove_by_samples(original, _decoded(after, len(frame.components)), boxes, frame)


def _decoded(stream: bytes, components: int) -> Samples:
    """The samples as they are stored, rows × columns × components, colour brought to full size."""
    colours = "YCBCR" if components == 3 else "GRAYSCALE"  # the same name twice: no conversion, whatever they are
    decoded = imagecodecs.jpeg8_decode(stream, colorspace=colours, outcolorspace=colours)
    return decoded.reshape(*decoded.shape[:2], components)


def _prove_by_samples(before: Samples, after: Samples, boxes: Sequence[Box], frame: Frame) -> None:
    if before.shape != after.shape or after.shape[:2] != (frame.rows, frame.columns):
        raise Unclean("the proof failed: the frame has another size")
    middle, most = 1 << (frame.precision - 1), (1 << frame.precision) - 1
    for number, component in enumerate(frame.components):
        ring = int(component.horizontal < frame.horizontal or component.vertical < frame.vertical)
        widened = [_resized(box, ring, frame) for box in boxes]
        plane_before, plane_after = before[:, :, number], after[:, :, number]
        for box in complement([box for box in widened if box], frame.columns, frame.rows):
            if not np.array_equal(_cut(plane_before, box), _cut(plane_after, box)):
                raise Unclean(_CHANGED)
        for box in filter(None, (_resized(box, -ring, frame) for box in boxes)):
            inside = _cut(plane_after, box)
            if inside[0, 0] not in (0, middle, most) or (inside != inside[0, 0]).any():
                raise Unclean(_LEFT)


def _prove_by_coefficients(before: bytes, after: bytes, boxes: Sequence[Box], frame: Frame) -> None:
    mask = jpeg.mcu_mask(frame, boxes)
    for component, old, new in zip(frame.components, coefficients(before), coefficients(after), strict=True):
        inside = mask.repeat(component.vertical, axis=0).repeat(component.horizontal, axis=1)
        if not np.array_equal(old[~inside], new[~inside]):
            raise Unclean(_CHANGED)
        if new[inside][:, 1:].any() or (new[inside][:, 0] != new[inside][0, 0]).any():
            raise Unclean(_LEFT)


def _resized(box: Box, by: int, frame: Frame) -> Box | None:
    """The box wider (or, by less than 0, narrower) on the sides that are not edges of the image; None if empty."""
    left, top = box.x - by if box.x else 0, box.y - by if box.y else 0
    right = box.right + by if box.right < frame.columns else frame.columns
    bottom = box.bottom + by if box.bottom < frame.rows else frame.rows
    return Box(left, top, right - left, bottom - top) if left < right and top < bottom else None


def _cut(plane: Samples, box: Box) -> Samples:
    return plane[box.y : box.bottom, box.x : box.right]
