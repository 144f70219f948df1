"""Scan: the attributes of an object straight from its encoded bytes (PS3.5 section 7.1), without a data set.

Pure: bytes in, values out. It finds where each attribute stands and reads those that are asked for. Where anything is
out of the ordinary it answers "not sure", and pydicom is asked: whatever is answered here is what pydicom answers, up
to the objects that it cannot read at all. So a scan goes on to the pixel data, and does not end at the last tag asked.
Big Endian and deflated objects are left to pydicom. It must not know files.
"""

import re
import struct
from dataclasses import dataclass, field

from pydicom.datadict import DicomDictionary

from engine.scan_values import DEFAULT, Encodings, Unsure, encodings_of, texts, vr_of
from engine.tags import Part, Path, Tag

__all__ = ["Scan", "Unsure", "beginning", "meta"]

Element = tuple[str, bytes | None, int, int]
"""VR as written (empty where it is implicit), the bytes it stands in, where its value begins there, its length.

No bytes for a value too long to be kept.
"""

LONGEST = 65536
"""A longer value is left where it is: private blobs are never what a rule asks for."""

_UNDEFINED = 0xFFFFFFFF
_CHARSET = 0x00080005
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_DEEPEST = 32
"""Sequences in sequences; real objects have up to about ten."""

_IMPLICIT = b"1.2.840.10008.1.2"
_EXPLICIT = re.compile(rb"1\.2\.840\.10008\.1\.2\.(1|4\.\d{2,3}|5)")
"""Little Endian and not deflated: native, and every compression of pixels (PS3.5 annex A)."""

_SHORT = {vr: int.from_bytes(vr.encode(), "little") for vr in "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS".split()}
_SHORT |= {vr: int.from_bytes(vr.encode(), "little") for vr in "ST TM UI UL US".split()}
_LONG = {vr: int.from_bytes(vr.encode(), "little") for vr in "OB OD OF OL OV OW SQ SV UC UN UR UT UV".split()}
_SHORT_VR = {code: vr for vr, code in _SHORT.items()}
_LONG_VR = {code: vr for vr, code in _LONG.items()}

_explicit_head = struct.Struct("<HHHH").unpack_from
_implicit_head = struct.Struct("<HHI").unpack_from
_length = struct.Struct("<I").unpack_from


