"""High-Throughput JPEG 2000 (PS3.5 8.2.14), written by OpenJPH and proved with OpenJPEG.

OpenJPH fills tables and chooses functions when it is first used, and does not keep other threads from using them half
done; so the first use is one thread's alone.
"""

import threading
from dataclasses import replace
from functools import partial

import imagecodecs
import numpy as np

from engine.pixels import codec_jpeg_2000
from engine.pixels.codec import Cells, Codec, signed_or_stored
from engine.pixels.codestream import jpeg_2000
from engine.pixels.image import Image

_SMALLEST = 64
_beginning, _begun = threading.Lock(), threading.Event()


def encode(cells: Cells, image: Image, *, by_resolution: bool = False) -> bytes:
    """A frame's reversible stream, with the colour transform for RGB; signed samples stay signed in it.

    `by_resolution`: as the transfer syntax with RPCL options wants it (PS3.5 10.18).
    """
    transform = image.samples == 3 and image.photometric == "RGB"
    return _encode(cells, image, transform=transform, by_resolution=by_resolution)


def encode_like(cells: Cells, image: Image, stream: bytes, *, by_resolution: bool = False) -> bytes:
    """The same, with the colour transform only where another stream has it."""
    return _encode(cells, image, transform=jpeg_2000(stream).transform, by_resolution=by_resolution)


def _encode(cells: Cells, image: Image, *, transform: bool, by_resolution: bool) -> bytes:
    """`by_resolution`: down to 64 pixels or less, a tile-part for each resolution, and a table of their lengths."""
    _begin()
    samples = signed_or_stored(cells, image)
    if not by_resolution:
        return bytes(imagecodecs.htj2k_encode(samples, reversible=True, rgb=transform))
    halved = max(5, (-(-max(image.rows, image.columns) // _SMALLEST) - 1).bit_length())
    return bytes(
        imagecodecs.htj2k_encode(samples, reversible=True, rgb=transform, tlm=True, tilepart=1, resolutions=halved)
    )


def _begin() -> None:
    with _beginning:
        if not _begun.is_set():
            imagecodecs.htj2k_encode(np.zeros((8, 8, 3), np.uint8), reversible=True, rgb=True)
            _begun.set()


HTJ2K = Codec(
    codec_jpeg_2000.decode,
    b"\xff\x4f\xff\x51",
    encode,
    codec_jpeg_2000.decode,
    decoded=codec_jpeg_2000.decoded,
    encoded=codec_jpeg_2000.encoded,
    facts=jpeg_2000,
    encode_like=encode_like,
)
HTJ2K_RPCL = replace(
    HTJ2K, encode=partial(encode, by_resolution=True), encode_like=partial(encode_like, by_resolution=True)
)
