"""How much a deflated data set (PS3.5 A.5) comes to, before it is held in memory: a megabyte may become a thousand.

Must not know elements.
"""

import zlib
from pathlib import Path
from typing import BinaryIO

from pydicom.filereader import _read_file_meta_info, read_preamble
from pydicom.uid import DeflatedExplicitVRLittleEndian

MOST = 1 << 29
"""Bytes. pydicom reads all of it at once, and so do we where it is sent in another transfer syntax."""

TOO_LARGE = f"its deflated data set comes to more than {MOST >> 20} MB, and is not read"

_PIECE = 1 << 20


def is_too_large(file: Path) -> bool:
    """Whether this DICOM file's data set is deflated and comes to more than MOST. Raises what pydicom raises."""
    with file.open("rb") as stream:
        read_preamble(stream, force=False)
        if _read_file_meta_info(stream).get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
            return False
        return _comes_to_more(stream)


def inflated(data: bytes) -> bytes:
    """All of it. Raises zlib.error where it is damaged, ValueError where it is more than MOST."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    found = stream.decompress(data, MOST + 1)
    if len(found) > MOST:
        raise ValueError(TOO_LARGE)
    if not stream.eof:
        raise zlib.error("it ends in the middle")
    return found


def _comes_to_more(file: BinaryIO) -> bool:
    stream, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not stream.eof and size <= MOST:
        piece = stream.unconsumed_tail or file.read(_PIECE)
        if not piece:
            break
        try:
            size += len(stream.decompress(piece, _PIECE))
        except zlib.error:
            break
    return size > MOST
