"""Elements and sequences as they are encoded (PS3.5 sections 7.1 and 7.5). A part of engine.scan, as pure as it.

It says where an element, an item or a sequence ends, and raises Unsure for everything that is not written as PS3.5
says: pydicom reads much of that, too, in its own way. Where the bytes end too early, struct.error comes out.
"""

import struct

from pydicom._dicom_dict import DicomDictionary

from engine.scan_values import DEFAULT, Encodings, Unsure, encodings_of

Element = tuple[str, bytes | None, int, int]
"""VR as written (empty where it is implicit), the bytes it stands in, where its value begins there, its length.

No bytes for a value too long to be kept.
"""

UNDEFINED = 0xFFFFFFFF
CHARSET = 0x00080005
_DEEPEST = 32
"""Sequences in sequences; real objects have up to about ten."""


def _codes(vrs: str) -> dict[int, str]:
    return {int.from_bytes(vr.encode(), "little"): vr for vr in vrs.split()}


SHORT_VR = _codes("AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US")
"""The VRs with a length of 16 bits, by their two letters as a number."""
_LONG_VR = _codes("OB OD OF OL OV OW SQ SV UC UN UR UT UV")

explicit_head = struct.Struct("<HHHH").unpack_from
implicit_head = struct.Struct("<HHI").unpack_from
_length = struct.Struct("<I").unpack_from


def long_head(data: bytes, at: int, code: int) -> tuple[str, int, int]:
    """VR, length and beginning of the value of an element with a length of 32 bits (PS3.5 section 7.1.2)."""
    vr = _LONG_VR.get(code)
    if vr is None:
        raise Unsure
    return vr, _length(data, at + 8)[0], at + 12


def charset(element: Element | None) -> Encodings:
    """The codecs that a Specific Character Set stands for, the default where there is none. Raises Unsure."""
    if element is None:
        return DEFAULT
    vr, data, start, length = element
    if data is None or vr not in ("CS", "") or length == UNDEFINED:
        raise Unsure
    return encodings_of(data[start : start + length])


def items_of(data: bytes, at: int, length: int, explicit: bool) -> list[dict[int, Element]]:
    """The attributes of each item of a sequence."""
    items: list[dict[int, Element]] = []
    _sequence(data, at, None if length == UNDEFINED else at + length, explicit, 0, items)
    return items


def end_of(data: bytes, at: int, number: int, vr: str, depth: int) -> int:
    """Where a value of undefined length ends, if it is a sequence. Raises Unsure, and struct.error where data ends."""
    if vr:
        if vr != "SQ":
            raise Unsure
    else:
        known = DicomDictionary.get(number)
        if known is None:
            # A private one is a sequence if it begins with an item; pydicom looks, too.
            if not number >> 16 & 1 or implicit_head(data, at)[:2] != (0xFFFE, 0xE000):
                raise Unsure
        elif known[0] != "SQ":
            raise Unsure
    return _sequence(data, at, None, bool(vr), depth, None)


def _sequence(
    data: bytes, at: int, stop: int | None, explicit: bool, depth: int, into: list[dict[int, Element]] | None
) -> int:
    """Walk over the items of a sequence, to its delimiter or to `stop`; answers where it ends."""
    if depth > _DEEPEST:
        raise Unsure
    while stop is None or at < stop:
        group, element, length = implicit_head(data, at)
        at += 8
        if group != 0xFFFE:
            raise Unsure
        if element == 0xE0DD and stop is None:
            return at
        if element != 0xE000:
            raise Unsure
        found: dict[int, Element] | None = None
        if into is not None:
            found = {}
            into.append(found)
        at = _item(data, at, None if length == UNDEFINED else at + length, explicit, depth, found)
    if at != stop:
        raise Unsure
    return at


def _item(data: bytes, at: int, stop: int | None, explicit: bool, depth: int, found: dict[int, Element] | None) -> int:
    """Walk over one item, to its delimiter or to `stop`; answers where it ends."""
    short, long, last = SHORT_VR.get, _LONG_VR.get, -1
    while stop is None or at < stop:
        if explicit:
            group, element, code, length = explicit_head(data, at)
            start = at + 8
            vr = short(code)
            if vr is None:
                vr = long(code)
                if vr is not None:
                    (length,) = _length(data, start)
                    start += 4
                elif group == 0xFFFE and element == 0xE00D and not code and not length and stop is None:
                    return start
                else:
                    raise Unsure
        else:
            group, element, length = implicit_head(data, at)
            start, vr = at + 8, ""
            if group == 0xFFFE and element == 0xE00D and not length and stop is None:
                return start
        number = group << 16 | element
        if number <= last or group == 0xFFFE:
            raise Unsure
        if length == UNDEFINED:
            if number < CHARSET:
                raise Unsure
            behind = end_of(data, start, number, vr, depth + 1)
        else:
            behind = start + length
        if found is not None:
            found[number] = (vr, data, start, length)
        if number == CHARSET:
            if behind > len(data):
                raise struct.error
            charset((vr, data, start, length))
        last, at = number, behind
    if at != stop:
        raise Unsure
    return at
