"""A data set gone through once, byte for byte (PS3.5 section 7): what its plan leaves alone is copied, the rest is not.

Elements are not made into objects; a run of untouched ones is one slice. Sequences are put together at the end, when
their lengths are known. What needs all of the object (dates, text that is looked into) is left open and filled in by
`Walk.finish`. It must not know files, the file meta information, or what the table says.
"""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from engine.errors import Never, Unclean
from engine.profile.needles import Value, text_of
from engine.profile.plan import (
    CLEAN,
    CLEAN_ITEMS,
    DROP,
    DUMMY,
    EMPTY,
    HOLD,
    ITEMS,
    KEEP,
    OURS,
    PIXEL,
    PRIVATE,
    SHIFT,
    UID,
    Plan,
)
from engine.profile.table import PIXELS, kind_of, vr_of
from engine.profile.values import encode, head_of, padded, replacement

Data = bytes | mmap.mmap

UNDEFINED = 0xFFFFFFFF
_SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_HEADS = {
    (order, explicit): struct.Struct(order + ("HH2sH" if explicit else "HHL")).unpack_from
    for order in "<>"
    for explicit in (False, True)
}
_LENGTHS = {order: struct.Struct(order + "L").unpack_from for order in "<>"}
_DEEPEST = 32
"""Sequences in sequences: real objects have five."""

CHARSET, PATIENT_ID, STUDY, SOP_CLASS, SOP_INSTANCE = 0x00080005, 0x00100020, 0x0020000D, 0x00080016, 0x00080018
_FACTS = frozenset({PATIENT_ID, STUDY, SOP_CLASS, SOP_INSTANCE})
_METHOD, _METHOD_CODES = 0x00120063, 0x00120064
_LAST = 1 << 32

TRUNCATED = "the object is truncated: its sender should send it again"
OVERLAYS = "overlays and curves cannot be cleaned: leave out the option clean-graphics, which removes them"
DAMAGED = "the object is damaged: {}; its sender should mend it, or discard it"


@dataclass(slots=True)
class Level:
    """One data set or item: its encoding, its character set, and the private blocks reserved in it."""

    explicit: bool
    order: str
    depth: int = 0
    open: bool = False
    """Whether it ends with a delimiter, and not where it was said."""
    charset: bytes = b""
    creators: dict[tuple[int, int], tuple[str, int, bytes]] = field(default_factory=dict)


