"""Uncompressed datasets from one native transfer syntax into another, without loss (PS3.5 7.1, 7.5, Annex A).

For destinations that do not take the syntax a file is in. Works on the encoded bytes: values are copied, or swapped
from big endian, never decoded to text and back. Decoding loses what is not valid in its character set, and pydicom
does not swap OW pixels. Must not know networks, and is never used for compressed pixel data. Needs the memory of the
whole dataset.
"""

import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_VR

from engine.deflated import inflated
from engine.dicom.negotiate import DEFLATED_LITTLE, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE
from engine.dicom.part10 import LONG_VRS, Meta

_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_BITS_ALLOCATED, _PIXEL_REPRESENTATION, _PIXEL_DATA = 0x00280100, 0x00280103, 0x7FE00010
_SWAPPED_BY = {b"AT": 2, b"OW": 2, b"SS": 2, b"US": 2} | dict.fromkeys((b"FL", b"OF", b"OL", b"SL", b"UL"), 4)
_SWAPPED_BY |= dict.fromkeys((b"FD", b"OD", b"OV", b"SV", b"UV"), 8)


@dataclass(frozen=True)
class _Syntax:
    explicit: bool
    big: bool = False


_SYNTAXES = {
    IMPLICIT_LITTLE: _Syntax(explicit=False),
    EXPLICIT_LITTLE: _Syntax(explicit=True),
    DEFLATED_LITTLE: _Syntax(explicit=True),
    EXPLICIT_BIG: _Syntax(explicit=True, big=True),
}


@dataclass(frozen=True)
class _Head:
    tag: int
    vr: bytes  # empty in implicit syntaxes
    length: int
    start: int  # of the value


def reencode(path: Path, meta: Meta, syntax: str) -> bytes:
    """The dataset of this file in explicit or implicit little endian; ValueError if it is damaged."""
    data = path.read_bytes()[meta.offset :]
    if meta.transfer_syntax_uid == DEFLATED_LITTLE:
        try:
            data = inflated(data)
        except zlib.error:
            raise ValueError("the dataset cannot be inflated") from None
    source, target = _SYNTAXES[meta.transfer_syntax_uid], _SYNTAXES[syntax]
    if source == target:
        return data
    try:
        return _elements(data, 0, len(data), source, target.explicit, signed=False)[0]
    except (struct.error, IndexError, RecursionError):
        raise ValueError("the dataset is damaged") from None


def converted(data: bytes, source: str, target: str, *, signed: bool) -> bytes:
    """Whole elements from one native transfer syntax (UID) in another, little endian one.

    signed: Pixel Representation, which decides between US and SS. Raises ValueError where they are damaged.
    """
    try:
        return _elements(data, 0, len(data), _SYNTAXES[source], _SYNTAXES[target].explicit, signed=signed)[0]
    except (struct.error, IndexError, RecursionError):
        raise ValueError("the dataset is damaged") from None


def element(tag: int, vr: str, value: bytes, target: str) -> bytes:
    """One element, encoded for a little endian transfer syntax (UID)."""
    return _encoded(tag, vr.encode(), value, _SYNTAXES[target].explicit, undefined=False)


def _elements(
    data: bytes, position: int, end: int, source: _Syntax, explicit: bool, *, signed: bool
) -> tuple[bytes, int]:
    """Elements up to `end` or to the delimiter of their item, re-encoded, and where they end."""
    out: list[bytes] = []
    wide = False  # pixels of more than 16 bits
    while position < end:
        head = _head(data, position, source)
        position = head.start
        if head.tag == _ITEM_END:
            break
        if head.length != _UNDEFINED and position + head.length > end:
            raise ValueError("the dataset is damaged: an element is longer than what holds it")
        vr = head.vr or _vr(head.tag, signed)
        if vr == b"SQ":
            value, position = _items(data, head, end, source, explicit, signed=signed)
        elif head.length == _UNDEFINED:  # UN: its items are implicit little endian in every syntax (PS3.5 6.2.2)
            _, position = _items(data, head, end, _SYNTAXES[IMPLICIT_LITTLE], False, signed=signed)
            value = data[head.start : position]
        else:
            position += head.length
            value = data[head.start : position]
            if head.tag == _PIXEL_DATA and source.big and vr == b"OW" and wide:
                # PS3.5 6.2 swaps the bytes of each 16-bit word, DCMTK does so, pydicom and others swap all four:
                # the file does not say which. A guess could be a wrong radiation dose.
                raise ValueError("pixels of 32 bits in big endian cannot be converted for certain")
            if source.big:
                value = _swapped(value, _SWAPPED_BY.get(vr, 1))
            if head.tag == _BITS_ALLOCATED:
                wide = int.from_bytes(value[:2], "little") > 16
            if head.tag == _PIXEL_REPRESENTATION:
                signed = value[:1] == b"\x01"
        if head.tag & 0xFFFF or head.tag >> 16 <= 6:  # group lengths are retired, and would be wrong now (PS3.5 7.2)
            out.append(_encoded(head.tag, vr, value, explicit, undefined=head.length == _UNDEFINED))
    return b"".join(out), position


