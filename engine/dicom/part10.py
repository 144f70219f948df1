"""The DICOM file format (PS3.10 7.1): preamble and file meta information, written and read.

Must not know networks, and never looks into the dataset: it only says where it begins.
"""

import mmap
import os
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

# One UID for this software, derived once (PS3.5 B.2), so it is the same on every machine and in every release.
IMPLEMENTATION_CLASS_UID = f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, 'https://stellwerk.invalid/implementation').int}"
IMPLEMENTATION_VERSION_NAME = "STELLWERK"

LONG_VRS = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_HEADER = struct.Struct("<2xH2sH")
_UIDS = (0x0002, 0x0003, 0x0010)  # SOP class, SOP instance, transfer syntax
_MOST_META_BYTES = 1 << 20  # a file meta group is a few hundred bytes; more is not a file of ours to read


@dataclass(frozen=True)
class Meta:
    """What file meta information says about the dataset, which is `length` bytes from `offset` to the end."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    offset: int
    length: int


def write_meta(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source_ae: str) -> bytes:
    """Everything that comes before the dataset."""
    body = b"".join(
        (
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",
            _element(0x0002, b"UI", sop_class_uid),
            _element(0x0003, b"UI", sop_instance_uid),
            _element(0x0010, b"UI", transfer_syntax_uid),
            _element(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _element(0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
            _element(0x0016, b"AE", source_ae),
        )
    )
    return bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04\x00" + struct.pack("<I", len(body)) + body


def sop_class_of(path: Path) -> str:
    """The Media Storage SOP Class UID of a file. Raises ValueError where it is no DICOM file, or OSError."""
    return read_meta(path).sop_class_uid


def read_meta(path: Path) -> Meta:
    """The file meta information of a file; ValueError says why it is none."""
    with path.open("rb") as file:
        return meta_of(file, os.fstat(file.fileno()).st_size)


def meta_of(file: BinaryIO | mmap.mmap, size: int) -> Meta:
    """The same from an open file of so many bytes, or what is mapped of one, from its beginning."""
    if file.read(132)[128:] != b"DICM":
        raise ValueError("not a DICOM file: the prefix DICM is missing")
    values, offset = _meta_group(file)
    sop_class, sop_instance, syntax = (values.get(element, b"").decode("latin-1").strip("\0 ") for element in _UIDS)
    if not (sop_class and sop_instance and syntax):
        raise ValueError("the file meta information lacks the SOP class, the SOP instance or the transfer syntax")
    return Meta(sop_class, sop_instance, syntax, offset, size - offset)


def _meta_group(file: BinaryIO | mmap.mmap) -> tuple[dict[int, bytes], int]:
    """The values of group 0002 and where the dataset begins."""
    values: dict[int, bytes] = {}
    position, announced = 132, -1
    # The announced length decides where it can: a deflated dataset might begin with bytes that look like group 0002.
    while position != announced:
        header = file.read(8)
        if header[:2] != b"\x02\x00" or len(header) < 8:
            break
        element, vr, length = _HEADER.unpack(header)
        if vr in LONG_VRS:
            header += file.read(4)
            length = int.from_bytes(header[8:12], "little")
        if length > _MOST_META_BYTES or len(value := file.read(length)) < length:
            raise ValueError("the file meta information is damaged")
        position += len(header) + length
        values[element] = value
        if element == 0 and length == 4:
            announced = position + int.from_bytes(value, "little")
    return values, position


def _element(element: int, vr: bytes, text: str) -> bytes:
    value = text.encode("latin-1", "replace")
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 0x0002, element, vr, len(value)) + value
