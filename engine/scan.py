"""Scan: the attributes of an object straight from its encoded bytes (PS3.5 section 7.1), without a data set.

Pure: bytes in, values out. It finds where each attribute stands and reads those that are asked for. Where anything is
out of the ordinary it answers "not sure", and pydicom is asked: whatever is answered here is what pydicom answers, up
to the objects that it cannot read at all. So a scan goes on to the pixel data, and does not end at the last tag asked.
Big Endian and deflated objects are left to pydicom. It must not know files.
"""

import re
import struct
from dataclasses import dataclass, field

from engine.scan_items import (
    CHARSET,
    SHORT_VR,
    UNDEFINED,
    Element,
    charset,
    end_of,
    explicit_head,
    implicit_head,
    items_of,
    long_head,
)
from engine.scan_values import DEFAULT, Encodings, Unsure, is_plain, texts, vr_of
from engine.tags import Part, Path, Tag

__all__ = ["Scan", "Unsure", "beginning", "meta"]

LONGEST = 65536
"""A longer value is left where it is: private blobs are never what a rule asks for."""

_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_IMPLICIT = b"1.2.840.10008.1.2"
_EXPLICIT = re.compile(rb"1\.2\.840\.10008\.1\.2\.(1|4\.\d{2,3}|5)")
"""Little Endian and not deflated: native, and every compression of pixels (PS3.5 annex A)."""


@dataclass(slots=True)
class Scan:
    """Where the attributes of one object stand, as far as its bytes were taken in."""

    explicit: bool
    elements: dict[int, Element] = field(default_factory=dict)
    """By group and element as one number, in their order."""
    last: int = 0x0002FFFF
    complete: bool = False
    """Whether all of it was taken in, up to the pixel data."""
    begins: int = 0
    """Where in its file the data set begins."""
    behind: int | None = None
    """Where in its file the pixels begin, or what else follows the attributes; None where pydicom could not tell."""

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
        # The loop that every object goes through, for each of its attributes: little is asked in it.
        elements, last, end, explicit = self.elements, self.last, len(data), self.explicit
        head, short = explicit_head if explicit else implicit_head, SHORT_VR.get
        vr, start = "", 0
        try:
            while True:
                if explicit:
                    group, element, code, length = head(data, at)
                    vr, start = short(code, ""), at + 8
                    if not vr:
                        vr, length, start = long_head(data, at, code)
                else:
                    group, element, length = head(data, at)
                    start = at + 8
                number = group << 16 | element
                if number <= last or number >= 0x7FE00008:
                    if number in _PIXELS and number > last:
                        self.complete = True
                        break
                    if number <= last or group == 0xFFFE:
                        # Out of order, or twice the same: which one counts is not for us to say.
                        raise Unsure
                stop = start + length
                if stop <= end and length <= LONGEST:
                    elements[number] = (vr, data, start, length)
                elif length == UNDEFINED:
                    if number < CHARSET:
                        # Its texts are in the default character set then, and those of all others are not.
                        raise Unsure
                    stop = end_of(data, start, number, vr, 0)
                    elements[number] = (vr, data, start, length)
                elif length > LONGEST:
                    elements[number] = (vr, None, start, length)
                else:
                    break
                last, at = number, stop
        except struct.error:
            # The bytes end within an element.
            pass
        self.last = last
        if CHARSET in elements:
            charset(elements[CHARSET])
        return at

    def values(self, path: Path) -> tuple[str, ...] | None:
        """Every value of an attribute, as text without padding; empty where it is missing or empty; None: not sure."""
        tag = path.parts[0].tag
        highest = tag.group << 16 | 0xFFFF if tag.creator else tag.number
        if tag.group < 3 or not (self.complete or highest < self.last):
            return None
        try:
            return tuple(self._texts(self.elements, charset(self.elements.get(CHARSET)), path.parts))
        except (Unsure, struct.error):
            return None

    def _texts(self, elements: dict[int, Element], encodings: Encodings, parts: tuple[Part, ...]) -> list[str]:
        part, rest = parts[0], parts[1:]
        number = _number(elements, part.tag)
        element = elements.get(number)
        if element is None:
            return []
        written, data, start, length = element
        vr = "SQ" if length == UNDEFINED else vr_of(number, written, part.tag.creator)
        if data is None or (written == "UN" and length >= 0xFFFF):
            raise Unsure
        if vr != "SQ":
            found = texts(number, vr, data[start : start + length], DEFAULT if number == CHARSET else encodings)
            # Also where a path goes on, from what is no sequence: an unreadable value is refused, not missing.
            return [] if rest else found
        items = items_of(data, start, length, self.explicit)
        if not rest:
            # `is present` asks about the sequence itself; its items have no text.
            return ["…"] * len(items)
        chosen = items if part.item is None else items[part.item - 1 : part.item]
        return [
            text
            for item in chosen
            for text in self._texts(item, charset(item[CHARSET]) if CHARSET in item else encodings, rest)
        ]


def meta(data: bytes) -> tuple[int, Scan]:
    """Where the data set begins in a DICOM file (PS3.10 section 7.1), and an empty scan for it. Raises Unsure."""
    if data[128:132] != b"DICM":
        raise Unsure
    if data[132:140] != b"\x02\0\0\0UL\x04\0":
        raise Unsure
    at, last, syntax = 144, 0x00020000, b""
    try:
        while True:
            group, element, code, length = explicit_head(data, at)
            if group != 2:
                # Shorter than any element that pydicom may try to read here: it would stumble.
                if len(data) < at + 12:
                    raise Unsure
                return at, _for_syntax(syntax)
            vr, start = SHORT_VR.get(code, ""), at + 8
            if not vr:
                vr, length, start = long_head(data, at, code)
            number = group << 16 | element
            at = start + length
            if number <= last or at > len(data):
                raise Unsure
            if element == 0x0010:
                if vr != "UI":
                    raise Unsure
                syntax = data[start:at]
            last = number
    except struct.error:
        raise Unsure from None


def beginning(data: bytes | memoryview, syntax: str, *, ends: bool = False) -> Scan | None:
    """A scan of the first bytes of a data set (PS3.5) in this transfer syntax; None: not sure of anything.

    ends: these are all of its bytes. Where the scan is `complete`, it answers as that of a file does. Otherwise it
    answers what these bytes settle: of what follows it knows nothing, so an object that cannot be read further on has
    its first values here.
    """
    try:
        scan = _for_syntax(syntax.encode())
        scan.walk(bytes(data), 0, ends=ends)
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


def _number(elements: dict[int, Element], tag: Tag) -> int:
    """Group and element of an attribute; for a private one by the block of its creator (PS3.5 section 7.8.1)."""
    if not tag.creator:
        return tag.number
    if "\\" in tag.creator:
        raise Unsure
    wanted, group = tag.creator.encode(), tag.group << 16
    for number, (vr, data, start, length) in elements.items():
        if number >= group + 0x100:
            break
        if number >= group + 0x10:
            if data is None or vr not in ("LO", "") or length > 64:
                raise Unsure
            creator = data[start : start + length]
            if not is_plain(creator):
                raise Unsure
            if creator.rstrip(b"\0 ") == wanted:
                return group | (number & 0xFF) << 8 | tag.element
    return -1
