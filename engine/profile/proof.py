"""The proof: a written file is read again, by another reader, and judged by the table alone.

No row of Table E.1-1 may be left as it should not be, and nothing that identifies the patient may be found in any
value, in any encoding. The reader shares nothing with the one that wrote (engine.profile.walk), and tests hold it
against pydicom. It must not know how the file was made: it takes the policy, not the plan.
"""

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from engine.errors import Unclean
from engine.profile.needles import Needle, Needles, stands_alone, text_of, thinned
from engine.profile.policy import BASIC, CODES, PIXEL_CODES, Policy
from engine.profile.table import CODE_VALUE, MEANING, SAFE_PRIVATE, SCHEME, SEALED, STALE, TEXT, row_of, vr_of
from engine.profile.terms import is_code, is_term
from engine.profile.values import DUMMIES
from engine.tags import Tag

FREE, ABSENT, BLANK, UIDS, PRIVATE = "free", "absent", "blank", "uids", "private"
"""Anything; not there; empty or a dummy; each of them new; by its block."""

_WRITTEN = frozenset({0x00120062, 0x00120063, 0x00120064, 0x00280303})
_OURS = _WRITTEN - {0x00120063}
_NUMBERS = frozenset(["AS", "DA", "DS", "DT", "IS", "TM", "UI"])
"""VRs that are written in digits, where an identifier may be part of a longer number."""

_DIGITS = re.compile(rb"[0-9+\-.e\\: &dwmy]*")
_BINARY = frozenset(["AT", "FD", "FL", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "US", "UV"])

_DAYS = frozenset({"DA", "DT", "TM"})
_BLANK = frozenset(DUMMIES.values())
_BLANK_OR_EMPTY = _BLANK | {b""}

_SAID = _BLANK.union(meaning.encode() for _, meaning in (BASIC, *CODES.values(), *PIXEL_CODES.values()))
"""Words of ours, which may be somebody's name too."""

_CODED = frozenset({CODE_VALUE, SCHEME, MEANING})
_BUG = "a bug of ours; please report it"


class Verdicts:
    """What may be there, by tag."""

    def __init__(self, policy: Policy, names: frozenset[int]) -> None:
        self._options = policy.options
        self._names = names
        self._keeps = frozenset(path.last.number for path in policy.paths if not path.last.creator)
        self.private = bool([path for path in policy.paths if path.last.creator]) or "safe-private" in policy.options
        self.safe = frozenset((one.last.group, one.last.creator, one.last.element & 0xFF) for one in policy.paths)
        if "safe-private" in policy.options:
            self.safe |= SAFE_PRIVATE

    def of(self, tag: int) -> str:
        """The verdict for one attribute."""
        if tag >> 16 & 1:
            return PRIVATE
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

    def is_wanted(self, tag: int) -> bool:
        """Whether somebody said that it stays, or what is written there: what is found in it is for a person."""
        row = row_of(tag)
        kept = row is not None and bool(self._options.intersection(row.options))
        return kept or tag in self._keeps or tag in self._names or bool(tag >> 16 & 1)


@lru_cache(maxsize=64)
def verdicts(policy: Policy, names: frozenset[int]) -> Verdicts:
    """The verdicts, made once."""
    return Verdicts(policy, names)


class Left(Unclean):
    """What identifies the patient is in a text that nobody asked to keep, so that it can be cleaned."""


def prove(data: bytes, explicit: bool, little: bool, judge: Verdicts, needles: Needles) -> None:
    """Raises Unclean, with the tag, for a data set without its pixels that is not what it should be.

    Left, where that is nothing but text in which something was found.
    """
    try:
        candidates = needles.candidates(data)
        # Where each value lies, is of interest only if something may be in one.
        found: list[Read] | None = [] if candidates else None
        _look(data, 0, len(data), _kinds(judge, explicit, little), found)
        if found is not None:
            _search(data, found, candidates, needles, judge)
    except Unclean:
        raise
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        raise Unclean(f"the written header cannot be read again: {_BUG}") from None


# ── the reader ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Kind(NamedTuple):
    """One kind of element. begins: how many bytes lie in front of its value. items: how those are read."""

    tag: int
    vr: str
    begins: int
    verdict: str
    items: "Kinds | None"


Read = tuple[Kind | None, int, int]
"""An element, and where its value lies; without a kind the beginning of an item."""


