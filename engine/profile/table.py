"""Table E.1-1 of PS3.15 and what it needs of PS3.3, read from the files beside this one.

`actions.csv`: tag, basic action, options; `modules.csv`, `classes.csv`: types of attributes whose action depends on it;
`private.csv`: Table E.3.10-1. tests/engine/profile/make_tables.py makes them. It must not know a policy or an object.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from pydicom.datadict import dictionary_keyword, dictionary_VR

TEXT = frozenset(["AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT"])
"""VRs that hold what somebody typed."""

PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

CODE_VALUE, SCHEME, MEANING = 0x00080100, 0x00080102, 0x00080104
"""A code, who defined it, and what it means (PS3.3 8.1)."""

SEALED = frozenset({0x04000500, 0x04000510, 0x04000520, 0x04000550, 0x4FFE0001, 0x00080300})
"""Not in the table, and never kept: what is encrypted or signed, and what describes private attributes. None of it is
true of an object that was changed (PS3.15 E.1.1)."""

STALE = frozenset({0x00080001, 0xFFFCFFFC})
"""Length to End, and Data Set Trailing Padding: nothing follows from them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attribute of Table E.1-1: a basic action such as `X/Z/D`, and K or C by option."""

    basic: str
    options: Mapping[str, str]


def lines_of(name: str) -> list[list[str]]:
    """What a file holds below its first two lines, which say what it is and name the columns."""
    text = files(__package__).joinpath(name).read_text("utf-8")
    return list(csv.reader(text.splitlines()[2:]))


def edition() -> str:
    """The edition of the standard that the rows are of."""
    return _EDITION


_EDITION = files(__package__).joinpath("actions.csv").read_text("utf-8").split("edition ", 1)[1][:5]
_BY_TAG = {
    tag: Row(basic, {name: action for name, _, action in (one.partition("=") for one in options.split())})
    for tag, basic, options, _ in lines_of("actions.csv")
}
ROWS: Mapping[int, Row] = {int(tag, 16): row for tag, row in _BY_TAG.items() if re.fullmatch("[0-9a-f]{8}", tag)}
CURVES, OVERLAY_DATA, OVERLAY_COMMENTS = (_BY_TAG[tag] for tag in ("50xxxxxx", "60xx3000", "60xx4000"))

SAFE_PRIVATE = frozenset(
    (int(group, 16), creator, int(element, 16)) for group, creator, element, _ in lines_of("private.csv")
)
"""Group, creator and low byte of the private attributes that the standard calls safe."""


def row_of(tag: int) -> Row | None:
    """The row for an attribute with an even group. Of an overlay all goes with its data, which is nothing without."""
    if tag >> 24 == 0x50:
        return CURVES
    if tag >> 24 == 0x60:
        return OVERLAY_COMMENTS if tag & 0xFFFF == 0x4000 else OVERLAY_DATA
    return ROWS.get(tag)


@lru_cache(maxsize=1 << 14)
def vr_of(tag: int) -> str:
    """By PS3.6, the first where it leaves a choice; empty for what it does not have."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return ""


_TYPE = re.compile(r"(?:([0-9a-f]{8})\.)?([0-9a-f]{8}):(1C?|2C?)")
_Types = dict[tuple[int, int], str]


def _types(text: str) -> _Types:
    return {(int(outer or "0", 16), int(tag, 16)): kind for outer, tag, kind in _TYPE.findall(text)}


_MODULES = {name: _types(text) for name, text in lines_of("modules.csv")}
_CLASSES = {uid: names.split() for uid, names in lines_of("classes.csv")}


def _strictest(modules: list[_Types]) -> _Types:
    found: _Types = {}
    for types in modules:
        for key, kind in types.items():
            found[key] = min(kind, found.get(key, kind))  # 1 before 1C before 2 before 2C
    return found


_ANYWHERE = _strictest(list(_MODULES.values()))


@lru_cache(maxsize=256)
def _of_class(sop_class: str) -> tuple[_Types, bool]:
    names = _CLASSES.get(sop_class, ["?"])
    return _strictest([_MODULES[name] for name in names if name != "?"]), "?" not in names


def known_class(sop_class: str) -> str:
    """The class, or nothing for one that is not known: all of these are gone about alike, however many are made up."""
    return sop_class if sop_class in _CLASSES else ""


def type_of(tag: int, parent: int, sop_class: str) -> str:
    """The strictest type (PS3.5 7.4) that this attribute has in any module of the class; empty where not known.

    parent: the sequence whose item it is in, 0 at the top level.
    """
    if parent:
        return _ANYWHERE.get((parent, tag), "")
    types, complete = _of_class(sop_class)
    return types.get((0, tag)) or ("3" if complete else _ANYWHERE.get((0, tag), ""))


_NO_IDENTITY = re.compile(
    "MilitaryRank|BranchOfService|Country|Region|Religious|Ethnic|Lens(Make|Model)|DeviceDescription|SourceManufacturer"
    "|Topic(Title|Subject|Keywords)|Arbitrary|GPS|Comment|(Group|Channel)Label|Channel|UnformattedText|TextString|Arrange"
    "|AcquisitionContext|ModifiedImageDescription"
)
"""Text of a row that may be the same for very many people: its words are no sign of one."""


@lru_cache(maxsize=1 << 14)
def kind_of(tag: int) -> str:
    """What a value of this row is, when it is found somewhere else: name, id, birth, date, uid; empty for no sign."""
    row, vr = ROWS.get(tag), vr_of(tag)
    if row is None or not vr:
        return ""
    keyword, options = dictionary_keyword(tag), row.options
    if vr == "PN":
        return "name"
    if vr == "UI":
        return "uid" if "U" in row.basic else ""
    if vr in ("DA", "DT"):
        return "birth" if "Birth" in keyword else "date" if "full-dates" in options else ""
    free = "clean-descriptors" in options or "patient-characteristics" in options or "full-dates" in options
    return "id" if vr in TEXT and not free and not _NO_IDENTITY.search(keyword) else ""
