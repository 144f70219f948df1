"""What every codec has in common: frames in, frames out, and what it can do. Must not know files.

A frame is an array of rows × columns × samples, unsigned, as wide as Bits Allocated: the bits as they would stand in a
native image. Signed samples are two's complement, extended to the full width. No value is interpreted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels.codestream import Facts
from engine.pixels.image import Image

Cells = NDArray[np.unsignedinteger]
Decode = Callable[[bytes, Image], Cells]
Encode = Callable[[Cells, Image], bytes]


@dataclass(frozen=True)
class Codec:
    """One transfer syntax. `bits`: the Bits Stored it can encode, from and to; `again`: a decoder to prove it with.

    `whole`: it carries all allocated bits, also those beyond Bits Stored. `start`: how each frame begins (empty: each
    frame is one fragment). `encode` is None where it is only read. `decoded` and `encoded` say the Photometric
    Interpretation of the frames that come out, and of the object once they are in it. `facts` says what a stream is,
    where it says so itself; `encode_like` is `encode` for a frame that replaces a stream, in the ways of that.
    """

    decode: Decode
    start: bytes
    encode: Encode | None = None
    again: Decode | None = None
    bits: tuple[int, int] = (2, 16)
    whole: bool = False
    decoded: Callable[[str], str] = lambda photometric: full(photometric)
    encoded: Callable[[str], str] = lambda photometric: photometric
    facts: Callable[[bytes], Facts] | None = None
    encode_like: Callable[[Cells, Image, bytes], bytes] | None = None

    def refuse(self, image: Image) -> None:
        """Raises `Unclean` for an image that it cannot encode."""
        least, most = self.bits
        if self.encode is None:
            raise Unclean("images can be read from this transfer syntax, and not brought into it")
        if image.bits_allocated not in (8, 16, 32) or not least <= image.bits_stored <= most:
            raise Unclean(f"this transfer syntax takes {least} to {most} bits, and the image has {image.bits_stored}")
        if not self.whole and (image.high_bit != image.bits_stored - 1 or image.bits_allocated > 16):
            raise Unclean("the bits of its samples do not lie as this transfer syntax wants them")


def full(photometric: str) -> str:
    """Frames have colour for each pixel, whatever was stored."""
    return "YBR_FULL" if photometric in ("YBR_FULL_422", "YBR_PARTIAL_420") else photometric


def ended(stream: bytes) -> bytes:
    """A stream of the JPEG family that has its end; decoders fill up what is missing, and do not say so.

    Raises `Unclean` for any other.
    """
    # Behind it there may be a byte to make the length even, which DCMTK leaves to chance; or a few, of zero or of the
    # bits that fill a stream.
    padded = len(stream) % 2 == 0 and stream[-3:-1] == b"\xff\xd9"
    if not padded and not stream.rstrip(b"\0\xff").endswith(b"\xff\xd9"):
        raise Unclean("a compressed frame is truncated")
    return stream


def fit(decoded: NDArray[np.generic], image: Image, precision: int | None = None) -> Cells:
    """What a decoder gave, as a frame. `precision`: the bits that a sample has there, if not Bits Stored.

    Raises `Unclean` where it is no frame of this image.
    """
    if image.bits_allocated not in (8, 16, 32):
        raise Unclean("this number of Bits Allocated is not supported")
    frame = decoded.reshape((*decoded.shape, 1)) if decoded.ndim == 2 else decoded
    if frame.shape != (image.rows, image.columns, image.samples):
        raise Unclean("a compressed frame has another size than the object says")
    width = np.dtype(f"u{image.bits_allocated // 8}")
    if frame.dtype.itemsize > width.itemsize and int(frame.max()) >> image.bits_allocated:
        raise Unclean("a compressed frame has more bits than the object says")
    signed = np.dtype(f"i{width.itemsize}")
    cells = frame.astype(signed if frame.dtype.kind == "i" else width).view(width)
    bits = image.bits_stored if precision is None else precision
    return extended(cells, bits) if image.signed and frame.dtype.kind != "i" else cells


def extended(cells: Cells, bits: int) -> Cells:
    """Samples of so many bits with their sign extended to the whole width."""
    shift = 8 * cells.dtype.itemsize - bits
    if shift <= 0:
        return cells
    signed = np.dtype(f"i{cells.dtype.itemsize}")
    return ((cells << shift).view(signed) >> shift).view(cells.dtype)


def plain(cells: Cells, image: Image) -> Cells:
    """Native cells with nothing but samples in them. Raises `Unclean` where other bits are used for something."""
    if image.bits_allocated not in (8, 16, 32):
        return cells
    mask = (1 << image.bits_stored) - 1
    within = cells & cells.dtype.type(mask)
    wanted = extended(within, image.bits_stored) if image.signed else within
    if not (np.array_equal(cells, wanted) or np.array_equal(cells, within)):
        raise Unclean("bits beyond Bits Stored are in use, perhaps by an overlay: compressed, they would be lost")
    return wanted


def stored(cells: Cells, image: Image) -> Cells:
    """The bits of the samples alone, in the narrowest of 8 and 16 bits, without the axis of a single sample."""
    within = cells & cells.dtype.type((1 << image.bits_stored) - 1)
    narrow = within.astype(np.uint8 if image.bits_stored <= 8 else np.uint16)
    return np.ascontiguousarray(narrow[:, :, 0] if image.samples == 1 else narrow)


def signed_or_stored(cells: Cells, image: Image) -> NDArray[np.integer]:
    """The samples as numbers of their own sign, for codecs that know signs; otherwise as `stored`."""
    narrow = stored(cells, image)
    if not image.signed:
        return narrow
    signed = cells.view(f"i{cells.dtype.itemsize}").astype(f"i{narrow.dtype.itemsize}")
    return np.ascontiguousarray(signed.reshape(narrow.shape))