class Element(NamedTuple):
    """Where one element lies; its VR is empty in Implicit VR."""

    tag: int
    vr: bytes
    at: int
    value: int
    length: int

    @property
    def stop(self) -> int:
        """Where it ends; UNDEFINED where that is not said."""
        return UNDEFINED if self.length == UNDEFINED else self.value + self.length


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence that is written, of which the lengths are not known yet."""

    tag: int
    vr: bytes
    level: Level
    order: str
    """Of what is in it."""
    bodies: list["Parts"]

    def encoded(self) -> bytes:
        """The whole element."""
        bodies = [joined(body) for body in self.bodies]
        pack = struct.Struct(self.order + "HHL").pack
        data = b"".join([part for body in bodies for part in (pack(0xFFFE, 0xE000, len(body)), body)])
        return head_of(self.tag, self.vr, len(data), self.level.explicit, self.level.order) + data


Parts = list[bytes | Items]
"""What is written, in order."""


def joined(parts: Parts) -> bytes:
    """All of it, with its lengths."""
    return b"".join([part if isinstance(part, bytes) else part.encoded() for part in parts])


@dataclass(frozen=True, slots=True)
class Later:
    """A value that is decided when all is known, at its place in what is written."""

    out: Parts
    place: int
    tag: int
    written: bytes
    """The VR in the file; empty in Implicit VR."""
    vr: bytes
    """The VR that it is."""
    raw: bytes
    level: Level
    code: str
    otherwise: str


class Walk:
    """One object. `head` is what comes before its pixels, `pixels` where those lie, `tail` what follows them."""

    def __init__(self, data: Data, plan: Plan, level: Level, uid: Callable[[str], str]) -> None:
        """uid: the UID that takes the place of one."""
        self.data, self.plan, self.top, self._uid = data, plan, level, uid
        self.head: Parts = []
        self.tail: Parts = []
        self.pixels = (0, 0)
        self.found: dict[Value, int] = {}
        self.kept: list[Value] = []
        self.facts: dict[int, bytes] = {}
        self.method = b""
        self.pixel_codes = b""
        self.done: dict[str, set[int]] = {code: set() for code in (DROP, EMPTY, DUMMY, UID, KEEP, CLEAN, SHIFT, ITEMS)}
        self._later: list[Later] = []
        self._insertions: list[tuple[int, Callable[[], bytes]]] = []
        self._out = self.head
        self._muted = 0
        """How many sequences that are not written we are in."""

    def run(self, start: int, insertions: list[tuple[int, Callable[[], bytes]]]) -> None:
        """Go through all of it. insertions: what is written at the top level, by tag, when its turn comes.

        Raises Unclean for what is damaged, Never for what the policy cannot do.
        """
        self._insertions = sorted(insertions, key=lambda one: one[0], reverse=True)
        try:
            end = self._elements(start, len(self.data), self.plan, self.top, True)
        except struct.error:
            raise Unclean(TRUNCATED) from None
        if end != len(self.data):
            raise Unclean(DAMAGED.format("its last element does not end where it does"))

    def finish(self, fill: Callable[[Later], bytes | None]) -> None:
        """Fill in what was left open; fill answers the value, or None for what the profile says without options."""
        for one in self._later:
            value = fill(one)
            code = one.code
            if value is None:
                code = one.otherwise
                value = None if code == DROP else replacement(one.vr, code)
            self.done[code].add(one.tag)
            level = one.level
            if value is not None:
                one.out[one.place] = encode(one.tag, one.written, value, level.explicit, level.order)

    # ── the loop that every element goes through ────────────────────────────────────────────────────────────────

    def _elements(self, at: int, end: int, plan: Plan, level: Level, top: bool = False) -> int:
        """Elements from `at` to `end`, or to the delimiter of an open item; answers where they end."""
        data, out, run, last = self.data, self._out, at, -1
        explicit = level.explicit
        unpack, unpack_long = _HEADS[level.order, explicit], _LENGTHS[level.order]
        coming = self._insertions[-1][0] if top and self._insertions else _LAST
        short, long = _SHORT, _LONG
        skip_private, dropped = not plan.private, self.done[DROP] if not self._muted else set()
        while at < end:
            if explicit:
                group, element, vr, length = unpack(data, at)
                value = at + 8
                if vr not in short:
                    if vr in long:
                        length, value = unpack_long(data, at + 8)[0], at + 12
                    elif group != 0xFFFE:
                        raise Unclean(DAMAGED.format("an element has no valid value representation"))
            else:
                group, element, length = unpack(data, at)
                value, vr = at + 8, b""
            tag = group << 16 | element
            if tag <= last:
                raise Unclean(DAMAGED.format("its elements are not in order, or one is there twice"))
            if group == 0xFFFE:
                if tag != 0xFFFEE00D or not level.open or unpack_long(data, at + 4)[0]:
                    raise Unclean(DAMAGED.format("an item outside a sequence"))
                if run < at:
                    out.append(data[run:at])
                return at + 8
            last = tag
            stop = value + length
            if stop > end and length != UNDEFINED:
                raise Unclean(TRUNCATED)
            if group & 1 and skip_private and length != UNDEFINED:
                if run < at:
                    out.append(data[run:at])
                dropped.add(tag)
                at = run = stop
                continue
            if tag > coming:
                if run < at:
                    out.append(data[run:at])
                run = at
                coming = self._insert(tag)
            code = plan[tag]
            if code is None and length != UNDEFINED and vr != b"SQ":
                if tag == CHARSET:
                    level.charset = data[value:stop]
                elif top and tag in _FACTS:
                    self.facts[tag] = data[value:stop]
                at = stop
                continue
            if run < at:
                out.append(data[run:at])
            if code == PIXEL:
                if length == UNDEFINED:
                    stop = self._skip(value, end, level, fragments=True)
                self.pixels = (at, stop)
                out = self._out = self.tail
            else:
                stop = self._touched(Element(tag, vr, at, value, length), code, end, plan, level, top)
            at = run = stop
        if run < at:
            out.append(data[run:at])
        if level.open:
            raise Unclean(TRUNCATED)
        if top:
            self._insert(_LAST)
        return at

    def _insert(self, tag: int) -> int:
        """Write what comes before a tag of the top level; the tag that comes next."""
        while self._insertions and self._insertions[-1][0] < tag:
            # Behind the pixels nothing is inserted: all of it has a lower tag.
            self.head.append(self._insertions.pop()[1]())
        return self._insertions[-1][0] if self._insertions else _LAST

    # ── one element that is not just copied ─────────────────────────────────────────────────────────────────────

    def _touched(self, one: Element, code: str | None, end: int, plan: Plan, level: Level, top: bool) -> int:
        """Write what takes the place of an element; answers where it ends."""
        if code == PRIVATE:
            return self._private(one, end, plan, level)
        tag, vr = one.tag, one.vr
        known = vr_of(tag)
        if vr == b"SQ" or one.length == UNDEFINED or (known == "SQ" and vr in (b"", b"UN")):
            return self._sequence(one, code, end, plan, level)
        stop = one.stop
        raw = self.data[one.value : stop]
        if top:
            self._note(tag, raw, level)
        if code in (ITEMS, CLEAN_ITEMS):
            raise Unclean(DAMAGED.format("a sequence is encoded as something else"))
        if code != CLEAN and raw.strip(b" \0") and (kind := kind_of(tag)):
            value = Value(kind, raw, level.charset)
            if code == KEEP and not self._muted:
                self.kept.append(value)
            else:
                self.found.setdefault(value, tag)
        if code == OURS or self._muted:
            return stop
        if code == HOLD:
            raise Never(OVERLAYS)
        if code == DROP:
            self.done[DROP].add(tag)
            return stop
        if not raw or code == KEEP:
            self._out.append(self.data[one.at : stop])
            self.done[KEEP if code == KEEP else EMPTY].add(tag)
            return stop
        meant = known.encode() if known and vr in (b"", b"UN") else vr
        if code in (CLEAN, SHIFT):
            otherwise = plan.otherwise(tag)
            self._later.append(Later(self._out, len(self._out), tag, vr, meant, raw, level, str(code), otherwise))
            self._out.append(b"")
            return stop
        new = (
            self._uids(raw)
            if code == UID and meant == b"UI"
            else replacement(meant, EMPTY if code == UID else str(code))
        )
        self.done[str(code)].add(tag)
        self._out.append(encode(tag, vr, new, level.explicit, level.order))
        return stop

    def _note(self, tag: int, raw: bytes, level: Level) -> None:
        """What is needed of the top level later on."""
        if tag in _FACTS:
            self.facts[tag] = raw
        elif tag == _METHOD:
            self.method = raw

    def _uids(self, raw: bytes) -> bytes:
        uids = raw.decode("latin-1").split("\\")
        return padded("\\".join(self._uid(one.strip(" \0")) for one in uids).encode("latin-1"), b"\0")

    # ── sequences ───────────────────────────────────────────────────────────────────────────────────────────────

    def _sequence(self, one: Element, code: str | None, end: int, plan: Plan, level: Level) -> int:
        tag, vr, value, stop = one.tag, one.vr, one.value, one.stop
        if vr in (b"OB", b"OW"):
            # Encapsulated pixels in an item.
            stop = self._skip(value, end, level, fragments=True)
            if code is None and not self._muted:
                self._out.append(self.data[one.at : stop])
            return stop
        if vr not in (b"SQ", b"UN", b""):
            raise Unclean(DAMAGED.format("an element that is no sequence has no length"))
        if code is None or (vr_of(tag) != "SQ" and code not in (OURS, HOLD)):
            code = DROP  # a sequence where the dictionary has something else
        if code == OURS:
            stop = self._ended(one, end, level)
            if tag == _METHOD_CODES and not level.depth:
                self.pixel_codes = self.data[value:stop]
            return stop
        if code == HOLD:
            raise Never(OVERLAYS)
        if not self._muted:
            self.done[CLEAN if code == CLEAN_ITEMS else code].add(tag)
        if stop == value:
            if code != DROP and not self._muted:
                self._out.append(self.data[one.at : value])
            return value
        # PS3.5 6.2.2: the items of a UN are in Implicit VR Little Endian, whatever is around them.
        if vr == b"UN" and level.order == ">":
            raise Unclean(DAMAGED.format("a sequence of unknown VR, in Big Endian"))
        inside = level if vr != b"UN" else Level(False, "<", level.depth, charset=level.charset)
        below = plan.below(tag, code)
        # What identifies the patient in what is dropped is looked for in all that stays.
        muted = code in (DROP, EMPTY)
        out, self._muted = self._out, self._muted + muted
        bodies, stop = self._items(value, stop, end, below, inside)
        self._out, self._muted = out, self._muted - muted
        if code == EMPTY and not self._muted:
            out.append(head_of(tag, vr, 0, level.explicit, level.order))
        elif not muted and not self._muted:
            out.append(Items(tag, vr, level, inside.order, bodies))
        return stop

    def _items(self, at: int, closed: int, end: int, plan: Plan, level: Level) -> tuple[list[Parts], int]:
        """What is written of each item, and where the sequence ends."""
        if level.depth >= _DEEPEST:
            raise Unclean(DAMAGED.format("its sequences are nested too deeply"))
        limit = end if closed == UNDEFINED else closed
        unpack, bodies = _HEADS[level.order, False], list[Parts]()
        while at != closed:
            group, element, length = unpack(self.data, at)
            if group != 0xFFFE or at + 8 > limit:
                raise Unclean(DAMAGED.format("a sequence holds something that is no item"))
            at += 8
            if element == 0xE0DD and closed == UNDEFINED and not length:
                break
            is_open = length == UNDEFINED
            stop = limit if is_open else at + length
            if element != 0xE000 or stop > limit:
                raise Unclean(DAMAGED.format("a sequence holds something that is no item"))
            self._out = []
            bodies.append(self._out)
            at = self._elements(
                at, stop, plan, Level(level.explicit, level.order, level.depth + 1, is_open, level.charset)
            )
        return bodies, at

    # ── private attributes, and what is not gone into ───────────────────────────────────────────────────────────

    def _private(self, one: Element, end: int, plan: Plan, level: Level) -> int:
        stop = self._ended(one, end, level)
        if self._muted:
            return stop
        group, element = one.tag >> 16, one.tag & 0xFFFF
        if plan.private and one.length != UNDEFINED and one.vr != b"SQ":
            if 0x10 <= element < 0x100:
                name = self.data[one.value : stop].decode("latin-1").strip(" \0")
                level.creators[group, element] = (name, len(self._out), self.data[one.at : stop])
                self._out.append(b"")  # written as soon as an element of its block is
                return stop
            name, place, reserved = level.creators.get((group, element >> 8), ("", -1, b""))
            if name and (group, name, element & 0xFF) in plan.private:
                self._out[place] = reserved
                self._out.append(self.data[one.at : stop])
                self.done[KEEP].add(one.tag)
                return stop
        self.done[DROP].add(one.tag)
        return stop

    def _ended(self, one: Element, end: int, level: Level) -> int:
        """Where an element ends whose content is not gone into."""
        if one.stop != UNDEFINED:
            return one.stop
        inside = Level(False, "<", level.depth) if one.vr == b"UN" else level
        return self._skip(one.value, end, inside, fragments=one.vr in (b"OB", b"OW"))

    def _skip(self, at: int, end: int, level: Level, *, fragments: bool = False, depth: int = 0) -> int:
        """Where items of an undefined length end."""
        if depth > _DEEPEST:
            raise Unclean(DAMAGED.format("its sequences are nested too deeply"))
        unpack = _HEADS[level.order, False]
        while True:
            group, element, length = unpack(self.data, at)
            at += 8
            if group == 0xFFFE and element == 0xE0DD and not length:
                return at
            if group != 0xFFFE or element != 0xE000 or (fragments and length == UNDEFINED):
                raise Unclean(DAMAGED.format("a sequence or its encapsulated pixels hold something that is no item"))
            if length == UNDEFINED:
                at = self._skip_item(at, end, level, depth)
            else:
                at += length
            if at > end:
                raise Unclean(TRUNCATED)

    def _skip_item(self, at: int, end: int, level: Level, depth: int) -> int:
        unpack = _HEADS[level.order, False]
        while at < end:
            group, element, length = unpack(self.data, at)
            if group == 0xFFFE:
                if element != 0xE00D or length:
                    raise Unclean(DAMAGED.format("an item does not end"))
                return at + 8
            vr, value = b"", at + 8
            if level.explicit:
                vr = self.data[at + 4 : at + 6]
                if vr in _SHORT:
                    length = struct.unpack_from(level.order + "H", self.data, at + 6)[0]
                elif vr in _LONG:
                    length, value = struct.unpack_from(level.order + "L", self.data, at + 8)[0], at + 12
                else:
                    raise Unclean(DAMAGED.format("an element has no valid value representation"))
            if length != UNDEFINED:
                at = value + length
                continue
            inside = Level(False, "<", level.depth) if vr == b"UN" else level
            pixels = vr in (b"OB", b"OW") or (group << 16 | element) in PIXELS
            at = self._skip(value, end, inside, fragments=pixels, depth=depth + 1)
        raise Unclean(TRUNCATED)


def fact(walk: Walk, tag: int) -> str:
    """One of the facts of the top level as text; empty where it is missing."""
    return text_of(walk.facts.get(tag, b""), walk.top.charset).strip(" \0")
