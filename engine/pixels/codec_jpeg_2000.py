"""JPEG 2000 (PS3.5 8.2.4), by OpenJPEG, and read again by FFmpeg where that is installed.

Its colour transform is part of the stream, and undone by the decoder.
"""

import imagecodecs

from engine.errors import Unclean
from engine.pixels import ffmpeg
from engine.pixels.codec import Cells, Codec, fit, full, signed_or_stored
from engine.pixels.codestream import jpeg_2000
from engine.pixels.image import Image

_SIZE = b"\xff\x4f\xff\x51"
_OF_STREAM = {"YBR_RCT": "RGB", "YBR_ICT": "RGB"}


def decode(stream: bytes, image: Image) -> Cells:
    """A frame; where stream and header differ about the sign, the stream's precision tells where it is."""
    bits, signed = _depth(stream)
    return fit(imagecodecs.jpeg2k_decode(stream), image, None if signed else bits)


def again(stream: bytes, image: Image) -> Cells:
    """A frame, by FFmpeg; without the extra `proof`, and for what FFmpeg has no pixel format for, as `decode`."""
    bits, signed = _depth(stream)
    if not ffmpeg.installed() or image.samples not in (1, 3) or bits > 16:
        return decode(stream, image)
    return fit(ffmpeg.jpeg_2000(stream, bits, signed=signed), image, None if signed else bits)


def _depth(stream: bytes) -> tuple[int, bool]:
    """The bits of the first component's samples, and whether they are signed (T.800 A.5.1)."""
    at = stream.find(_SIZE)
    if at < 0 or len(stream) < at + 43:
        raise Unclean("a compressed frame is no JPEG 2000 stream")
    depth = stream[at + 42]
    return (depth & 0x7F) + 1, bool(depth & 0x80)


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's reversible stream, with the colour transform for RGB; signed samples stay signed in it."""
    return _encode(cells, image, transform=image.samples == 3 and image.photometric == "RGB")


def encode_like(cells: Cells, image: Image, stream: bytes) -> bytes:
    """The same, with the colour transform only where another stream has it."""
    return _encode(cells, image, transform=jpeg_2000(stream).transform)


def _encode(cells: Cells, image: Image, *, transform: bool) -> bytes:
    # imagecodecs transforms what it is told to be RGB, and nothing else, whatever `mct` says.
    return bytes(
        imagecodecs.jpeg2k_encode(
            signed_or_stored(cells, image),
            codecformat="J2K",
            reversible=True,
            mct=transform,
            bitspersample=image.bits_stored,
            colorspace="SRGB" if transform else "UNSPECIFIED",
        )
    )


def decoded(photometric: str) -> str:
    """The Photometric Interpretation of the frames that come out."""
    return _OF_STREAM.get(photometric, full(photometric))


def encoded(photometric: str) -> str:
    """That of the object once they are in it."""
    return "YBR_RCT" if photometric == "RGB" else photometric


JPEG_2000 = Codec(
    decode,
    b"\xff\x4f\xff\x51",
    encode,
    again,
    decoded=decoded,
    encoded=encoded,
    facts=jpeg_2000,
    encode_like=encode_like,
)
