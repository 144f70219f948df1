"""JPEG 2000, read by FFmpeg (the extra `stellwerk[proof]`): a decoder that shares nothing with OpenJPEG, which encodes.

Used to prove what was written, in the process that works on pixels. Must not know who asks.
"""

from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean

_FORMATS = {"gray": 8, "gray16le": 16, "rgb24": 8, "rgb48le": 16}
"""The pixel formats in which samples come, and their width: FFmpeg moves narrower samples up to the highest bit."""


def installed() -> bool:
    """Whether the extra is there. Imports nothing."""
    return find_spec("av") is not None


def jpeg_2000(stream: bytes, bits: int, *, signed: bool) -> NDArray[np.integer]:
    """The samples of a codestream: rows × columns [× 3], as wide as `bits` need, by their own sign.

    `bits`, `signed`: what the codestream itself says of them (T.800 A.5.1). Raises `Unclean` where it is not read.
    """
    import av

    decoder = av.CodecContext.create("jpeg2000", "r")
    decoder.thread_count = 1  # frames are many, and each is in a thread of its own
    try:
        frames = [*decoder.decode(av.Packet(stream)), *decoder.decode(None)]
    except av.FFmpegError as error:
        raise Unclean(f"the proof failed: FFmpeg does not read what was written ({type(error).__name__})") from None
    if len(frames) != 1 or frames[0].format.name not in _FORMATS:
        raise Unclean("the proof failed: FFmpeg reads another image than was written")
    width = _FORMATS[frames[0].format.name]
    values = frames[0].to_ndarray().view(f"u{width // 8}") >> (width - bits)
    # FFmpeg adds the level shift (T.800 G.1) to signed samples, too.
    return (values.astype(np.int32) - (1 << (bits - 1))).astype(f"i{values.itemsize}") if signed else values
