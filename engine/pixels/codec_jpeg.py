"""JPEG baseline and extended (PS3.5 8.2.1, processes 1, 2 and 4): read only, as to write it is a loss."""

import imagecodecs

from engine.pixels.codec import Cells, Codec, ended, fit
from engine.pixels.image import Image
from engine.pixels.jpeg import intact


def decode(stream: bytes, image: Image) -> Cells:
    """A frame; colour comes out as RGB."""
    intact(ended(stream), image)
    return shown(stream, image)


def shown(stream: bytes, image: Image) -> Cells:
    """The same for who only looks at it: what is missing in a damaged frame is filled up, and nobody is told."""
    if image.samples == 1:
        return fit(imagecodecs.jpeg8_decode(stream), image)
    space = "RGB" if _is_rgb(stream, image) else "YCBCR"
    return fit(imagecodecs.jpeg8_decode(stream, colorspace=space, outcolorspace="RGB"), image)


def _is_rgb(stream: bytes, image: Image) -> bool:
    """What the stream says counts more than the header: many an object is wrong about it."""
    head = stream[:4096]
    adobe = head.find(b"Adobe\0")
    if b"JFIF\0" in head[:32]:
        return False
    if adobe > 0 and len(head) > adobe + 11:
        return head[adobe + 11] == 0
    return image.photometric == "RGB"


JPEG = Codec(decode, b"\xff\xd8", decoded=lambda photometric: "RGB" if photometric[:3] == "YBR" else photometric)
