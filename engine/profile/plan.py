"""What to do with each attribute of an object: the table, the options and what an administrator keeps, made one.

Pure. It must not know an encoded byte.
"""

from functools import lru_cache

from engine.profile.policy import Policy
from engine.profile.table import PIXELS, SAFE_PRIVATE, SEALED, STALE, TEXT, Row, row_of, type_of, vr_of

DROP, EMPTY, DUMMY, UID = "X", "Z", "D", "U"
"""As in PS3.15 E.1.1: removed, without a value, with one that means nothing, with another UID."""

KEEP, CLEAN, SHIFT, LOOK = "K", "C", "T", "L"
"""As it is; as it is where nothing is found in it; moved by the days of the patient; like C, though nobody asked."""

ITEMS, CLEAN_ITEMS = "S", "Q"
"""A sequence: each attribute in its items by itself; the same, and all text in them is looked into."""

OURS, PRIVATE, PIXEL, HOLD = "I", "P", "B", "H"
"""Left out silently, as it is written anew or means nothing; private; pixel data; what can't be done."""

WRITTEN = (0x00120062, 0x00120063, 0x00120064, 0x00280303)
"""What every object says afterwards (PS3.15 E.1.1)."""

NORMAL, CLEANED, SCRUBBED = "normal", "cleaned", "scrubbed"
"""How the items of a sequence are gone through: by the table; looking into all text; keeping only their structure."""

CLASSES = frozenset(
    {
        *(0x00080016, 0x0008001A, 0x0008001B, 0x00080062, 0x0008010C, 0x00080117, 0x00080118, 0x0008040E, 0x00081150),
        *(0x0008115A, 0x00083002, 0x00340003, 0x04000010, 0x04000510, 0x30100052, 0x30100053),
    }
)
"""UIDs of classes, transfer syntaxes and codes: not of the table, and never of one object. Other UIDs that the table
lacks (they are newer, or retired) are replaced like those that it has."""

_CODED = frozenset({0x00080100, 0x00080102, 0x00080103, 0x00080104, 0x00080119, 0x00080120})
"""A code and its meaning (PS3.3 8.1)."""

_INSTANCE = 0x00080018
_DATES = ("DA", "DT")
_STRUCTURE = frozenset(["AT", "CS", "SL", "SS", "SV", "UL", "US", "UV"])
"""VRs that stay in scrubbed items: how many there are, and of which kind."""

_NEEDED = {"1": DUMMY, "1C": DUMMY, "2": EMPTY, "2C": EMPTY, "3": DROP}
_VALID = {"X/Z": EMPTY, "X/D": DUMMY, "Z/D": DUMMY, "X/Z/D": DUMMY, "X/Z/U*": ITEMS, "Z": EMPTY}
"""What keeps an object valid where the type is not known."""


class Plan:
    """The code for each tag at one place in an object."""

    def __init__(self, profile: "Profile", parents: tuple[int, ...], mode: str) -> None:
        self._profile, self._parents, self._mode = profile, parents, mode
        self.private = profile.private
        self.deep = profile.deep
        """Whether what is done depends on all of the sequences around, so that there is no end of plans."""

    def code(self, tag: int) -> str | None:
        """What is done with this attribute; None: nothing."""
        return self._profile.decide(tag, self._parents, self._mode)

    def otherwise(self, tag: int) -> str:
        """The code without options, where C, L or T are not possible."""
        return self._profile.basic(tag, self._parents, self._mode)

    def below(self, tag: int, code: str) -> "Plan":
        """The plan for the items of a sequence that is gone through by this code."""
        mode = SCRUBBED if code == DUMMY else CLEANED if code == CLEAN_ITEMS else self._mode
        return self._profile.plan((*self._parents, tag), mode)


