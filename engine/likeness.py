"""Likeness: are two objects the same, and if not, in what? By digests and checksums, so that no value is kept or told.

The attributes are told from their encoded bytes (engine/scan.py) where that is sure, and by pydicom's data set where it
is not: both give the same marks, for an object of the one kind is compared with one of the other. It must not know why
anybody asks, nor where the answer is kept.
"""

import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.valuerep import STR_VR

from engine.destinations.archive import dataset_offset
from engine.header import Header
from engine.scan import Scan
from engine.scan_items import CHARSET, UNDEFINED, Element, items_of
from engine.scan_values import DEFAULT, Unsure, plain, texts
from engine.seal import Sealing

_HEAD = struct.Struct("<QQI")
_MARK = struct.Struct("<IH")
_PIECE = 1 << 18
"""Bytes that are looked at in one go: they are still near the processor when they are looked at again."""
_START = 144
"""Bytes of a file that say where its data set begins."""
_MOST_NAMED = 8

DIGEST = 16
"""Bytes of a digest."""

_EMPTY_TEXT = frozenset({*(vr.value for vr in STR_VR), "SQ"} - {"DS", "IS"})
"""VRs of which pydicom takes an empty value for an empty text, and not for none."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """What tells an object from another: a checksum for each attribute, one for the pixels, and its size in bytes."""

    attributes: dict[int, int]
    pixels: int
    size: int

    def to_bytes(self) -> bytes:
        """Small: six bytes for each attribute."""
        marks = b"".join(_MARK.pack(tag, mark) for tag, mark in self.attributes.items())
        return _HEAD.pack(self.size, self.pixels, len(self.attributes)) + marks

    @classmethod
    def from_bytes(cls, data: bytes) -> "Likeness":
        """What `to_bytes` wrote. Raises struct.error for anything else."""
        size, pixels, _ = _HEAD.unpack_from(data)
        return cls(dict(_MARK.iter_unpack(data[_HEAD.size :])), pixels, size)


def likeness(header: Header, file: Path, known: bytes = b"") -> tuple[Likeness, bytes]:
    """The likeness of an object, and the digest of its data set, in one reading of the file.

    The file meta information (PS3.10 section 7.1) is no part of either. known: the digest, where it has been computed
    already, while the object was received. Raises OSError, and Never where nobody can read its attributes.
    """
    scan = header.scan
    if scan is None:
        dataset = header.dataset
        attributes = {int(tag): _mark(dataset, tag) for tag in list(dataset.keys())}
        first, behind = _first_value(dataset), _behind_attributes(dataset)
    else:
        attributes, first, behind = _marks(scan), scan.begins, scan.behind
    digest, pixels = hashlib.blake2b(digest_size=DIGEST), Sealing()
    with file.open("rb", buffering=0) as stream:
        total = os.fstat(stream.fileno()).st_size
        room = memoryview(bytearray(max(_START, min(_PIECE, total))))
        at = begin = 0
        while at < total and (count := stream.readinto(room)):
            if not at:
                begin = dataset_offset(bytes(room[:_START]))
                if begin > min(first, total):
                    # The file meta information is not as long as it says: no attribute may be left out for it.
                    begin = 0
            if not known and at + count > begin:
                digest.update(room[max(0, begin - at) : count])
            at += count
            if behind is not None and at > behind:
                pixels.add(room[max(0, count - (at - behind)) : count])
    return Likeness(attributes, int(pixels.seal().digest, 16), total - begin), known or digest.digest()


def difference(one: Likeness, other: Likeness) -> str:
    """In what two objects differ, in words without values."""
    tags = sorted(one.attributes.keys() | other.attributes.keys())
    names = [_name(tag) for tag in tags if one.attributes.get(tag) != other.attributes.get(tag)]
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED} more attributes"]
    if one.pixels != other.pixels:
        names.append("the pixels")
    what = f"{', '.join(names)} differ" if names else "the same attributes, encoded otherwise"
    sizes = "" if one.size == other.size else f" ({one.size} bytes before, {other.size} now)"
    return f"{what}{sizes}"


def _marks(scan: Scan) -> dict[int, int]:
    """What `_mark` answers, for every attribute of a scan."""
    marks = {}
    crc = zlib.crc32
    for number, element in scan.elements.items():
        _, data, start, length = element
        if data is not None and 0 < length < UNDEFINED and number != CHARSET:
            marks[number] = crc(data[start : start + length]) & 0xFFFF
        else:
            marks[number] = _scanned(number, element, scan.explicit, 0) & 0xFFFF
    return marks


def _scanned(number: int, element: Element, explicit: bool, seed: int) -> int:
    """What `_checksum` answers, of the encoded bytes."""
    vr, data, start, length = element
    if number == CHARSET and data is not None:
        return zlib.crc32("\\".join(texts(CHARSET, "CS", data[start : start + length], DEFAULT)).encode(), seed)
    if data is None:
        return zlib.crc32(str(length).encode(), seed)
    if not length:
        # pydicom has no value there, unless it is a text.
        return seed if vr in _EMPTY_TEXT else zlib.crc32(b"0", seed)
    if length != UNDEFINED:
        return zlib.crc32(data[start : start + length], seed)
    for item in items_of(data, start, length, explicit):
        seed = zlib.crc32(b"item", seed)
        for tag, inner in item.items():
            seed = _scanned(tag, inner, explicit, zlib.crc32(_spelled(tag), seed))
    return seed


@lru_cache(maxsize=4096)
def _spelled(number: int) -> bytes:
    return str(BaseTag(number)).encode()


def _first_value(dataset: Dataset) -> int:
    """Where in the file the first value stands that is known to stand anywhere; 0 where none is."""
    found: list[DataElement | RawDataElement] = []
    found += (dataset.get_item(tag, keep_deferred=True) for tag in list(dataset.keys()))
    return min((int(one.value_tell) for one in found if isinstance(one, RawDataElement)), default=0)


def _behind_attributes(dataset: Dataset) -> int | None:
    """Where in the file the pixels begin, or what else follows the attributes; None where that cannot be told."""
    last = dataset.get_item(max(dataset.keys()), keep_deferred=True) if dataset else None
    if isinstance(last, RawDataElement) and 0 <= last.length < 0xFFFFFFFF:
        return int(last.value_tell) + int(last.length)
    return None


def _mark(dataset: Dataset, tag: int) -> int:
    """Sixteen bits that change when the value does. What lies on disk because it is long is told by its length."""
    return _checksum(dataset, tag, 0) & 0xFFFF


def _checksum(dataset: Dataset, tag: int, seed: int) -> int:
    """Nothing is decoded for it: a value that cannot be read must not stand in the way of its object."""
    element = dataset.get_item(tag, keep_deferred=True)
    if element is not None and tag == CHARSET:
        # Of the object's own, pydicom keeps only what it has read.
        return zlib.crc32(_charset(element), seed)
    if isinstance(element, RawDataElement):
        return zlib.crc32(element.value if element.value is not None else str(element.length).encode(), seed)
    value = None if element is None else element.value
    if not isinstance(value, Sequence):
        return zlib.crc32(str(value).encode(errors="replace"), seed)
    for item in value:
        seed = zlib.crc32(b"item", seed)
        for inner in sorted(item.keys()):
            seed = _checksum(item, inner, zlib.crc32(str(inner).encode(), seed))
    return seed


def _charset(element: DataElement | RawDataElement) -> bytes:
    """A Specific Character Set as text without padding, as the scan has it, too."""
    if isinstance(element, RawDataElement):
        try:
            return "\\".join(texts(CHARSET, "CS", element.value or b"", DEFAULT)).encode()
        except Unsure:
            return element.value or b""
    return "\\".join(plain(element)).encode(errors="replace")


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