@dataclass(slots=True)
class Scan:
    """Where the attributes of one object stand, as far as its bytes were taken in."""

    explicit: bool
    elements: dict[int, Element] = field(default_factory=dict)
    """By group and element as one number, in their order."""
    last: int = 0x0002FFFF
    complete: bool = False
    """Whether all of it was taken in, up to the pixel data."""

    def walk(self, data: bytes, at: int, *, ends: bool) -> int:
        """Take in the attributes in these bytes from `at` on; answers where the first begins that they do not hold.

        That may be behind their end, where a long value is skipped. ends: the object ends with these bytes.
        Raises Unsure.
        """
        if self.last < 0x00030000 and not self.explicit and _looks_explicit(data, at):
            raise Unsure
        at = self._walk(data, at)
        if ends and not self.complete:
            if at != len(data):
                raise Unsure
            self.complete = True
        return at

    def _walk(self, data: bytes, at: int) -> int:
        explicit, elements, last, end = self.explicit, self.elements, self.last, len(data)
        short, long = _SHORT_VR.get, _LONG_VR.get
        try:
            while True:
                if explicit:
                    group, element, code, length = _explicit_head(data, at)
                    start = at + 8
                    vr = short(code)
                    if vr is None:
                        vr = long(code)
                        if vr is None:
                            raise Unsure
                        (length,) = _length(data, start)
                        start += 4
                else:
                    group, element, length = _implicit_head(data, at)
                    start, vr = at + 8, ""
                number = group << 16 | element
                if number <= last:
                    # Out of order, or twice the same: which one counts is not for us to say.
                    raise Unsure
                if number >= 0x7FE00008:
                    if number in _PIXELS:
                        self.complete = True
                        return at
                    if group == 0xFFFE:
                        raise Unsure
                if length == _UNDEFINED:
                    if number < _CHARSET:
                        raise Unsure
                    stop = _behind(data, start, number, vr, 0)
                    elements[number] = (vr, data, start, _UNDEFINED)
                else:
                    stop = start + length
                    if length > LONGEST:
                        elements[number] = (vr, None, start, length)
                    elif stop > end:
                        return at
                    else:
                        elements[number] = (vr, data, start, length)
                if number == _CHARSET:
                    _charset(elements[number])
                self.last = last = number
                at = stop
        except struct.error:
            # The bytes end.
            return at

    def values(self, path: Path) -> tuple[str, ...] | None:
        """Every value of an attribute, as text without padding; empty where it is missing or empty; None: not sure."""
        tag = path.parts[0].tag
        highest = tag.group << 16 | 0xFFFF if tag.creator else tag.number
        if tag.group < 8 or not (self.complete or highest < self.last):
            return None
        try:
            return tuple(self._texts(self.elements, _charset(self.elements.get(_CHARSET)), path.parts))
        except (Unsure, struct.error):
            return None

    def _texts(self, elements: dict[int, Element], encodings: Encodings, parts: tuple[Part, ...]) -> list[str]:
        part, rest = parts[0], parts[1:]
        number = _number(elements, part.tag)
        element = elements.get(number)
        if element is None:
            return []
        written, data, start, length = element
        vr = "SQ" if length == _UNDEFINED else vr_of(number, written, part.tag.creator)
        if data is None or (written == "UN" and length >= 0xFFFF):
            raise Unsure
        if vr != "SQ":
            found = texts(number, vr, data[start : start + length], DEFAULT if number == _CHARSET else encodings)
            # Also where a path goes on, from what is no sequence: an unreadable value is refused, not missing.
            return [] if rest else found
        items = _items(data, start, length, self.explicit)
        if not rest:
            # `is present` asks about the sequence itself; its items have no text.
            return ["…"] * len(items)
        chosen = items if part.item is None else items[part.item - 1 : part.item]
        return [
            text
            for item in chosen
            for text in self._texts(item, _charset(item[_CHARSET]) if _CHARSET in item else encodings, rest)
        ]


def meta(data: bytes) -> tuple[int, Scan]:
    """Where the data set begins in a DICOM file (PS3.10 section 7.1), and an empty scan for it. Raises Unsure."""
    if data[128:132] != b"DICM":
        raise Unsure
    at, last, syntax = 132, 0x00020000, b""
    try:
        if _explicit_head(data, at) != (2, 0, _SHORT["UL"], 4):
            raise Unsure
        at += 12
        while True:
            group, element, code, length = _explicit_head(data, at)
            if group != 2:
                # Shorter than any element that pydicom may try to read here: it would stumble.
                if len(data) < at + 12:
                    raise Unsure
                return at, _for_syntax(syntax)
            start = at + 8
            if code not in _SHORT_VR:
                if code not in _LONG_VR:
                    raise Unsure
                (length,) = _length(data, start)
                start += 4
            number = group << 16 | element
            at = start + length
            if number <= last or at > len(data):
                raise Unsure
            if element == 0x0010:
                if code != _SHORT["UI"]:
                    raise Unsure
                syntax = data[start:at]
            last = number
    except struct.error:
        raise Unsure from None


def beginning(data: bytes | memoryview, syntax: str) -> Scan | None:
    """A scan of the first bytes of a data set (PS3.5) in this transfer syntax; None: not sure of anything.

    It answers what these bytes settle. Of what follows them it knows nothing, so an object that cannot be read
    further on has its first values here.
    """
    held = bytes(data)
    try:
        scan = _for_syntax(syntax.encode())
        scan.walk(held, 0, ends=False)
    except Unsure:
        return None
    return scan