class Profile:
    """A policy for the objects of one SOP class.

    names: tags that are written by the caller. careful: the text of attributes that are not in the table is looked
    into as well, for something that identifies the patient was found in one.
    """

    def __init__(self, policy: Policy, sop_class: str, names: frozenset[int], careful: bool) -> None:
        self.options, self.sop_class, self._careful = policy.options, sop_class, careful
        self._ours = names.union(WRITTEN)
        paths = [path for path in policy.paths if not path.last.creator]
        self._kept = frozenset(path.last.number for path in paths if len(path.parts) == 1)
        self._kept_below = frozenset(
            tuple(part.tag.number for part in path.parts) for path in paths if len(path.parts) > 1
        )
        self.deep = bool(self._kept_below)
        own = {
            (one.group, one.creator, one.element & 0xFF) for one in (path.last for path in policy.paths) if one.creator
        }
        self.private = frozenset(own) | (SAFE_PRIVATE if "safe-private" in policy.options else frozenset())
        self._plan = lru_cache(maxsize=4096)(self._make_plan)
        self.top = self.plan((), NORMAL)
        self.renames = self.top.code(_INSTANCE) == UID
        """Whether it becomes another instance."""

    def plan(self, parents: tuple[int, ...], mode: str) -> Plan:
        """The plan for what lies in these sequences."""
        return self._plan(parents if self._kept_below else parents[-1:], mode)

    def _make_plan(self, parents: tuple[int, ...], mode: str) -> Plan:
        return Plan(self, parents, mode)

    def decide(self, tag: int, parents: tuple[int, ...], mode: str) -> str | None:
        """The code for one tag; None: untouched."""
        if tag >> 16 & 1:
            return PRIVATE
        if not tag & 0xFFFF or tag in STALE or (not parents and tag in self._ours):
            return OURS
        if tag in PIXELS and not parents:
            return PIXEL
        vr, row = vr_of(tag), row_of(tag)
        if tag in self._kept or (*parents, tag) in self._kept_below:
            return ITEMS if vr == "SQ" else KEEP
        if row is None:
            return self._unlisted(tag, vr, mode)
        chosen = {action for option, action in row.options.items() if option in self.options}
        if mode == SCRUBBED:
            chosen = chosen if "uids" in row.options else set()
        if "K" in chosen:
            return ITEMS if vr == "SQ" else KEEP
        if "C" in chosen and (code := _cleaned(tag, vr)):
            return code
        return self.basic(tag, parents, mode)

    def basic(self, tag: int, parents: tuple[int, ...], mode: str) -> str:
        """The action of the Basic Profile for this tag, by its type where that matters."""
        row = row_of(tag)
        if row is None:
            return DUMMY if vr_of(tag) not in _DATES else DROP
        return self._resolved(tag, row, parents)

    def _resolved(self, tag: int, row: Row, parents: tuple[int, ...]) -> str:
        if row.basic not in _VALID:
            return row.basic
        kind = type_of(tag, parents[-1] if parents else 0, self.sop_class)
        if not kind:
            return _VALID[row.basic]
        needed = _NEEDED[kind]
        if needed == DUMMY:
            return ITEMS if row.basic == "X/Z/U*" else DUMMY
        return EMPTY if needed == DROP and "X" not in row.basic else needed

    def _unlisted(self, tag: int, vr: str, mode: str) -> str | None:
        if tag in SEALED or not vr:
            return DROP
        if vr == "SQ":
            return {NORMAL: ITEMS, CLEANED: CLEAN_ITEMS, SCRUBBED: DUMMY}[mode]
        if vr == "UI":
            return None if tag in CLASSES or "uids" in self.options else UID
        if vr == "PN":
            return EMPTY
        if mode == SCRUBBED:
            return None if vr in _STRUCTURE else DUMMY
        if vr in _DATES and "full-dates" not in self.options:
            return SHIFT if "modified-dates" in self.options else DROP
        if mode == CLEANED and vr in TEXT:
            # Whoever wants free text kept says so; a code in a report is no free text.
            return CLEAN if tag in _CODED or "clean-descriptors" in self.options else DUMMY
        return LOOK if self._careful and vr in TEXT else None


def _cleaned(tag: int, vr: str) -> str:
    """How this is cleaned; empty where no way is known that would be sound, and the Basic Profile applies."""
    if tag >> 24 in (0x50, 0x60) and tag & 0xFFFF != 0x4000:
        return HOLD
    if vr == "SQ":
        return CLEAN_ITEMS
    if vr in _DATES:
        return SHIFT
    if vr == "TM" or tag == 0x00080201:
        return KEEP  # a time of day, and its zone, say nothing without the day
    return CLEAN if vr in TEXT else ""


@lru_cache(maxsize=512)
def profile(policy: Policy, sop_class: str, names: frozenset[int], careful: bool = False) -> Profile:
    """The profile, made once."""
    return Profile(policy, sop_class, names, careful)
