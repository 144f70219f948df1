"""Inflate and deflate the data set of a file (PS3.5 A.5), a piece at a time. Must not know elements or pixels."""

import struct
import zlib
from pathlib import Path

from engine.errors import Unclean

_PIECE = 1 << 20
_MOST = 1 << 32  # bytes: PixelData cannot be longer, so an honest data set is not
_LEVEL = 6  # fixed, so that the same input gives the same bytes


def inflate(source: Path, target: Path, start: int) -> None:
    """Copy the first `start` bytes and inflate the rest.

    Raises `Unclean` if the stream is damaged, inflates beyond all reason, or something is hidden behind its end.
    """
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    written = checksum = 0
    with source.open("rb") as read, target.open("xb") as write:
        write.write(read.read(start))
        while not inflater.eof:
            piece = inflater.unconsumed_tail or read.read(_PIECE)
            try:
                data = inflater.decompress(piece, _PIECE) if piece else inflater.flush()
            except zlib.error:
                raise Unclean("the deflated data set is damaged") from None
            if not piece and not inflater.eof:
                raise Unclean("the deflated data set is truncated")
            written += len(data)
            if written > _MOST:
                raise Unclean("the deflated data set is too large")
            checksum = zlib.crc32(data, checksum)
            write.write(data)
        # One zero pads to an even length. Some writers add the trailer of a gzip file: checksum and length.
        trailer = struct.pack("<LL", checksum, written & 0xFFFFFFFF)
        if inflater.unused_data + read.read(16) not in (b"", b"\0", trailer, trailer + b"\0"):
            raise Unclean("something follows the deflated data set")


def deflate(source: Path, target: Path, start: int) -> None:
    """Copy the first `start` bytes and deflate the rest, padded to an even length."""
    deflater = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    written = 0
    with source.open("rb") as read, target.open("xb") as write:
        write.write(read.read(start))
        while piece := read.read(_PIECE):
            written += write.write(deflater.compress(piece))
        written += write.write(deflater.flush())
        write.write(b"\0" * (written % 2))
