"""What becomes of an element, by the bytes it begins with: tag and VR, looked up once for each kind of element.

A plan (engine.profile.plan) for one encoding (PS3.5 section 7.1), so that the loop over an object has one look-up for
an element. It must not know an object, nor where in it the element lies.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from engine.errors import Unclean
from engine.profile.plan import (
    CLEAN_ITEMS,
    DROP,
    DUMMY,
    EMPTY,
    HOLD,
    ITEMS,
    OURS,
    PIXEL,
    PRIVATE,
    UID,
    Plan,
)
from engine.profile.table import kind_of, vr_of
from engine.profile.values import LONG, SHORT, encode, replacement

DAMAGED = "the object is damaged: {}; its sender should mend it, or discard it"

CHARSET, PATIENT_ID, STUDY, SOP_CLASS, SOP_INSTANCE = 0x00080005, 0x00100020, 0x0020000D, 0x00080016, 0x00080018
FACTS = frozenset({PATIENT_ID, STUDY, SOP_CLASS, SOP_INSTANCE})
METHOD = 0x00120063

COPIED, BLANKED, RENAMED, NOTED, OTHER, SEQUENCE, PRIVATES, PIXELDATA, DELIMITER = range(9)
"""How an element is gone about: as it is; one that is made already takes its place; with new UIDs; as it is, and
remembered; in one of the rarer ways; by its items; by its private block; pixels; the end of an item or sequence."""

_MOST = 1 << 10
"""Kinds of elements that are remembered for one plan: an object has a few hundred."""

Unpack = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Encoding:
    """How elements are encoded. element: the first bytes of one, and a length; which a long VR says behind them."""

    explicit: bool
    order: str
    element: Unpack
    long: Unpack
    item: Unpack
    short: Callable[[int], bytes]
    """How the length of an element is written whose VR is not long, and of one whose VR is."""
    wide: Callable[[int], bytes]
    item_head: Callable[[int, int, int], bytes]


@lru_cache(maxsize=4)
def encoding(explicit: bool, order: str) -> Encoding:
    """Explicit or Implicit VR, with the order of bytes as struct has it."""
    element = struct.Struct(order + ("6sH" if explicit else "4sL")).unpack_from
    return Encoding(
        explicit,
        order,
        element,
        struct.Struct(order + "L").unpack_from,
        struct.Struct(order + "HHL").unpack_from,
        struct.Struct(order + ("H" if explicit else "L")).pack,
        struct.Struct(order + "L").pack,
        struct.Struct(order + "HHL").pack,
    )


IMPLICIT = encoding(explicit=False, order="<")


@dataclass(frozen=True, slots=True, eq=False)
class Act:
    """One kind of element at one place. code: the plan's; written: the VR in the file, meant: the one that it is."""

    tag: int
    wide: bool
    """Whether its length lies behind two bytes of nothing."""
    way: int
    code: str | None
    written: bytes
    meant: bytes
    kind: str
    """Of needle that its value is."""
    noted: bool
    """Whether something of the object is needed later that it says at the top level."""
    prefix: bytes
    """What it is written with in front of its length, and how that is written."""
    sized: Callable[[int], bytes]
    blank: bytes = b""
    """What takes its place."""

    def holding(self, value: bytes) -> bytes:
        """A whole element with this value, which has its padding."""
        return self.prefix + self.sized(len(value)) + value


class Acts(dict[bytes, Act]):
    """By the first bytes of an element, six in Explicit VR and four in Implicit VR. Raises Unclean for no VR."""

    def __init__(self, plan: Plan, coding: Encoding) -> None:
        super().__init__()
        self.plan, self.encoding = plan, coding
        self._below: dict[Act, Acts] = {}

    def __missing__(self, head: bytes) -> Act:
        act = self._make(head)
        if len(self) < _MOST:
            self[head] = act
        return act

    def below(self, act: Act, code: str, coding: Encoding) -> "Acts":
        """Those for the items of a sequence that is gone through by this code."""
        found = self._below.get(act)
        if found is None:
            found = acts_of(self.plan.below(act.tag, code), coding)
            if not self.plan.deep:
                self._below[act] = found
        return found

    def _make(self, head: bytes) -> Act:
        coding, written = self.encoding, head[4:]
        group, element = struct.unpack(coding.order + "HH", head[:4])
        tag = group << 16 | element
        if group == 0xFFFE:
            return Act(tag, False, DELIMITER, None, b"", b"", "", False, head, coding.short)
        if coding.explicit and written not in SHORT and written not in LONG:
            raise Unclean(DAMAGED.format("an element has no valid value representation"))
        wide, known, code = written in LONG, vr_of(tag), self.plan.code(tag)
        meant = known.encode() if known and written in (b"", b"UN") else written
        noted = tag in FACTS or tag == METHOD
        kind = kind_of(tag) if code is not None else ""
        if code == UID and meant != b"UI":
            way, code_of_blank = BLANKED, EMPTY
        else:
            way, code_of_blank = _way(tag, code, written, known), str(code)
        blank = b""
        if way == BLANKED and code != DROP:
            blank = encode(tag, written, replacement(meant, code_of_blank), coding.explicit, coding.order)
        prefix, sized = (head + b"\0\0", coding.wide) if wide else (head, coding.short)
        return Act(tag, wide, way, code, written, meant, kind, noted, prefix, sized, blank)


def _way(tag: int, code: str | None, written: bytes, known: str) -> int:
    if code == PRIVATE:
        return PRIVATES
    if code == PIXEL:
        return PIXELDATA
    if written == b"SQ" or (known == "SQ" and written in (b"", b"UN")):
        return SEQUENCE
    if code is None:
        return NOTED if tag == CHARSET or tag in FACTS else COPIED
    if code in (DROP, EMPTY, DUMMY):
        return BLANKED
    return RENAMED if code == UID else OTHER


@lru_cache(maxsize=1024)
def acts_of(plan: Plan, coding: Encoding) -> Acts:
    """Those of a plan, made once."""
    return Acts(plan, coding)


def sequence_code(act: Act) -> str:
    """What is done with a sequence: where the dictionary has something else, or nothing is planned, it goes."""
    code = act.code
    if code is None or (vr_of(act.tag) != "SQ" and code not in (OURS, HOLD)):
        return DROP
    return code


NO_VALUE = frozenset({ITEMS, CLEAN_ITEMS})
"""Codes that only a sequence can have."""
