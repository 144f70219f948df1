"""Encoded objects for the tests of engine/profile, written and read without it: element by element, and by pydicom."""

import struct
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.filereader import data_element_generator
from pydicom.sequence import Sequence
from pydicom.values import convert_SQ

from engine.profile.table import vr_of

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG, DEFLATED, JPEG = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.50"
CT, US, SR = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.88.33"
LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
UNDEFINED = 0xFFFFFFFF

Element = tuple[int, str, "bytes | list[list[Element]]"]
"""Tag, VR, and a value or items."""


def encode(elements: Iterable[Element], syntax: str = EXPLICIT, *, undefined: bool = False) -> bytes:
    """A data set, in the order of its tags. undefined: sequences without lengths."""
    order = ">" if syntax == BIG else "<"
    parts = []
    for tag, vr, value in sorted(elements, key=lambda one: one[0]):
        ends = undefined and isinstance(value, list)
        if isinstance(value, list):
            data = b""
            for item in value:
                inner = encode(item, syntax, undefined=undefined)
                data += struct.pack(order + "HHL", 0xFFFE, 0xE000, UNDEFINED if undefined else len(inner)) + inner
                data += struct.pack(order + "HHL", 0xFFFE, 0xE00D, 0) if undefined else b""
            data += struct.pack(order + "HHL", 0xFFFE, 0xE0DD, 0) if undefined else b""
        else:
            data = value + (b"\0" if vr in ("UI", "OB", "UN") else b" ") * (len(value) % 2)
        length = UNDEFINED if ends else len(data)
        parts.append(struct.pack(order + "HH", tag >> 16, tag & 0xFFFF))
        if syntax == IMPLICIT:
            parts.append(struct.pack("<L", length))
        elif vr in LONG:
            parts.append(struct.pack(order + "2sHL", vr.encode(), 0, length))
        else:
            parts.append(struct.pack(order + "2sH", vr.encode(), length))
        parts.append(data)
    return b"".join(parts)


def meta(sop_class: str, instance: str, syntax: str, *more: Element) -> bytes:
    """Preamble and file meta information."""
    known: list[Element] = [
        (0x00020002, "UI", sop_class.encode()),
        (0x00020003, "UI", instance.encode()),
        (0x00020010, "UI", syntax.encode()),
    ]
    body = encode([*known, *more])
    return b"P" * 128 + b"DICM" + encode([(0x00020000, "UL", struct.pack("<L", len(body)))]) + body


def file(
    path: Path, elements: Iterable[Element], *, sop_class: str = CT, syntax: str = EXPLICIT, undefined: bool = False,
    instance: str = "1.2.3.4.5.6.7", pixels: bytes = b"\x2a" * 64, tail: Iterable[Element] = (),
) -> Path:  # fmt: skip
    """A DICOM file with these elements, and those that every object has."""
    own: list[Element] = [(0x00080016, "UI", sop_class.encode()), (0x00080018, "UI", instance.encode())]
    given = list(elements)
    have = {tag for tag, *_ in given}
    data = encode([*(one for one in own if one[0] not in have), *given], syntax, undefined=undefined)
    if pixels:
        data += encode([(0x7FE00010, "OW", pixels)], syntax)
    data += encode(tail, syntax, undefined=undefined)
    if syntax == DEFLATED:
        deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        data = deflater.compress(data) + deflater.flush()
    path.write_bytes(meta(sop_class, instance, syntax) + data)
    return path


Found = tuple[tuple[int, ...], str, bytes | None]
"""The way of tags to an element, its VR, its value; None for a sequence."""


def read(path: Path) -> list[Found]:
    """Every element of a file's data set, as pydicom finds them, the pixels too."""
    data = path.read_bytes()
    file_meta = pydicom.filereader.read_file_meta_info(path)
    start = 144 + int(file_meta.FileMetaInformationGroupLength)
    syntax = str(file_meta.TransferSyntaxUID)
    body = data[start:]
    if syntax == DEFLATED:
        body = zlib.decompress(body, -zlib.MAX_WBITS)
    return list(flat(data_element_generator(BytesIO(body), syntax == IMPLICIT, syntax != BIG)))


def flat(elements: Iterable[RawDataElement | DataElement], above: tuple[int, ...] = ()) -> Iterator[Found]:
    """Every element that pydicom has found, with those in its items behind it."""
    for element in elements:
        way, value = (*above, int(element.tag)), element.value
        unknown = isinstance(element, RawDataElement) and element.VR in (None, "UN") and vr_of(way[-1]) == "SQ"
        if isinstance(element, RawDataElement) and (element.VR == "SQ" or unknown):
            implicit = element.is_implicit_VR or element.VR == "UN"
            value = convert_SQ(element.value or b"", implicit, element.is_little_endian)
        if isinstance(value, Sequence):
            yield way, "SQ", None
            for item in value:
                yield from flat(item.values(), way)
        else:
            yield way, element.VR or "", value or b""


def values(path: Path) -> dict[tuple[int, ...], bytes | None]:
    """What is there, by the way to it; of several items the last."""
    return {way: value.rstrip(b" \0") if value is not None else None for way, _, value in read(path)}
