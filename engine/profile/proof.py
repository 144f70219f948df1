"""The proof: a written file is read again, by another reader, and judged by the table alone.

The reader is pydicom. No row of Table E.1-1 may be left as it should not be, and nothing that identifies the patient
may be found in any value, in any encoding. It must not know how the file was made: it takes the policy, not the plan.
"""

import io
import re
import struct
from collections.abc import Iterator
from functools import lru_cache

from pydicom.filereader import data_element_generator

from engine.errors import Unclean
from engine.profile.needles import Needle, Needles, stands_alone, thinned
from engine.profile.policy import BASIC, CODES, PIXEL_CODES, Policy
from engine.profile.table import SAFE_PRIVATE, SEALED, STALE, row_of, vr_of
from engine.profile.values import DUMMIES
from engine.tags import Tag

_Element = tuple[int, str, "bytes | list[list[_Element]]"]
"""Tag, VR, and its value or items."""

FREE, ABSENT, BLANK, UIDS = "free", "absent", "blank", "uids"
"""Anything; not there; empty or a dummy; each of them new."""

_WRITTEN = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
_OURS = _WRITTEN - {0x00120063}
_NUMBERS = frozenset(["AS", "DA", "DS", "DT", "IS", "TM", "UI"])
"""VRs that are written in digits, where an identifier may be part of a longer number."""

_DIGITS = re.compile(rb"[0-9+\-.e\\: &dwmy]*")
_BINARY = frozenset(["AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"])

_DAYS = frozenset({"DA", "DT", "TM"})
_BLANK = frozenset(DUMMIES.values())

_SAID = _BLANK.union(meaning.encode() for _, meaning in (BASIC, *CODES.values(), *PIXEL_CODES.values()))
"""Words of ours, which may be somebody's name too."""

_TERMS = {
    0x0040A040: frozenset(
        [
            *(b"CODE", b"COMPOSITE", b"CONTAINER", b"DATE", b"DATETIME", b"IMAGE", b"NUM", b"PNAME", b"SCOORD"),
            *(b"SCOORD3D", b"TABLE", b"TCOORD", b"TEXT", b"TIME", b"UIDREF", b"WAVEFORM"),
        ]
    ),
    0x0040A010: frozenset(
        [
            b"CONTAINS",
            b"HAS OBS CONTEXT",
            b"HAS ACQ CONTEXT",
            b"HAS CONCEPT MOD",
            b"HAS PROPERTIES",
            b"INFERRED FROM",
            b"SELECTED FROM",
        ]
    ),
}
"""Value Type and Relationship Type (PS3.3 C.17.3): terms of the standard, whatever people are called."""


class Verdicts(dict[int, str]):
    """What may be there, by tag."""

    def __init__(self, policy: Policy, names: frozenset[int]) -> None:
        super().__init__()
        self._options = policy.options
        self._names = names
        self._keeps = frozenset(path.last.number for path in policy.paths if not path.last.creator)
        self.private = bool([path for path in policy.paths if path.last.creator]) or "safe-private" in policy.options
        self.safe = frozenset((one.last.group, one.last.creator, one.last.element & 0xFF) for one in policy.paths)
        if "safe-private" in policy.options:
            self.safe |= SAFE_PRIVATE

    def __missing__(self, tag: int) -> str:
        verdict = self._verdict(tag)
        if vr_of(tag):
            self[tag] = verdict
        return verdict

    def _verdict(self, tag: int) -> str:
        if tag in self._keeps or tag in self._names or tag in _WRITTEN:
            return FREE
        if not tag & 0xFFFF or tag in SEALED or tag in STALE:
            return ABSENT
        row = row_of(tag)
        if row is None:
            return FREE if vr_of(tag) else ABSENT
        if self._options.intersection(row.options):
            return FREE
        if row.basic in ("X/Z/U*", "U"):
            return UIDS if row.basic == "U" else FREE
        return ABSENT if row.basic == "X" else BLANK


@lru_cache(maxsize=64)
def verdicts(policy: Policy, names: frozenset[int]) -> Verdicts:
    """The verdicts, made once."""
    return Verdicts(policy, names)


def prove(data: bytes, explicit: bool, little: bool, judge: Verdicts, needles: Needles) -> None:
    """Raises Unclean, with the tag, for a data set without its pixels that is not what it should be."""
    try:
        elements = _read(data, explicit, little)
        _judge(elements, judge)
        candidates = needles.candidates(data)
        if candidates:
            _search(elements, candidates, needles)
    except Unclean:
        raise
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        raise Unclean("the written header cannot be read again: a bug of ours; please report it") from None