class Kinds(dict[bytes, Kind]):
    """By the bytes that an element begins with: its tag, and its VR where that is written (PS3.5 7.1)."""

    def __init__(self, judge: Verdicts, explicit: bool, little: bool) -> None:
        super().__init__()
        self.judge, self.little, self._explicit = judge, little, explicit
        sign = "<" if little else ">"
        self.width = 6 if explicit else 4
        self.short = struct.Struct(sign + ("H" if explicit else "L")).unpack_from
        self.long = struct.Struct(sign + "L").unpack_from
        self._tag = struct.Struct(sign + "HH")

    def __missing__(self, head: bytes) -> Kind:
        group, element = self._tag.unpack(head[:4])
        tag = group << 16 | element
        known = vr = vr_of(tag)
        if self._explicit:
            vr = head[4:].decode("ascii")
            if vr not in _VRS:
                raise _damaged("an element without a VR")
        items = None
        if vr == "SQ" or (vr == "UN" and known == "SQ"):
            items = _kinds(self.judge, self._explicit and vr == "SQ", self.little)
        begins = 12 if self._explicit and vr in _LONG else 8
        kind = Kind(tag, vr, begins, self.judge.of(tag), items)
        if len(self) < _MOST_KINDS:
            self[head] = kind
        return kind


_MOST_KINDS = 1 << 11
_LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
_VRS = _LONG.union(_NUMBERS, _BINARY, ["AE", "CS", "LO", "LT", "PN", "SH", "ST"])
_ITEM = {True: b"\xfe\xff\x00\xe0", False: b"\xff\xfe\xe0\x00"}
_END = {True: b"\xfe\xff\xdd\xe0\0\0\0\0", False: b"\xff\xfe\xe0\xdd\0\0\0\0"}
"""How an item begins, and a sequence ends that does not say where (PS3.5 7.5), in Little Endian or not."""


@lru_cache(maxsize=256)
def _kinds(judge: Verdicts, explicit: bool, little: bool) -> Kinds:
    return Kinds(judge, explicit, little)


def _damaged(what: str) -> Unclean:
    return Unclean(f"the written header has {what}: {_BUG}")


def _look(data: bytes, at: int, end: int, kinds: Kinds, found: list[Read] | None) -> None:
    """Read and judge what lies between two places, and note where each value is."""
    width, short, long, before = kinds.width, kinds.short, kinds.long, -1
    creators: dict[int, str] = {}
    while at < end:
        kind = kinds[data[at : at + width]]
        tag, vr, begins, verdict, items = kind
        start = at + begins
        size = short(data, at + width)[0] if begins == 8 else long(data, at + 8)[0]
        at = start + size
        if tag <= before:
            raise _damaged("elements that are not in order")
        before = tag
        if at > end:
            if size != 0xFFFFFFFF or vr not in ("OB", "OW"):
                raise _damaged("an element that is cut off")
            at = _fragments(data, start, end, kinds)
        if found is not None:
            found.append((kind, start, at))
        if verdict == FREE:
            pass
        elif verdict == ABSENT:
            raise _left(tag, "is still there")
        elif verdict == PRIVATE:
            _private(kind, data[start:at], kinds.judge, creators)
        elif items is None:
            if verdict == BLANK and data[start:at].rstrip(b" \0") not in _BLANK_OR_EMPTY:
                raise _left(tag, "still has a value")
            if verdict == UIDS and not _are_new(data[start:at]):
                raise _left(tag, "still has its UID")
        if items is not None:
            _look_into(data, start, at, items, found)


def _look_into(data: bytes, at: int, end: int, kinds: Kinds, found: list[Read] | None) -> None:
    item = _ITEM[kinds.little]
    while at < end:
        start = at + 8
        stop = start + kinds.long(data, at + 4)[0]
        if data[at : at + 4] != item or stop > end:
            raise _damaged("a sequence that is damaged")
        if found is not None:
            found.append((None, start, stop))
        _look(data, start, stop, kinds, found)
        at = stop


def _fragments(data: bytes, at: int, end: int, kinds: Kinds) -> int:
    """Where encapsulated pixels end that lie in an item (PS3.5 A.4)."""
    while data[at : at + 4] == _ITEM[kinds.little]:
        at += 8 + kinds.long(data, at + 4)[0]
    if data[at : at + 8] != _END[kinds.little] or at + 8 > end:
        raise _damaged("pixels in an item that do not end")
    return at + 8


