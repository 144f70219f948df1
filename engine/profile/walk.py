"""A data set gone through once, byte for byte (PS3.5 section 7): what its plan leaves alone is copied, the rest is not.

Elements are not made into objects; a run of untouched ones is one slice. What needs all of the object (dates, text that
is looked into) is left open and filled in by `Walk.finish`, and the sequences around it are put together then, when
their lengths are known. It must not know files, the file meta information, or what the table says.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from engine.errors import Never, Unclean
from engine.profile.acts import (
    BLANKED,
    CHARSET,
    COPIED,
    DAMAGED,
    DELIMITER,
    FACTS,
    IMPLICIT,
    METHOD,
    NO_VALUE,
    NOTED,
    PIXELDATA,
    PRIVATES,
    RENAMED,
    SEQUENCE,
    Act,
    Acts,
    Encoding,
    acts_of,
    sequence_code,
)
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
    LOOK,
    OURS,
    SHIFT,
    UID,
    Plan,
)
from engine.profile.skip import DEEPEST, TRUNCATED, UNDEFINED, Data, skip
from engine.profile.table import CODE_VALUE, MEANING, SCHEME
from engine.profile.values import encode, replacement

_plain = tuple.__new__
"""Makes a Value in a third of the time, for each of which there is one in every object."""


_METHOD_CODES = 0x00120064
_LAST = 1 << 32

OVERLAYS = "overlays and curves cannot be cleaned: leave out the option clean-graphics, which removes them"


@dataclass(slots=True)
class Level:
    """One data set or item: its encoding, its character set, and the private blocks reserved in it."""

    encoding: Encoding
    depth: int = 0
    open: bool = False
    """Whether it ends with a delimiter, and not where it was said."""
    charset: bytes = b""
    creators: dict[tuple[int, int], tuple[str, int, bytes]] | None = None
    coded: dict[int, bytes] | None = None
    """Code and coding scheme, where they are looked into."""


class Element(NamedTuple):
    """Where one element lies, and in what. stop: where it ends; UNDEFINED where that is not said."""

    act: Act
    at: int
    value: int
    stop: int
    end: int
    """Of what it is in."""
    acts: Acts
    level: Level


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence in which something was left open, so that its lengths are not known yet."""

    act: Act
    inside: Encoding
    """Of its items."""
    bodies: list["Parts | bytes"]

    def encoded(self) -> bytes:
        """The whole element."""
        return _of_items(self.act, [one if isinstance(one, bytes) else joined(one) for one in self.bodies], self.inside)


def _of_items(act: Act, bodies: list[bytes], inside: Encoding) -> bytes:
    """A sequence of these items, with their lengths."""
    head = inside.item_head
    return act.holding(b"".join([part for body in bodies for part in (head(0xFFFE, 0xE000, len(body)), body)]))


Parts = list[bytes | Items]
"""What is written, in order."""


def joined(parts: Parts) -> bytes:
    """All of it, with its lengths."""
    try:
        return b"".join(parts)  # type: ignore[arg-type]  # mostly that is all there is
    except TypeError:
        return b"".join([part if isinstance(part, bytes) else part.encoded() for part in parts])


@dataclass(frozen=True, slots=True)
class Later:
    """A value that is decided when all is known, at its place in what is written."""

    out: Parts
    place: int
    act: Act
    raw: bytes
    level: Level
    otherwise: str


