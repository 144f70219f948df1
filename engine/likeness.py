"""Likeness: are two objects the same, and if not, in what? By digests and checksums, so that no value is kept or told.

It must not know why anybody asks, nor where the answer is kept.
"""

import hashlib
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.sequence import Sequence

from engine.destinations.archive import dataset_offset

_HEAD = struct.Struct("<QQI")
_MARK = struct.Struct("<IH")
_PIECE = 1 << 20
_MOST_NAMED = 8


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


def likeness(dataset: Dataset, file: Path) -> tuple[Likeness, bytes]:
    """The likeness of an object, and the digest of its data set, in one reading of the file.

    The file meta information (PS3.10 section 7.1) is no part of either. Raises OSError.
    """
    behind = _behind_attributes(dataset)
    digest, pixels = hashlib.blake2b(digest_size=16), 0
    with file.open("rb") as stream:
        at = dataset_offset(stream.read(144))
        size = file.stat().st_size - at
        stream.seek(at)
        while piece := stream.read(_PIECE):
            digest.update(piece)
            at += len(piece)
            if behind is not None and at > behind:
                pixels = zlib.crc32(piece[max(0, len(piece) - (at - behind)) :], pixels)
    tags = list(dataset.keys())
    return Likeness({int(tag): _mark(dataset, tag) for tag in tags}, pixels, size), digest.digest()


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


def _behind_attributes(dataset: Dataset) -> int | None:
    """Where in the file the pixels begin, or what else follows the attributes; None where that cannot be told."""
    last = dataset.get_item(max(dataset.keys(), default=0)) if dataset else None
    if isinstance(last, RawDataElement) and 0 <= last.length < 0xFFFFFFFF:
        return int(last.value_tell) + int(last.length)
    return None


def _mark(dataset: Dataset, tag: int) -> int:
    """Sixteen bits that change when the value does. What lies on disk because it is long is told by its length."""
    return _checksum(dataset, tag, 0) & 0xFFFF


def _checksum(dataset: Dataset, tag: int, seed: int) -> int:
    """Nothing is decoded for it: a value that cannot be read must not stand in the way of its object."""
    element = dataset.get_item(tag, keep_deferred=True)
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


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"({tag >> 16:04x},{tag & 0xFFFF:04x})"
