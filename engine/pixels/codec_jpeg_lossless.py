"""JPEG Lossless (PS3.5 8.2.1, process 14): samples as they are; no colours are converted."""

import imagecodecs
import numpy as np

from engine.errors import Unclean
from engine.pixels.codec import Cells, Codec, ended, fit, stored
from engine.pixels.codestream import jpeg_lossless
from engine.pixels.image import Image


def decode(stream: bytes, image: Image) -> Cells:
    """A frame, by libjpeg-turbo; what that does not read (predictors with a point transform), by another.

    Neither says that a scan ends early, and each fills it up in its own way: where both read it and differ, it is
    damaged. Raises `Unclean` then.
    """
    space = None if image.samples == 1 else "RGB"
    ended(stream)
    try:
        cells = fit(imagecodecs.jpeg8_decode(stream, colorspace=space, outcolorspace=space), image)
    except imagecodecs.Jpeg8Error:
        return again(stream, image)
    try:
        other = again(stream, image)
    except imagecodecs.Jpegsof3Error:
        return cells  # it does not read all that there is
    if not np.array_equal(cells, other):
        raise Unclean("a compressed frame is damaged: two decoders read it differently")
    return cells


def again(stream: bytes, image: Image) -> Cells:
    """A frame, by a decoder that has nothing to do with the encoder."""
    return fit(imagecodecs.jpegsof3_decode(ended(stream)), image)


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's stream, with selection value 1."""
    samples = stored(cells, image)
    bits = image.bits_stored if samples.dtype == np.uint16 else 8
    space = None if image.samples == 1 else "RGB"
    return bytes(
        imagecodecs.jpeg8_encode(
            samples, lossless=True, predictor=1, bitspersample=bits, colorspace=space, outcolorspace=space
        )
    )


JPEG_LOSSLESS = Codec(decode, b"\xff\xd8", encode, again, facts=jpeg_lossless)