class Walk:
    """One object. `head` is what comes before its pixels, `pixels` where those lie, `tail` what follows them."""

    def __init__(self, data: Data, plan: Plan, coding: Encoding, uids: Callable[[bytes], bytes]) -> None:
        """uids: the value that takes the place of one of UIDs."""
        self.data, self.acts, self.top, self._uids = data, acts_of(plan, coding), Level(coding), uids
        self.head: Parts = []
        self.tail: Parts = []
        self.pixels = (0, 0)
        self.found: dict[Value, int] = {}
        self.kept: list[Value] = []
        self.facts: dict[int, bytes] = {}
        self.pixel_codes = b""
        self.done: dict[str | None, set[int]] = {
            code: set() for code in (DROP, EMPTY, DUMMY, UID, KEEP, CLEAN, SHIFT, ITEMS, LOOK)
        }
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
            end = self._elements(start, len(self.data), self.acts, self.top, True)
        except struct.error:
            raise Unclean(TRUNCATED) from None
        if end != len(self.data):
            raise Unclean(DAMAGED.format("its last element does not end where it does"))

    def finish(self, fill: Callable[[Later], bytes | None]) -> tuple[bytes, bytes]:
        """What is written before and behind the pixels, when what was left open is filled in.

        fill answers a value, or None for what the profile says without options.
        """
        for one in self._later:
            value, act = fill(one), one.act
            code = act.code
            if value is None:
                code = one.otherwise
                value = None if code == DROP else replacement(act.meant, code)
            self.done[code].add(act.tag)
            coding = one.level.encoding
            if value is not None:
                one.out[one.place] = encode(act.tag, act.written, value, coding.explicit, coding.order)
        return joined(self.head), joined(self.tail)

    # ── the loop that every element goes through ────────────────────────────────────────────────────────────────

    def _elements(self, at: int, end: int, acts: Acts, level: Level, top: bool = False) -> int:
        """Elements from `at` to `end`, or to the delimiter of an open item; answers where they end."""
        data, out, run, last = self.data, self._out, at, -1
        coding, muted, found, done = acts.encoding, self._muted, self.found, self.done
        unpack, unpack_long, uids = coding.element, coding.long, self._uids
        coming = self._insertions[-1][0] if top and self._insertions else _LAST
        dropped = done[DROP] if not muted else set[int]()
        loose = not acts.plan.private
        """Whether all that is private goes."""
        while at < end:
            head, length = unpack(data, at)
            act, value = acts[head], at + 8
            if act.wide:
                length, value = unpack_long(data, value)[0], at + 12
            tag, way, stop = act.tag, act.way, value + length
            if tag <= last:
                raise Unclean(DAMAGED.format("its elements are not in order, or one is there twice"))
            last = tag
            if tag > coming:
                if run < at:
                    out.append(data[run:at])
                run, coming = at, self._insert(tag)
            if length == UNDEFINED:
                stop = UNDEFINED
                if way < SEQUENCE:
                    way = SEQUENCE
            elif way == COPIED:
                at = stop
                continue
            if run < at:
                out.append(data[run:at])
            if way <= RENAMED:
                raw = data[value:stop]
                if act.noted and top:
                    self.facts[tag] = raw
                if act.kind:
                    found.setdefault(_plain(Value, (act.kind, raw, level.charset)), tag)
                if not muted:
                    if act.code == DROP:
                        dropped.add(tag)
                    elif not raw:
                        out.append(data[at:stop])
                        done[EMPTY].add(tag)
                    else:
                        done[act.code].add(tag)
                        if way == BLANKED:
                            out.append(act.blank)
                        else:
                            new = uids(raw)
                            out.append(act.prefix + act.sized(len(new)) + new)
            elif way == PRIVATES and loose and stop != UNDEFINED:
                dropped.add(tag)
            elif way == DELIMITER:
                if tag != 0xFFFEE00D or not level.open or unpack_long(data, at + 4)[0]:
                    raise Unclean(DAMAGED.format("an item outside a sequence"))
                return at + 8
            elif way == NOTED:
                self._note(tag, data[value:stop], level, top)
                out.append(data[at:stop])
            elif way == PIXELDATA:
                if stop == UNDEFINED:
                    stop = skip(self.data, value, end, coding, fragments=True)
                self.pixels = (at, stop)
                out = self._out = self.tail
            elif way == SEQUENCE:
                stop = self._sequence(Element(act, at, value, stop, end, acts, level))
            else:
                stop = self._touched(Element(act, at, value, stop, end, acts, level), way)
            at = run = stop
        if run < at:
            out.append(data[run:at])
        if level.open or at > end:
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

    def _note(self, tag: int, raw: bytes, level: Level, top: bool) -> None:
        if tag == CHARSET:
            level.charset = raw
        elif top and (tag in FACTS or tag == METHOD):
            self.facts[tag] = raw

    def _touched(self, one: Element, way: int) -> int:
        """Write what takes the place of an element; answers where it ends."""
        if way == PRIVATES:
            return self._private(one)
        act, at, value, stop, _, acts, level = one
        code, tag, raw = act.code, act.tag, self.data[value:stop]
        self._note(tag, raw, level, level.depth == 0)
        if code in NO_VALUE:
            raise Unclean(DAMAGED.format("a sequence is encoded as something else"))
        if act.kind and code not in (CLEAN, LOOK):
            said = Value(act.kind, raw, level.charset)
            if code == KEEP and not self._muted:
                self.kept.append(said)
            else:
                self.found.setdefault(said, tag)
        if code == OURS or self._muted:
            return stop
        if code == HOLD:
            raise Never(OVERLAYS)
        if not raw or code == KEEP:
            self._out.append(self.data[at:stop])
            self.done[KEEP if code == KEEP else EMPTY].add(tag)
            return stop
        if tag in (CODE_VALUE, SCHEME, MEANING):
            level.coded = {**(level.coded or {}), tag: raw}
        self._later.append(Later(self._out, len(self._out), act, raw, level, acts.plan.otherwise(tag)))
        self._out.append(b"")
        return stop

    # ── sequences ───────────────────────────────────────────────────────────────────────────────────────────────

    def _sequence(self, one: Element) -> int:
        act, at, value, stop, end, acts, level = one
        tag, vr, coding = act.tag, act.written, acts.encoding
        if vr in (b"OB", b"OW"):
            # Encapsulated pixels in an item.
            stop = skip(self.data, value, end, coding, fragments=True)
            if act.code is None and not self._muted:
                self._out.append(self.data[at:stop])
            return stop
        if vr not in (b"SQ", b"UN", b""):
            raise Unclean(DAMAGED.format("an element that is no sequence has no length"))
        code = sequence_code(act)
        if code == OURS:
            stop = self._ended(one)
            if tag == _METHOD_CODES and not level.depth:
                self.pixel_codes = self.data[value:stop]
            return stop
        if code == HOLD:
            raise Never(OVERLAYS)
        muted = self._muted
        if not muted:
            self.done[CLEAN if code == CLEAN_ITEMS else code].add(tag)
        if stop == value:
            if code != DROP and not muted:
                self._out.append(self.data[at:value])
            return value
        # PS3.5 6.2.2: the items of a UN are in Implicit VR Little Endian, whatever is around them.
        if vr == b"UN" and coding.order == ">":
            raise Unclean(DAMAGED.format("a sequence of unknown VR, in Big Endian"))
        out, open_before = self._out, len(self._later)
        if code in (DROP, EMPTY):
            # What identifies the patient in what is dropped is looked for in all that stays.
            self._muted = muted + 1
        inside = acts.below(act, code, IMPLICIT if vr == b"UN" else coding)
        bodies, stop = self._items(value, stop, end, inside, level)
        self._out, self._muted = out, muted
        if muted or code == DROP:
            pass
        elif code == EMPTY:
            out.append(act.holding(b""))
        elif len(self._later) > open_before:
            out.append(Items(act, inside.encoding, bodies))
        else:
            out.append(_of_items(act, bodies, inside.encoding))  # type: ignore[arg-type]  # nothing is open
        return stop

    def _items(self, at: int, closed: int, end: int, acts: Acts, level: Level) -> tuple[list[Parts | bytes], int]:
        """What is written of each item, and where the sequence ends."""
        if level.depth >= DEEPEST:
            raise Unclean(DAMAGED.format("its sequences are nested too deeply"))
        data, limit, coding = self.data, end if closed == UNDEFINED else closed, acts.encoding
        bodies: list[Parts | bytes] = []
        while at != closed:
            group, element, length = coding.item(data, at)
            if group != 0xFFFE or at + 8 > limit:
                raise Unclean(DAMAGED.format("a sequence holds something that is no item"))
            at += 8
            if element == 0xE0DD and closed == UNDEFINED and not length:
                break
            is_open = length == UNDEFINED
            stop = limit if is_open else at + length
            if element != 0xE000 or stop > limit:
                raise Unclean(DAMAGED.format("a sequence holds something that is no item"))
            body: Parts = []
            self._out, open_before = body, len(self._later)
            at = self._elements(at, stop, acts, Level(coding, level.depth + 1, is_open, level.charset))
            bodies.append(b"".join(body) if len(self._later) == open_before else body)  # type: ignore[arg-type]
        return bodies, at

    # ── private attributes, and what is not gone into ───────────────────────────────────────────────────────────

    def _private(self, one: Element) -> int:
        act, level, stop = one.act, one.level, self._ended(one)
        if self._muted:
            return stop
        wanted, group, element = one.acts.plan.private, act.tag >> 16, act.tag & 0xFFFF
        if wanted and one.stop != UNDEFINED and act.written != b"SQ":
            creators = level.creators = level.creators or {}
            if 0x10 <= element < 0x100:
                name = self.data[one.value : stop].decode("latin-1").strip(" \0")
                creators[group, element] = (name, len(self._out), self.data[one.at : stop])
                self._out.append(b"")  # written as soon as an element of its block is
                return stop
            name, place, reserved = creators.get((group, element >> 8), ("", -1, b""))
            if name and (group, name, element & 0xFF) in wanted:
                self._out[place] = reserved
                self._out.append(self.data[one.at : stop])
                self.done[KEEP].add(act.tag)
                return stop
        self.done[DROP].add(act.tag)
        return stop

    def _ended(self, one: Element) -> int:
        """Where an element ends whose content is not gone into."""
        if one.stop != UNDEFINED:
            return one.stop
        vr = one.act.written
        inside = IMPLICIT if vr == b"UN" else one.acts.encoding
        return skip(self.data, one.value, one.end, inside, fragments=vr in (b"OB", b"OW"))


def fact(walk: Walk, tag: int) -> str:
    """One of the facts of the top level as text; empty where it is missing."""
    raw = walk.facts.get(tag, b"")
    return (raw.decode("ascii") if raw.isascii() else text_of(raw, walk.top.charset)).strip(" \0")
