"""Where each data element lies in a DICOM file, byte for byte (PS3.5 section 7, PS3.10 section 7).

So that a file can be copied with some elements left out or replaced and everything else untouched. Knows structure
only: it must not interpret values, and not know pixels. Stricter than pydicom on purpose: what two readers could
read differently is refused.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from engine.errors import Unclean

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
UNDEFINED = 0xFFFFFFFF
_TRANSFER_SYNTAX_UID = 0x00020010
_LONG = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_DEEPEST = 32  # sequences in sequences: real files have five


@dataclass(frozen=True)
class Element:
    """One data element of the top level: bytes `start` to `end` of the file, its value from `value`.

    `vr` is empty in Implicit VR. `nested` are the tags of all elements in its items, at any depth.
    """

    tag: int
    vr: str
    start: int
    value: int
    end: int
    undefined: bool
    nested: frozenset[int]


@dataclass(frozen=True)
class Layout:
    """The elements of a file: its transfer syntax (a UID), where its data set begins, and the top level in order."""

    syntax: str
    dataset: int
    elements: tuple[Element, ...]
    size: int

    @property
    def implicit(self) -> bool:
        return self.syntax == ImplicitVRLittleEndian

    @property
    def little(self) -> bool:
        return self.syntax != ExplicitVRBigEndian

    def find(self, tag: int) -> Element | None:
        return next((element for element in self.elements if element.tag == tag), None)


def file_meta(path: Path) -> tuple[str, int]:
    """The transfer syntax UID of a file and the offset of its data set (PS3.10 7.1).

    Raises `Unclean` for a file without preamble, prefix or transfer syntax.
    """
    with _mapped(path) as data:
        return _meta(data)


def layout(path: Path, *, inflated: bool = False) -> Layout:
    """The layout of a file. `inflated`: the file meta says deflated but the data set is not (any more).

    Raises `Unclean` for what is truncated, out of order, there twice, or not DICOM.
    """
    with _mapped(path) as data:
        syntax, start = _meta(data)
        if syntax == DeflatedExplicitVRLittleEndian and not inflated:
            raise Unclean("the data set is deflated")
        walker = Walker(data)
        implicit, order = syntax == ImplicitVRLittleEndian, ">" if syntax == ExplicitVRBigEndian else "<"
        elements: list[Element] = []
        at = start
        while at < len(data):
            elements.append(walker.element(at, len(data), implicit, order, 0))
            at = elements[-1].end
        tags = [element.tag for element in elements]
        if any(later <= earlier for earlier, later in pairwise(tags)):
            raise Unclean("the elements of the object are not in order, or one is there twice")
        return Layout(syntax, start, tuple(elements), len(data))


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file:
        if path.stat().st_size < 132:
            raise Unclean("not a DICOM file: too short")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _meta(data: mmap.mmap) -> tuple[str, int]:
    if data[128:132] != b"DICM":
        raise Unclean("not a DICOM file: the prefix DICM is missing")
    walker = Walker(data)
    at, syntax = 132, ""
    while at + 4 <= len(data) and data[at : at + 2] == b"\x02\x00":
        element = walker.element(at, len(data), implicit=False, order="<", depth=0)
        if element.tag == _TRANSFER_SYNTAX_UID:
            syntax = data[element.value : element.end].rstrip(b"\0 ").decode("ascii", "replace")
        at = element.end
    if not syntax:
        raise Unclean("the file does not say its transfer syntax")
    return syntax, at


@dataclass(frozen=True)
class Walker:
    """Reads the structure of encoded elements: those of a file, or of a piece of one."""

    data: mmap.mmap | bytes

    def element(self, at: int, limit: int, implicit: bool, order: str, depth: int) -> Element:
        """The element at an offset; all of it, with its items, must end by `limit`."""
        tag, vr, value, length = self.header(at, limit, implicit, order)
        nested: set[int] = set()
        if tag >> 16 == 0xFFFE:
            raise Unclean("the object is damaged: an item outside a sequence")
        if length == UNDEFINED and vr in ("OB", "OW"):
            end = self._fragments(value, limit, order)
        elif length == UNDEFINED or (vr in ("SQ", "UN", "") and _is_sequence(tag, vr)):
            # PS3.5 6.2.2 note 4: the content of a UN of undefined length is Implicit VR Little Endian.
            inner_implicit, inner_order = (True, "<") if vr == "UN" else (implicit, order)
            closed = None if length == UNDEFINED else self._within(value + length, limit)
            end = self._items(value, closed, limit, inner_implicit, inner_order, depth, nested)
        else:
            end = self._within(value + length, limit)
        return Element(tag, vr, at, value, end, length == UNDEFINED, frozenset(nested))

    def header(self, at: int, limit: int, implicit: bool, order: str) -> tuple[int, str, int, int]:
        """Tag, value representation, the offset of the value, and its length, of what begins at an offset."""
        self._within(at + 8, limit)
        group, number = struct.unpack_from(order + "HH", self.data, at)
        tag = group << 16 | number
        if implicit or group == 0xFFFE:
            return tag, "", at + 8, struct.unpack_from(order + "L", self.data, at + 4)[0]
        vr = bytes(self.data[at + 4 : at + 6])
        if vr in _SHORT:
            return tag, vr.decode(), at + 8, struct.unpack_from(order + "H", self.data, at + 6)[0]
        if vr not in _LONG:
            raise Unclean("the object is damaged: an element has no valid value representation")
        self._within(at + 12, limit)
        return tag, vr.decode(), at + 12, struct.unpack_from(order + "L", self.data, at + 8)[0]

    def _items(
        self, at: int, closed: int | None, limit: int, implicit: bool, order: str, depth: int, nested: set[int]
    ) -> int:
        """Walk the items of a sequence, add the tags in them to `nested`; the offset after the sequence."""
        if depth >= _DEEPEST:
            raise Unclean("the object has sequences nested too deeply")
        stop = limit if closed is None else closed
        while at != closed:
            tag, _, value, length = self.header(at, stop, implicit, order)
            if tag == SEQUENCE_END and closed is None and length == 0:
                return value
            if tag != ITEM:
                raise Unclean("the object is damaged: a sequence holds something that is no item")
            item_end = None if length == UNDEFINED else self._within(value + length, stop)
            at = self._item(value, item_end, stop, implicit, order, depth, nested)
        return at

    def _item(
        self, at: int, closed: int | None, limit: int, implicit: bool, order: str, depth: int, nested: set[int]
    ) -> int:
        stop = limit if closed is None else closed
        while at != closed:
            if closed is None:
                tag, _, value, length = self.header(at, stop, implicit, order)
                if tag == ITEM_END and length == 0:
                    return value
            element = self.element(at, stop, implicit, order, depth + 1)
            nested.add(element.tag)
            nested |= element.nested
            at = element.end
        return at

    def _fragments(self, at: int, limit: int, order: str) -> int:
        while True:
            tag, _, value, length = self.header(at, limit, True, order)
            if tag == SEQUENCE_END and length == 0:
                return value
            if tag != ITEM or length == UNDEFINED:
                raise Unclean("the object is damaged: its encapsulated pixels are not a row of fragments")
            at = self._within(value + length, limit)

    def _within(self, end: int, limit: int) -> int:
        if end > limit:
            raise Unclean("the object is truncated")
        return end


def _is_sequence(tag: int, vr: str) -> bool:
    return vr == "SQ" or (dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ")
