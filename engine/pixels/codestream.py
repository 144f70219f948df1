"""What a compressed frame says of itself, by its markers (ITU-T T.81 B, T.87 C, T.800 A), before a decoder sees it.

Decoders fill up what is missing, skip what follows, and allocate what a damaged size tells them to; so what a frame is
must be known beforehand. Must not know files, nor decode anything.
"""

import struct
from dataclasses import dataclass, replace

from engine.errors import Unclean

SOF_LOSSLESS, SOF_JPEG_LS = 0xC3, 0xF7
_SOS, _EOI = 0xDA, b"\xff\xd9"
_OTHER_FRAMES = frozenset({*range(0xC0, 0xD0), 0xDE, 0xF7} - {0xC4, 0xC8, 0xCC})
_SIZ, _COD, _SOT = 0x51, 0x52, 0x90
_TRUNCATED = "a compressed frame is truncated"
_DAMAGED = "a compressed frame is damaged: its markers"
_SUBSAMPLED = "the colours of a compressed frame are stored more coarsely than its brightness, which is not supported"


@dataclass(frozen=True)
class Facts:
    """Size in pixels, components, the most bits of a sample, whether the stream transforms colours, and whether it says
    that it lost something.

    It does where the bound of near-lossless JPEG-LS is not 0, or the wavelet of JPEG 2000 is irreversible.
    """

    rows: int
    columns: int
    samples: int
    precision: int
    transform: bool = False
    lossy: bool = False


def jpeg_lossless(stream: bytes) -> Facts:
    """Of a stream of JPEG Lossless, Huffman coded. Raises `Unclean` as `_jpeg` does."""
    return _jpeg(stream, SOF_LOSSLESS)


def jpeg_ls(stream: bytes) -> Facts:
    """Of a stream of JPEG-LS. Raises `Unclean` as `_jpeg` does."""
    return _jpeg(stream, SOF_JPEG_LS)


def _jpeg(stream: bytes, start_of_frame: int) -> Facts:
    """Raises `Unclean` for another process of JPEG, for coarser colours, and unless one image is all there is."""
    if stream[:2] != b"\xff\xd8":
        raise Unclean("a compressed frame does not begin as its transfer syntax demands")
    at, facts = 2, None
    while True:
        marker, body, at = _segment(stream, at)
        if marker == start_of_frame and facts is None:
            facts = _frame_header(body)
        elif marker in _OTHER_FRAMES:
            raise Unclean("a compressed frame holds another kind of JPEG than its transfer syntax says")
        elif marker == _SOS:
            break
    if facts is None or not body or len(body) != 4 + 2 * body[0]:
        raise Unclean(_DAMAGED)
    lossy = start_of_frame == SOF_JPEG_LS and body[1 + 2 * body[0]] > 0
    # Coded data has no such bytes, so that the first end is the end.
    end = stream.find(_EOI, at)
    if end < 0:
        raise Unclean(_TRUNCATED)
    _nothing_follows(stream, end + 2)
    return replace(facts, lossy=lossy)


def _segment(stream: bytes, at: int) -> tuple[int, bytes, int]:
    """A marker, what its segment holds, and where the next begins."""
    if stream[at : at + 1] != b"\xff":
        raise Unclean(_DAMAGED if at < len(stream) else _TRUNCATED)
    while stream[at : at + 1] == b"\xff":  # any number of fill bytes (T.81 B.1.1.2)
        at += 1
    length = int.from_bytes(stream[at + 1 : at + 3], "big")
    body = stream[at + 3 : at + 1 + length]
    if length < 2 or len(body) != length - 2:
        raise Unclean(_TRUNCATED)
    return stream[at], body, at + 1 + length


def _frame_header(body: bytes) -> Facts:
    if len(body) < 6 or len(body) != 6 + 3 * body[5] or not body[5]:
        raise Unclean(_DAMAGED)
    if len({body[place] for place in range(7, len(body), 3)}) > 1:
        raise Unclean(_SUBSAMPLED)
    return Facts(int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), body[5], body[0])


def jpeg_2000(stream: bytes) -> Facts:
    """Of a codestream of JPEG 2000, with whichever block coder.

    Raises `Unclean` for coarser colours, and unless its tile-parts are all there and nothing else.
    """
    if stream[:2] != b"\xff\x4f":
        raise Unclean("a compressed frame does not begin as its transfer syntax demands")
    at, facts, coding = 2, None, None
    while stream[at : at + 2] != bytes((0xFF, _SOT)):
        marker, body, at = _segment(stream, at)
        if marker == _SIZ:
            facts = _size(body)
        elif marker == _COD and len(body) > 9:
            coding = body
    if facts is None or coding is None:
        raise Unclean(_DAMAGED)
    _nothing_follows(stream, _end_of_tiles(stream, at))
    return replace(facts, transform=bool(coding[4]), lossy=coding[9] == 0)


def _size(body: bytes) -> Facts:
    if len(body) < 39:
        raise Unclean(_DAMAGED)
    right, bottom, left, top = struct.unpack_from(">4L", body, 2)
    components = int.from_bytes(body[34:36], "big")
    if len(body) != 36 + 3 * components or not components or right <= left or bottom <= top:
        raise Unclean(_DAMAGED)
    if any(step != 1 for place in range(37, len(body), 3) for step in body[place : place + 2]):
        raise Unclean(_SUBSAMPLED)
    precision = max((body[36 + 3 * number] & 0x7F) + 1 for number in range(components))
    return Facts(bottom - top, right - left, components, precision)


def _end_of_tiles(stream: bytes, at: int) -> int:
    """Where the codestream ends, by the lengths of its tile-parts (T.800 A.4.2)."""
    while stream[at : at + 2] == bytes((0xFF, _SOT)):
        if at + 12 > len(stream):
            raise Unclean(_TRUNCATED)
        length = int.from_bytes(stream[at + 6 : at + 10], "big")
        if length == 0:  # the last one, up to the end
            at = stream.rfind(_EOI)
            break
        if length < 14:
            raise Unclean(_DAMAGED)
        at += length
    if at < 0 or stream[at : at + 2] != _EOI:
        raise Unclean(_TRUNCATED if not 0 <= at < len(stream) else _DAMAGED)
    return at + 2


def _nothing_follows(stream: bytes, end: int) -> None:
    """Behind the end there may be what `codec.ended` allows: a byte of any value, or more that mean nothing."""
    if len(stream) - end > 1 and stream[end:].strip(b"\0\xff"):
        raise Unclean("a compressed frame goes on behind its end, perhaps with another image")
