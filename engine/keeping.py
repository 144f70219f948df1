"""Kinds of values about de-identification: what may stay, which attribute a table changes, and which table.

Pure. It must not know what the profile (PS3.15 Annex E) does with an attribute.
"""

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from engine.parameters import TagName
from engine.signature import Argument, Misfit
from engine.tags import Path, UnknownTag, path_of

RETAINED = {
    "uids": "uids",
    "device": "device-identity",
    "institution": "institution-identity",
    "patient-characteristics": "patient-characteristics",
    "dates": "full-dates",
    "modified-dates": "modified-dates",
    "descriptions": "clean-descriptors",
    "structured-content": "clean-structured-content",
    "graphics": "clean-graphics",
    "safe-private": "safe-private",
}
"""The word of a rule for each option of the profile (PS3.15 E.3), and what the engine calls it."""

AS_THEY_ARE = ("uids", "device", "institution", "patient-characteristics", "dates")
"""The words under which values stay as they were; under the others they are cleaned or changed."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What may stay: options of the profile, and attributes by their spelling, at every depth or along a path."""

    options: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    choices: ClassVar[tuple[str, ...]] = tuple(RETAINED)

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """`modified-dates`, or a list of such words and of tags. Raises UnknownTag."""
        options, tags = set(), set()
        for item in argument.items or (argument,):
            if item.kind == "word" and item.text in RETAINED:
                options.add(RETAINED[item.text])
                continue
            path = _tag(item)
            if path is None:
                raise Misfit(item, f"what may stay: {', '.join(RETAINED)}, or a tag")
            tags.add(str(path))
        if {"full-dates", "modified-dates"} <= options:
            raise Misfit(argument, "dates or modified-dates, not both")
        return cls(frozenset(options), frozenset(tags))


def _tag(item: Argument) -> Path | None:
    """The one attribute that is meant; None where none is. Raises UnknownTag."""
    if item.kind not in ("word", "tag"):
        return None
    try:
        path = path_of(item.text)
    except UnknownTag:
        if item.text[:1].islower():
            return None  # no keyword begins so (PS3.6): another word was meant
        raise
    return None if any(part.item for part in path.parts) else path


@dataclass(frozen=True, slots=True)
class ValueTag:
    """An attribute with a value that can be looked up: no sequence, nothing inside one, no binary data."""

    path: Path

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A keyword, alias or number of a tag. Raises UnknownTag."""
        path = TagName.of(argument).path
        if len(path.parts) > 1 or path.parts[0].item is not None or path.kind in ("items", "binary"):
            raise Misfit(argument, "a tag with a value, outside of sequences, like InstitutionName")
        return cls(path)


@dataclass(frozen=True, slots=True)
class TableName:
    """A table of two columns, by its name: what it holds stands in no rule."""

    name: str

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One word; it is the name of a file."""
        if argument.kind not in ("word", "text") or not re.fullmatch(r"\w[\w-]{0,62}", argument.text):
            raise Misfit(argument, "the name of a table, like register: it is the file DATA/tables/register.csv")
        return cls(argument.text)


@dataclass(frozen=True, slots=True)
class Few:
    """A whole number of 1 to 1000: as many images as people look at, one by one."""

    number: int

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """A whole number."""
        if argument.kind != "number" or not argument.text.isdecimal() or not 1 <= int(argument.text) <= 1000:
            raise Misfit(argument, "a number from 1 to 1000, like 20")
        return cls(int(argument.text))