def _private(kind: Kind, value: bytes, judge: Verdicts, creators: dict[int, str]) -> None:
    group, element = kind.tag >> 16, kind.tag & 0xFFFF
    if kind.items is None and 0x10 <= element < 0x100:
        creators[group << 16 | element << 8] = value.decode("latin-1").strip(" \0")
        if judge.private:
            return
    name = creators.get(kind.tag & 0xFFFFFF00, "")
    if kind.items is not None or (group, name, element & 0xFF) not in judge.safe:
        raise Unclean(f"the written header still has a private attribute of group {group:04x}: a bug of ours")


def _left(tag: int, what: str) -> Unclean:
    return Unclean(f"in the written header {_spelled(tag)} {what}: {_BUG}")


def _spelled(tag: int) -> str:
    return str(Tag(tag >> 16, tag & 0xFFFF))


def _are_new(value: bytes) -> bool:
    if value.startswith(b"2.25.") and b"\\" not in value:
        return True
    uids = value.split(b"\\")
    return all(one.startswith((b"2.25.", b"1.2.840.10008.")) or not one.strip(b" \0") for one in uids)


# ── what identifies the patient ─────────────────────────────────────────────────────────────────────────────────────


def _search(
    data: bytes, found: list[Read], candidates: list[tuple[Needle, bytes]], needles: Needles, judge: Verdicts
) -> None:
    """Which value a needle is in, if it is in any: what was seen may be across values, or part of a number."""
    left: Left | None = None
    for place in _places(data, found, {pattern for _, pattern in candidates}):
        kind, start, stop = found[place]
        value = data[start:stop]
        if kind is None or kind.items is not None or kind.tag in _OURS or value.rstrip(b" \0") in _SAID:
            continue
        thin = thinned(value)
        needle = next((one for one, seen in candidates if seen in thin and _counts(one, seen, kind.vr, thin)), None)
        if needle is None or (kind.vr == "CS" and is_term(kind.tag, value)):
            continue
        if kind.tag in _CODED and _is_coded(data, found, place):
            continue
        why = (
            f"{_spelled(kind.tag)} holds what stands in {_spelled(needles.tag_of(needle))}, and the profile leaves it "
            "as it is: set or remove one of them before the header is cleaned, then release the object"
        )
        if kind.vr not in TEXT or judge.is_wanted(kind.tag):
            raise Unclean(why)
        left = left or Left(why)
    if left is not None:
        raise left


def _places(data: bytes, found: list[Read], patterns: set[bytes]) -> Sequence[int]:
    """Which of the elements may have one of these in them."""
    small, thin, starts = data.lower(), thinned(data), [start for _, start, _ in found]
    places: set[int] = set()
    for pattern in patterns:
        seen = _all_of(pattern, small)
        if len(seen) < len(_all_of(pattern, thin)):
            return range(len(found))  # there is one with zeros in it, in UTF-16
        places.update(bisect_right(starts, at) - 1 for at in seen)
    return sorted(places - {-1})


def _all_of(pattern: bytes, data: bytes) -> list[int]:
    """Where it is, also where it overlaps with itself."""
    found, at = [], data.find(pattern)
    while at >= 0:
        found.append(at)
        at = data.find(pattern, at + 1)
    return found


def _is_coded(data: bytes, found: list[Read], place: int) -> bool:
    """Whether this is part of a code that the standard has with just this meaning."""
    near = [*_around(found, place, -1), *_around(found, place, 1)]
    values = {tag: text_of(data[start:stop], b"") for tag, start, stop in near}
    return is_code(*(values.get(tag, "") for tag in (CODE_VALUE, SCHEME, MEANING)))


def _around(found: list[Read], place: int, step: int) -> Iterator[tuple[int, int, int]]:
    """Elements of a code (0008,010x) in the same item from here on, forwards or backwards."""
    while 0 <= place < len(found):
        kind, start, stop = found[place]
        if kind is None or kind.tag >> 4 != CODE_VALUE >> 4:
            return
        yield kind.tag, start, stop
        place += step


def _counts(needle: Needle, pattern: bytes, vr: str, thin: bytes) -> bool:
    """Whether it is a find, and not a coincidence."""
    if needle.kind == "date" and vr in _DAYS:
        return False  # the table says which dates stay, and which are moved
    if vr in _NUMBERS and _DIGITS.fullmatch(thin):
        return needle.sure and stands_alone(pattern, thin)
    if vr in _BINARY:
        return needle.sure
    return needle.sure or stands_alone(pattern, thin)
