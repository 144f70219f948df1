"""High-Throughput JPEG 2000 (PS3.5 8.2.14), written by OpenJPH and proved with OpenJPEG."""

import imagecodecs

from engine.pixels import codec_jpeg_2000
from engine.pixels.codec import Cells, Codec, signed_or_stored
from engine.pixels.image import Image


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's reversible stream, with the colour transform for RGB; signed samples stay signed in it."""
    rgb = image.samples == 3 and image.photometric == "RGB"
    return bytes(imagecodecs.htj2k_encode(signed_or_stored(cells, image), reversible=True, rgb=rgb))


HTJ2K = Codec(
    codec_jpeg_2000.decode,
    b"\xff\x4f",
    encode,
    codec_jpeg_2000.decode,
    decoded=codec_jpeg_2000.decoded,
    encoded=codec_jpeg_2000.encoded,
)
HTJ2K_ANY = Codec(codec_jpeg_2000.decode, b"\xff\x4f", decoded=codec_jpeg_2000.decoded)
