"""JPEG-LS (PS3.5 8.2.3), by CharLS; read again by `_jpeg_ls.c` where the package was built with a compiler."""

import imagecodecs
import numpy as np

from engine.errors import Unclean
from engine.pixels.codec import Cells, Codec, ended, fit, stored
from engine.pixels.codestream import jpeg_ls
from engine.pixels.image import Image

try:
    from engine.pixels import _jpeg_ls as kernel
except ImportError:
    kernel = None  # type: ignore[assignment]

MOST_SAMPLES = 3


def decode(stream: bytes, image: Image) -> Cells:
    """A frame."""
    return fit(imagecodecs.jpegls_decode(ended(stream)), image)


def again(stream: bytes, image: Image) -> Cells:
    """A frame of `encode`, by `_jpeg_ls.c`, which has nothing to do with CharLS; without that, by CharLS.

    Raises `Unclean` for what it does not read: `encode` writes nothing of the kind.
    """
    precision = jpeg_ls(stream).precision
    if kernel is None or image.samples > MOST_SAMPLES:
        return decode(stream, image)
    width = 1 if precision <= 8 else 2
    samples = kernel.decode(ended(stream), image.rows, image.columns, image.samples, width)
    if isinstance(samples, int):
        raise Unclean("a compressed frame is not what its encoder should have written")
    frame = np.frombuffer(samples, f"<u{width}").reshape(image.rows, image.columns, image.samples)
    return fit(frame, image)


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's stream, without loss. Noise in small frames needs more room than the samples themselves."""
    samples = stored(cells, image)
    return bytes(imagecodecs.jpegls_encode(samples, level=0, out=samples.nbytes * 5 // 4 + 4096))


JPEG_LS = Codec(decode, b"\xff\xd8", encode, again, facts=jpeg_ls)
