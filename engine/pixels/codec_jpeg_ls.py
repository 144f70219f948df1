"""JPEG-LS (PS3.5 8.2.3), by CharLS."""

import imagecodecs

from engine.pixels.codec import Cells, Codec, ended, fit, stored
from engine.pixels.codestream import jpeg_ls
from engine.pixels.image import Image


def decode(stream: bytes, image: Image) -> Cells:
    """A frame."""
    return fit(imagecodecs.jpegls_decode(ended(stream)), image)


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's stream, without loss. Noise in small frames needs more room than the samples themselves."""
    samples = stored(cells, image)
    return bytes(imagecodecs.jpegls_encode(samples, level=0, out=samples.nbytes * 5 // 4 + 4096))


JPEG_LS = Codec(decode, b"\xff\xd8", encode, facts=jpeg_ls)
