"""What is in a file that was put into a folder, and has all of it come? Reads the file, and changes nothing.

A DICOM file (PS3.10) is walked along its elements (PS3.5 section 7), over their values, so that it is known whether it
ends where they say. It is read with plain reads and never mapped: whoever still writes it may cut it short meanwhile.
It must not know folders, nor what is done with the answer.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from engine import deflated
from engine.dicom.part10 import LONG_VRS, Meta, read_meta

DICOM, DICOMDIR, ZIP, OTHER = "dicom", "dicomdir", "zip", "other"

NOT_DICOM = "this is no DICOM file"
CUT_OFF = "this file ends in the middle: it was never copied to its end"
EMPTY = "this file is empty"

_DIRECTORY = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage (PS3.3 F)
_SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_UNDEFINED = 0xFFFFFFFF
_ITEM_END, _SEQUENCE_END = 0xFFFEE00D, 0xFFFEE0DD
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


@dataclass(frozen=True, slots=True)
class Found:
    """What a file is. lacks: what is missing of it, in words; empty where it is whole.

    doubtful: it may be whole as it is, or be an image whose pixels are yet to come.
    """

    kind: str
    lacks: str = ""
    doubtful: bool = False


def kind_of(path: Path) -> Found:
    """What the file is, by how it begins, whatever its name; not whether the rest has come. Raises OSError."""
    with path.open("rb") as file:
        return _begins(file, path)[0]


def look_into(path: Path) -> Found:
    """What the file is, and whether it has all come. Raises OSError."""
    with path.open("rb") as file:
        found, meta = _begins(file, path)
        if meta is None:
            return found
        size = file.seek(0, 2)
        file.seek(meta.offset)
        if meta.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            return Found(DICOM, _lacking(file))
        return _Walk(file, size, meta.transfer_syntax_uid).found()


def _begins(file: BinaryIO, path: Path) -> tuple[Found, Meta | None]:
    """What it is; and of an object that has more to be looked at, what stands before that."""
    start = file.read(132)
    if not start.strip(b"\0"):
        # Some programs reserve the whole length first, and fill it then.
        return Found(OTHER, EMPTY if not start else CUT_OFF), None
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        return Found(ZIP), None
    if start[128:] != b"DICM":
        return Found(OTHER), None
    try:
        meta = read_meta(path)
    except ValueError as error:
        # It may be that not even this has come; otherwise nobody could send it.
        return Found(DICOM, str(error)), None
    return (Found(DICOMDIR), None) if meta.sop_class_uid == _DIRECTORY else (Found(DICOM), meta)


class _Walk:
    """One walk along the data set. Inside what has no length it goes into every item, otherwise over it."""

    def __init__(self, file: BinaryIO, size: int, syntax: str) -> None:
        self.file, self.size = file, size
        self.at = file.tell()
        self.order: str = "big" if syntax == ExplicitVRBigEndian else "little"
        self.implicit = [syntax == ImplicitVRLittleEndian]
        """Of the data set, and of everything without a length that we are in."""
        self.has_pixels = False

    def found(self) -> Found:
        """Whether it ends where its elements say."""
        while self.at < self.size or len(self.implicit) > 1:
            head = self.file.read(8)
            if len(head) < 8:
                return Found(DICOM, CUT_OFF)
            if head == bytes(8):
                # Room that nothing has been written to yet; behind the pixels it is only padding.
                return Found(DICOM, "" if self.has_pixels and len(self.implicit) == 1 else CUT_OFF)
            step = self._step(head)
            if step is None:
                # Nobody can say where this ends. Whether it can be read is for the rules.
                return Found(DICOM)
            self.at = step
            if self.at > self.size:
                return Found(DICOM, CUT_OFF)
            self.file.seek(self.at)
        return Found(DICOM, doubtful=not self.has_pixels)

    def _step(self, head: bytes) -> int | None:
        """Where the next element begins; None where this is none."""
        tag = self._number(head[:2]) << 16 | self._number(head[2:4])
        vr, value, length = b"", self.at + 8, self._number(head[4:])
        if not self.implicit[-1] and tag >> 16 != 0xFFFE:
            vr = head[4:6]
            if vr in LONG_VRS:
                value, length = self.at + 12, self._number(self.file.read(4))
            elif vr in _SHORT_VRS:
                length = self._number(head[6:])
            else:
                return None
        if len(self.implicit) == 1:
            self.has_pixels |= tag in _PIXELS
        if tag in (_ITEM_END, _SEQUENCE_END):
            if len(self.implicit) == 1:
                return None
            self.implicit.pop()
            return value
        if length == _UNDEFINED:
            # PS3.5 6.2.2 note 4: the content of a UN without a length is Implicit VR Little Endian.
            self.implicit.append(self.implicit[-1] or vr == b"UN")
            return value
        return value + length

    def _number(self, data: bytes) -> int:
        return int.from_bytes(data, "big" if self.order == "big" else "little")


def _lacking(file: BinaryIO) -> str:
    """What a deflated data set (PS3.5 A.5) lacks: its end, or a size that anybody would read."""
    stream, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    try:
        while not stream.eof:
            # What comes out is thrown away in pieces.
            data = stream.unconsumed_tail or file.read(1 << 16)
            if not data:
                # All has been read; of what is packed very well, a little is still to come out.
                stream.flush()
                return "" if stream.eof else CUT_OFF
            size += len(stream.decompress(data, 1 << 20))
            if size > deflated.MOST:
                return deflated.TOO_LARGE
    except zlib.error:
        return ""
    return ""
