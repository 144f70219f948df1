"""Names for DICOM attributes: what an admin writes, which tag it is, what kind of value it holds.

Pure: the data dictionary (PS3.6) and nothing else. It must not know a dataset, a file or a rule.

Four spellings name an attribute: its keyword (`PatientName`), a short alias (`Institution`), its number
(`(0010,0010)`), and, for private ones, `(gggg,"Creator",ee)` (PS3.5 section 7.8). Spellings are joined by dots
into a path through sequences: `RequestAttributesSequence.ScheduledProcedureStepID`; `A[2].B` is item 2, counted
from 1; without a number every item counts.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache

from pydicom.datadict import dictionary_description, dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.datadict import keyword_dict as _keywords

ALIASES = {
    "Institution": "InstitutionName",
    "Department": "InstitutionalDepartmentName",
    "Patient": "PatientName",
    "Station": "StationName",
    "Study": "StudyInstanceUID",
    "Series": "SeriesInstanceUID",
    "Age": "PatientAge",
    "Sex": "PatientSex",
    "ReferringPhysician": "ReferringPhysicianName",
    "BodyPart": "BodyPartExamined",
}
"""Short names that are no keyword of PS3.6. The list is fixed: a rule file cannot add to it."""

FACTS = {
    "sender": "AE",
    "called": "AE",
    "address": "LO",
    "port": "IS",
    "user": "LO",
}
"""What is known from the connection, not from the object; used in conditions like tags, with their kind as VR."""

_KINDS = {
    "text": "AE CS LO LT SH ST UC UR UT",
    "name": "PN",
    "number": "DS FD FL IS SL SS SV UL US UV",
    "date": "DA",
    "moment": "DT",
    "time": "TM",
    "age": "AS",
    "uid": "UI",
    "items": "SQ",
    "binary": "OB OD OF OL OV OW UN AT",
}
_KIND_OF_VR = {vr: kind for kind, vrs in _KINDS.items() for vr in vrs.split()}

_NUMBER = re.compile(r"\(\s*([0-9A-Fa-f]{4})\s*,\s*([0-9A-Fa-f]{4})\s*\)")
_PRIVATE = re.compile(r'\(\s*([0-9A-Fa-f]{4})\s*,\s*"([^"\n]+)"\s*,\s*([0-9A-Fa-f]{2})\s*\)')
_PART = re.compile(r'(\((?:[^()"]|"[^"\n]*")*\)|[^.\[\]()"]+)(?:\[(\d+)\])?')


class UnknownTag(ValueError):
    """No attribute has this name. `word` is the part of the path that is not in the dictionary."""

    def __init__(self, word: str) -> None:
        super().__init__(f"no DICOM tag is called {word}")
        self.word = word


@dataclass(frozen=True, slots=True)
class Tag:
    """One attribute: group and element, for a private one with its creator (element is then the low byte)."""

    group: int
    element: int
    creator: str = ""

    @property
    def number(self) -> int:
        """Group and element as one 32-bit number, as pydicom's BaseTag has it."""
        return self.group << 16 | self.element

    def __str__(self) -> str:
        if self.creator:
            return f'({self.group:04x},"{self.creator}",{self.element:02x})'
        keyword = keyword_for_tag(self.number)
        # The overlays of PS3.3 section C.9 share one keyword over many groups: it would not name this one.
        return keyword if keyword and keyword in _keywords else f"({self.group:04x},{self.element:04x})"


@dataclass(frozen=True, slots=True)
class Part:
    """One stage of a path: a tag and, where the path says which, the item of the sequence (counted from 1)."""

    tag: Tag
    item: int | None = None

    def __str__(self) -> str:
        return f"{self.tag}[{self.item}]" if self.item else str(self.tag)


@dataclass(frozen=True, slots=True)
class Path:
    """The way to a value: one tag, or tags through sequences. `str()` spells it so that `path_of` reads it again."""

    parts: tuple[Part, ...]
    _hash: int = field(init=False, repr=False, compare=False)
    """Kept, for what an object is asked is looked up by it, a dozen times for each."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.parts))

    def __hash__(self) -> int:
        return self._hash

    @property
    def last(self) -> Tag:
        """The attribute that the path ends at."""
        return self.parts[-1].tag

    @property
    def vr(self) -> str:
        """Its value representation (PS3.5 section 6.2); UN where the dictionary cannot know (private, unknown)."""
        return vr_of(self.last)

    @property
    def kind(self) -> str:
        """How its values are compared: text, name, number, date, moment, time, age, uid, items, binary."""
        return _KIND_OF_VR.get(self.vr, "text")

    @property
    def single(self) -> bool:
        """Whether an object has at most one value there by PS3.6: not inside a sequence, multiplicity 1."""
        return len(self.parts) == 1 and not self.last.creator and _multiplicity(self.last.number) == "1"

    def __str__(self) -> str:
        return ".".join(str(part) for part in self.parts)


@lru_cache(maxsize=4096)
def path_of(text: str) -> Path:
    """Read a spelling such as `Institution`, `(0010,0010)` or `A[2].B`. Raises UnknownTag with the word at fault."""
    parts: list[Part] = []
    position = 0
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise UnknownTag(text[position:])
        item = int(match[2]) if match[2] else None
        if item == 0:
            raise UnknownTag(match[0])
        parts.append(Part(tag_of(match[1]), item))
        position = match.end()
        if position < len(text):
            if text[position] != "." or position + 1 == len(text):
                raise UnknownTag(text[position:])
            position += 1
    if not parts:
        raise UnknownTag(text)
    return Path(tuple(parts))


def tag_of(word: str) -> Tag:
    """One spelling of one attribute. Raises UnknownTag."""
    word = word.strip()
    if match := _PRIVATE.fullmatch(word):
        group = int(match[1], 16)
        if group % 2 == 0:
            raise UnknownTag(word)
        return Tag(group, int(match[3], 16), match[2].strip())
    if match := _NUMBER.fullmatch(word):
        return Tag(int(match[1], 16), int(match[2], 16))
    number = tag_for_keyword(ALIASES.get(word, word)) if word else None
    if number is None:
        raise UnknownTag(word)
    return Tag(number >> 16, number & 0xFFFF)


@lru_cache(maxsize=4096)
def vr_of(tag: Tag) -> str:
    """The VR that PS3.6 gives the attribute; the first where it allows several; UN where it is not listed."""
    if tag.creator:
        return "UN"
    try:
        return dictionary_VR(tag.number).split(" or ")[0]
    except KeyError:
        return "UN"


@lru_cache(maxsize=4096)
def _multiplicity(number: int) -> str:
    try:
        return dictionary_VM(number)
    except KeyError:
        return ""


def title_of(tag: Tag) -> str:
    """What PS3.6 calls the attribute, in words (`Patient's Name`); empty where it is not listed."""
    try:
        return "" if tag.creator else dictionary_description(tag.number)
    except KeyError:
        return ""


def multiplicity_of(tag: Tag) -> str:
    """How many values PS3.6 allows it (`1`, `1-n`); empty where it is not listed."""
    return "" if tag.creator else _multiplicity(tag.number)


def all_names() -> tuple[str, ...]:
    """Every keyword and alias, for suggestions and completion."""
    return (*filter(None, _keywords), *ALIASES)
