"""Prove that a frame of JPEG was blanked: decode what was written and what was there, and compare.

Where the package was built with a compiler, `_jpeg_proof.c` compares all coefficients, and the segments that decoders
need; what is equal there is equal for every decoder. The second referee, and without a compiler the only one, is
libjpeg-turbo, without colour conversion. It interpolates subsampled colour between neighbours, so colour may differ in
the one pixel on either side of an edge of a box; luma may not. Where it refuses the original, all coefficients of both
are compared as `coefficients` reads them. Must not know files.
"""

from array import array
from collections.abc import Sequence
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import jpeg, jpeg_markers
from engine.pixels.boxes import Box
from engine.pixels.coefficients import coefficients
from engine.pixels.image import Image
from engine.pixels.jpeg_markers import Frame

try:
    from engine.pixels import _jpeg_proof as kernel
except ImportError:  # it was installed without a compiler
    kernel = None  # type: ignore[assignment]

Samples = NDArray[np.uint8] | NDArray[np.uint16]
_CHANGED = "the proof failed: pixels outside the boxes have changed"
_LEFT = "the proof failed: something is left inside a box"
_ANOTHER = "the proof failed: the frame is another one"


Pair = tuple[bytes, bytes]


def counts_blocks() -> bool:
    """Whether a frame is refused that has anything behind its last block, so that blanking need not read to its end."""
    return kernel is not None


def prove(pairs: Sequence[Pair], boxes: Sequence[Box], image: Image, twice: Sequence[bool]) -> None:
    """Raises `Unclean` unless in each pair the boxes are flat in the second frame and all else is as in the first.

    `boxes`: as `jpeg.blank` says it blanked them, grown to MCUs. `twice`: of which pairs libjpeg-turbo is asked, too;
    without a kernel it is asked of all.
    """
    if kernel is not None:
        _prove_by_kernel(pairs, boxes, image)
    for (before, after), asked in zip(pairs, twice, strict=True):
        if asked or kernel is None:
            _prove_by_libjpeg(before, after, boxes, image)


def _prove_by_libjpeg(before: bytes, after: bytes, boxes: Sequence[Box], image: Image) -> None:
    frame = jpeg_markers.parse(after).frame
    jpeg.check(frame, image)
    if jpeg_markers.parse(before).frame != frame or jpeg.grown_boxes(frame, boxes) != tuple(boxes):
        raise Unclean(_ANOTHER)
    try:
        original = _decoded(before, len(frame.components))
    except imagecodecs.Jpeg8Error:
        _prove_by_coefficients(before, after, boxes, frame)
    else:
        _prove_by_samples(original, _decoded(after, len(frame.components)), boxes, frame)


def _prove_by_kernel(pairs: Sequence[Pair], boxes: Sequence[Box], image: Image) -> None:
    before, after = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    edges = array("i", [edge for box in boxes for edge in (box.x, box.y, box.right, box.bottom)])
    found = kernel.prove(before, after, edges, image.rows, image.columns, image.samples, image.bits_allocated)
    if found != kernel.PROVEN:
        raise Unclean(
            {
                kernel.CHANGED: _CHANGED,
                kernel.LEFT: _LEFT,
                kernel.ANOTHER: _ANOTHER,
                kernel.SURPLUS: "the proof failed: there is more in a frame than its picture",
                kernel.DAMAGED: "the JPEG is truncated or damaged inside its compressed data",
            }.get(found, "the proof failed: a frame cannot be read any more")
        )


def _decoded(stream: bytes, components: int) -> Samples:
    """The samples as they are stored, rows × columns × components, colour brought to full size."""
    colours = "YCBCR" if components == 3 else "GRAYSCALE"  # the same name twice: no conversion, whatever they are
    decoded = imagecodecs.jpeg8_decode(stream, colorspace=colours, outcolorspace=colours)
    return decoded.reshape(*decoded.shape[:2], components)


def _prove_by_samples(before: Samples, after: Samples, boxes: Sequence[Box], frame: Frame) -> None:
    if before.shape != after.shape or after.shape[:2] != (frame.rows, frame.columns):
        raise Unclean("the proof failed: the frame has another size")
    middle, most = 1 << (frame.precision - 1), (1 << frame.precision) - 1
    changed = before != after
    for number, component in enumerate(frame.components):
        ring = int(component.horizontal < frame.horizontal or component.vertical < frame.vertical)
        for box in filter(None, (_resized(box, ring, frame) for box in boxes)):
            _cut(changed[:, :, number], box)[:] = False
        for box in filter(None, (_resized(box, -ring, frame) for box in boxes)):
            inside = _cut(after[:, :, number], box)
            if inside[0, 0] not in (0, middle, most) or (inside != inside[0, 0]).any():
                raise Unclean(_LEFT)
    if changed.any():
        raise Unclean(_CHANGED)


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


def _cut(plane: NDArray[Any], box: Box) -> NDArray[Any]:
    return plane[box.y : box.bottom, box.x : box.right]