def _for_syntax(syntax: bytes) -> Scan:
    uid = syntax.rstrip(b" \0")
    if uid == _IMPLICIT:
        return Scan(explicit=False)
    if _EXPLICIT.fullmatch(uid):
        return Scan(explicit=True)
    raise Unsure


def _looks_explicit(data: bytes, at: int) -> bool:
    """Whether pydicom would take an implicit data set for an explicit one: two capital letters where a VR would be."""
    return all(0x40 < letter < 0x5B for letter in data[at + 4 : at + 6])


def _charset(element: Element | None) -> Encodings:
    if element is None:
        return DEFAULT
    vr, data, start, length = element
    if data is None or vr not in ("CS", "") or length == _UNDEFINED:
        raise Unsure
    return encodings_of(data[start : start + length])


def _number(elements: dict[int, Element], tag: Tag) -> int:
    """Group and element of an attribute; for a private one by the block of its creator (PS3.5 section 7.8.1)."""
    if not tag.creator:
        return tag.number
    if "\\" in tag.creator:
        raise Unsure
    wanted, group = tag.creator.encode(), tag.group << 16
    for number, (vr, data, start, length) in elements.items():
        if group + 0x10 <= number < group + 0x100:
            if data is None or vr not in ("LO", "") or length > 64:
                raise Unsure
            creator = data[start : start + length]
            if not creator.isascii() or b"\x1b" in creator:
                raise Unsure
            if creator.rstrip(b"\0 ") == wanted:
                return group | (number & 0xFF) << 8 | tag.element
    return -1


# --- sequences (PS3.5 section 7.5) ------------------------------------------------------------------------------------


def _items(data: bytes, at: int, length: int, explicit: bool) -> list[dict[int, Element]]:
    """The attributes of each item of a sequence."""
    items: list[dict[int, Element]] = []
    _sequence(data, at, None if length == _UNDEFINED else at + length, explicit, 0, items)
    return items


def _behind(data: bytes, at: int, number: int, vr: str, depth: int) -> int:
    """Where a value of undefined length ends, if it is a sequence. Raises Unsure, and struct.error where data ends."""
    if vr:
        if vr != "SQ":
            raise Unsure
    else:
        known = DicomDictionary.get(number)
        if known is None:
            # A private one is a sequence if it begins with an item; pydicom looks, too.
            if not number >> 16 & 1 or _implicit_head(data, at)[:2] != (0xFFFE, 0xE000):
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
        group, element, length = _implicit_head(data, at)
        at += 8
        if group != 0xFFFE:
            raise Unsure
        if element == 0xE0DD and stop is None:
            return at
        if element != 0xE000:
            raise Unsure
        found: dict[int, Element] = {}
        at = _item(data, at, None if length == _UNDEFINED else at + length, explicit, depth, found)
        if into is not None:
            into.append(found)
    if at != stop:
        raise Unsure
    return at


def _item(data: bytes, at: int, stop: int | None, explicit: bool, depth: int, found: dict[int, Element]) -> int:
    """Walk over one item, to its delimiter or to `stop`; answers where it ends."""
    short, long, last = _SHORT_VR.get, _LONG_VR.get, -1
    while stop is None or at < stop:
        if explicit:
            group, element, code, length = _explicit_head(data, at)
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
            group, element, length = _implicit_head(data, at)
            start, vr = at + 8, ""
            if group == 0xFFFE and element == 0xE00D and not length and stop is None:
                return start
        number = group << 16 | element
        if number <= last or group == 0xFFFE:
            raise Unsure
        if length == _UNDEFINED:
            if number < _CHARSET:
                raise Unsure
            behind = _behind(data, start, number, vr, depth + 1)
        else:
            behind = start + length
        found[number] = (vr, data, start, length)
        if number == _CHARSET:
            if behind > len(data):
                raise struct.error
            _charset(found[number])
        last, at = number, behind
    if at != stop:
        raise Unsure
    return at
