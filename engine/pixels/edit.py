"""Copy a DICOM file with some elements left out, at any depth, and some of the top level written anew.

All other bytes stay as they are: lengths change only of the items and sequences that something is taken out of. Must
not know what is left out, nor why.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from engine.errors import Unclean
from engine.pixels import splice
from engine.pixels.elements import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Element, Layout, Walker
from engine.pixels.splice import Range

Leaves = Callable[[int], bool]
_GROUP_LENGTH, _INSTANCE, _CHARSET = 0x00020000, 0x00020003, 0x00080005


@dataclass(frozen=True)
class _Coding:
    implicit: bool
    order: str


def left_out(found: Layout, leaves: Leaves) -> frozenset[int]:
    """The tags of the elements that `copy` leaves out of a file of this layout."""
    tags = {tag for element in found.elements for tag in (element.tag, *element.nested)}
    return frozenset(filter(leaves, tags))


def copy(source: Path, target: Path, found: Layout, leaves: Leaves, anew: Dataset, instance: str) -> None:
    """Write `source`, of the layout `found`, to the new file `target`.

    leaves: which elements, by their tags, are left out. anew: elements of the top level as they are to be, in the place
    of those that are there; its Specific Character Set says how to write them. instance: the SOP Instance UID for the
    file meta information. The retired lengths of groups that change are left out, too (PS3.5 7.2).
    """
    coding = _Coding(found.implicit, "<" if found.little else ">")
    written = {int(element.tag): _encoded(element, anew, found) for element in anew if element.tag != _CHARSET}
    with source.open("rb") as read, target.open("xb") as write:
        write.write(_meta(read.read(found.dataset), instance))
        for piece in _pieces(read, found, leaves, coding, written):
            if isinstance(piece, Range):
                splice.copy(read, write, (piece,))
            else:
                write.write(piece)


def _encoded(element: DataElement, dataset: Dataset, found: Layout) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = found.implicit, found.little
    write_data_element(buffer, element, convert_encodings(dataset.get("SpecificCharacterSet", "ISO_IR 6")))
    return buffer.getvalue()


def _pieces(
    read: BinaryIO, found: Layout, leaves: Leaves, coding: _Coding, written: Mapping[int, bytes]
) -> Iterator[Range | bytes]:
    touched = {tag >> 16 for tag in written}
    touched |= {one.tag >> 16 for one in found.elements if leaves(one.tag) or any(map(leaves, one.nested))}
    waiting = sorted(written)
    for element in found.elements:
        while waiting and waiting[0] <= element.tag:
            yield written[waiting.pop(0)]
        is_length = element.tag & 0xFFFF == 0 and element.tag >> 16 in touched
        if element.tag in written or leaves(element.tag) or is_length:
            continue
        if any(map(leaves, element.nested)):
            read.seek(element.start)
            yield _thinned(read.read(element.end - element.start), leaves, coding)
        else:
            yield Range(element.start, element.end)
    yield from (written[tag] for tag in waiting)


def _thinned(data: bytes, leaves: Leaves, coding: _Coding) -> bytes:
    """One encoded element without those in it that are left out."""
    element = Walker(data).element(0, len(data), coding.implicit, coding.order, 0)
    return _without(data, element, leaves, coding)


def _without(data: bytes, element: Element, leaves: Leaves, coding: _Coding) -> bytes:
    if not any(map(leaves, element.nested)):
        return data[element.start : element.end]
    # PS3.5 6.2.2 note 4: the content of a UN of undefined length is Implicit VR Little Endian.
    inside = _Coding(True, "<") if element.vr == "UN" else coding
    walker, at, items = Walker(data), element.value, bytearray()
    while at < element.end:
        tag, _, value, length = walker.header(at, element.end, inside.implicit, inside.order)
        if tag != ITEM:
            break
        kept, at = _item(walker, value, length, element.end, leaves, inside)
        now = UNDEFINED if length == UNDEFINED else len(kept)
        items += struct.pack(f"{inside.order}HHL", ITEM >> 16, ITEM & 0xFFFF, now)
        items += kept
        if length == UNDEFINED:
            items += _delimiter(ITEM_END, inside)
    if element.undefined:
        return data[element.start : element.value] + bytes(items) + _delimiter(SEQUENCE_END, inside)
    return data[element.start : element.value - 4] + struct.pack(f"{coding.order}L", len(items)) + bytes(items)


def _item(walker: Walker, at: int, length: int, limit: int, leaves: Leaves, coding: _Coding) -> tuple[bytes, int]:
    """What is kept of an item whose content begins at an offset, and the offset behind it."""
    end = limit if length == UNDEFINED else at + length
    kept: list[tuple[int, bytes]] = []
    gone: set[int] = set()
    data = bytes(walker.data)
    while at < end:
        if length == UNDEFINED and walker.header(at, end, coding.implicit, coding.order)[0] == ITEM_END:
            at += 8
            break
        element = walker.element(at, end, coding.implicit, coding.order, 0)
        if leaves(element.tag) or any(map(leaves, element.nested)):
            gone.add(element.tag >> 16)
        if not leaves(element.tag):
            kept.append((element.tag, _without(data, element, leaves, coding)))
        at = element.end
    return b"".join(piece for tag, piece in kept if tag & 0xFFFF or tag >> 16 not in gone), at


def _delimiter(tag: int, coding: _Coding) -> bytes:
    return struct.pack(f"{coding.order}HHL", tag >> 16, tag & 0xFFFF, 0)


def _meta(data: bytes, instance: str) -> bytes:
    """Preamble, prefix and file meta information with another SOP Instance UID (PS3.10 7.1)."""
    value = instance.encode("ascii")
    value += b"\0" * (len(value) % 2)
    walker, at, elements = Walker(data), 132, dict[int, bytes]()
    while at < len(data):
        element = walker.element(at, len(data), implicit=False, order="<", depth=0)
        if element.tag in elements:
            raise Unclean("the file meta information has an element twice")
        elements[element.tag] = data[at : element.end]
        at = element.end
    elements[_INSTANCE] = struct.pack("<HH2sH", 2, 3, b"UI", len(value)) + value
    rest = b"".join(piece for tag, piece in sorted(elements.items()) if tag != _GROUP_LENGTH)
    return data[:132] + struct.pack("<HH2sHL", 2, 0, b"UL", 4, len(rest)) + rest