def _items(
    data: bytes, sequence: _Head, end: int, source: _Syntax, explicit: bool, *, signed: bool
) -> tuple[bytes, int]:
    """The items of a sequence, with its delimiter if its length is undefined, and where they end."""
    undefined = sequence.length == _UNDEFINED
    position = sequence.start
    end = end if undefined else position + sequence.length
    out: list[bytes] = []
    while position < end:
        item = _head(data, position, source)
        if item.tag == _SEQUENCE_END:
            return b"".join(out) + struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), item.start
        if item.tag != _ITEM:
            raise ValueError("the dataset is damaged: a sequence holds something else than items")
        inside = item.length == _UNDEFINED
        stop = end if inside else item.start + item.length
        value, position = _elements(data, item.start, stop, source, explicit, signed=signed)
        out.append(struct.pack("<HHI", 0xFFFE, 0xE000, _UNDEFINED if inside else len(value)) + value)
        if inside:
            out.append(struct.pack("<HHI", 0xFFFE, 0xE00D, 0))
    if undefined:
        raise ValueError("the dataset is damaged: a sequence has no end")
    return b"".join(out), position


def _head(data: bytes, position: int, syntax: _Syntax) -> _Head:
    order = ">" if syntax.big else "<"
    group, element = struct.unpack_from(order + "HH", data, position)
    tag = group << 16 | element
    if not syntax.explicit or group == 0xFFFE:
        return _Head(tag, b"", struct.unpack_from(order + "I", data, position + 4)[0], position + 8)
    vr = data[position + 4 : position + 6]
    if vr in LONG_VRS:
        return _Head(tag, vr, struct.unpack_from(order + "I", data, position + 8)[0], position + 12)
    return _Head(tag, vr, struct.unpack_from(order + "H", data, position + 6)[0], position + 8)


def _encoded(tag: int, vr: bytes, value: bytes, explicit: bool, *, undefined: bool) -> bytes:
    length = _UNDEFINED if undefined else len(value)
    if not explicit:
        return struct.pack("<HHI", tag >> 16, tag & 0xFFFF, length) + value
    if vr not in LONG_VRS and len(value) > 0xFFFF:
        vr = b"UN"  # too long for the two-byte length of its VR (PS3.5 6.2.2)
    if vr in LONG_VRS:
        return struct.pack("<HH2sxxI", tag >> 16, tag & 0xFFFF, vr, length) + value
    return struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, length) + value


def _vr(tag: int, signed: bool) -> bytes:
    """The VR to write for an element of an implicit syntax; UN for what is private or unknown."""
    if tag >> 16 & 1:
        return b"LO" if 0x10 <= tag & 0xFFFF <= 0xFF else b"UN"  # private creators are LO (PS3.5 7.8.1)
    if tag & 0xFFFF == 0:
        return b"UL"
    try:
        vr = dictionary_VR(tag)
    except KeyError:
        return b"UN"
    if vr == "US or SS":
        return b"SS" if signed else b"US"
    # Where OW is among the choices it is always allowed (PS3.5 A.2): the bytes are those of the implicit syntax.
    return b"OW" if "OW" in vr else vr.encode()


def _swapped(value: bytes, size: int) -> bytes:
    if size == 1 or len(value) % size:
        return value
    out = bytearray(len(value))
    for place in range(size):
        out[place::size] = value[size - 1 - place :: size]
    return bytes(out)