def _read(data: bytes, explicit: bool, little: bool) -> "list[_Element]":
    """Every element, as pydicom reads it. Of sequences it only finds the items here, which costs a tenth of theirs."""
    found: list[_Element] = []
    for element in data_element_generator(io.BytesIO(data), not explicit, little):
        tag, value = int(element.tag), element.value or b""
        vr = element.VR or vr_of(tag)
        if not isinstance(value, bytes):
            raise Unclean(f"in the written header {_spelled(tag)} has no length: a bug of ours; please report it")
        if vr == "SQ" or (vr == "UN" and vr_of(tag) == "SQ"):
            found.append((tag, vr, [_read(item, explicit and vr == "SQ", little) for item in _items(value, little)]))
        else:
            found.append((tag, vr, value))
    return found


def _items(data: bytes, little: bool) -> Iterator[bytes]:
    at, unpack = 0, struct.Struct("<HHL" if little else ">HHL").unpack_from
    while at < len(data):
        group, element, length = unpack(data, at)
        at += 8 + length
        if (group, element) != (0xFFFE, 0xE000) or at > len(data):
            raise Unclean("in the written header a sequence is damaged: a bug of ours; please report it")
        yield data[at - length : at]


def _judge(elements: "list[_Element]", judge: Verdicts) -> None:
    creators: dict[int, str] = {}
    for tag, _, value in elements:
        if tag >> 16 & 1:
            _private(tag, value, judge, creators)
            continue
        verdict = judge[tag]
        if verdict == ABSENT:
            raise _left(tag, "is still there")
        if isinstance(value, list):
            for item in value:
                _judge(item, judge)
        elif verdict == BLANK and value and not _is_blank(value):
            raise _left(tag, "still has a value")
        elif verdict == UIDS and value and not _are_new(value):
            raise _left(tag, "still has its UID")


def _private(tag: int, value: object, judge: Verdicts, creators: dict[int, str]) -> None:
    group, element = tag >> 16, tag & 0xFFFF
    if isinstance(value, bytes) and 0x10 <= element < 0x100:
        creators[group << 16 | element << 8] = value.decode("latin-1").strip(" \0")
        if judge.private:
            return
    name = creators.get(tag & 0xFFFFFF00, "")
    if isinstance(value, list) or (group, name, element & 0xFF) not in judge.safe:
        raise Unclean(f"the written header still has a private attribute of group {group:04x}: a bug of ours")


def _left(tag: int, what: str) -> Unclean:
    return Unclean(f"in the written header {_spelled(tag)} {what}: a bug of ours; please report it")


def _spelled(tag: int) -> str:
    return str(Tag(tag >> 16, tag & 0xFFFF))


def _is_blank(value: bytes) -> bool:
    return value.rstrip(b" \0") in _BLANK or not value.strip(b" \0")


def _are_new(value: bytes) -> bool:
    uids = value.split(b"\\")
    return all(one.startswith((b"2.25.", b"1.2.840.10008.")) or not one.strip(b" \0") for one in uids)


def _search(elements: "list[_Element]", candidates: list[tuple[Needle, bytes]], needles: Needles) -> None:
    """Which value a needle is in, if it is in any: what was seen may be across values, or part of a number."""
    for tag, vr, value in _values(elements):
        if tag in _OURS or value.rstrip(b" \0") in _SAID:
            continue
        thin = thinned(value)
        for needle, pattern in candidates:
            if pattern in thin and value.rstrip(b" ") not in _TERMS.get(tag, ()) and _counts(needle, pattern, vr, thin):
                origin = _spelled(needles.tag_of(needle))
                raise Unclean(
                    f"{_spelled(tag)} holds what stands in {origin}, and the profile leaves it as it is: set or remove "
                    "one of them before the header is cleaned, then release the object"
                )


def _values(elements: "list[_Element]") -> Iterator[tuple[int, str, bytes]]:
    for tag, vr, value in elements:
        if isinstance(value, list):
            for item in value:
                yield from _values(item)
        else:
            yield tag, vr, value


def _counts(needle: Needle, pattern: bytes, vr: str, thin: bytes) -> bool:
    """Whether it is a find, and not a coincidence."""
    if needle.kind == "date" and vr in _DAYS:
        return False  # the table says which dates stay, and which are moved
    if vr in _NUMBERS and _DIGITS.fullmatch(thin):
        return needle.sure and stands_alone(pattern, thin)
    if vr in _BINARY:
        return needle.sure
    return needle.sure or stands_alone(pattern, thin)
