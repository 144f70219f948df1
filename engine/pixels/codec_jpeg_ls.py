"""JPEG-LS (PS3.5 8.2.3), by CharLS."""

import imagecodecs

from engine.pixels.codec import Cells, Codec, ended, fit, stored
from engine.pixels.image import Image


def decode(stream: bytes, image: Image) -> Cells:
    """A frame."""
    return fit(imagecodecs.jpegls_decode(ended(stream)), image)


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's stream."""
    return bytes(imagecodecs.jpegls_encode(stored(cells, image)))


JPEG_LS = Codec(decode, b"\xff\xd8", encode)
JPEG_LS_NEAR = Codec(decode, b"\xff\xd8")
