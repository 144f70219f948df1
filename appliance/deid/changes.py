"""What differs between two headers, attribute by attribute, as pydicom reads them. It must not know why."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.datadict import keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag

REMOVED, EMPTIED, CHANGED, ADDED = "removed", "emptied", "changed", "added"

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Change:
    """One attribute, by its name or number, with those of the sequences around it: `Sequence[1].Name`."""

    tag: str
    what: str
    before: str
    after: str


def changes(before: Path, after: Path) -> tuple[Change, ...]:
    """All differences of file meta information and data set up to the pixels, in the order of the tags."""
    old, new = (dcmread(path, stop_before_pixels=True, force=True) for path in (before, after))
    return (*_differ(old.file_meta, new.file_meta, ""), *_differ(old, new, ""))


def _differ(old: Dataset, new: Dataset, path: str) -> Iterator[Change]:
    for tag in sorted({*old.keys(), *new.keys()}):
        name = f"{path}{keyword_for_tag(tag) or str(tag)}"
        if tag not in new:
            yield Change(name, REMOVED, _text(old, tag), "")
        elif tag not in old:
            yield Change(name, ADDED, "", _text(new, tag))
        elif not _same(old, new, tag):
            yield from _of_one(old, new, tag, name)


def _of_one(old: Dataset, new: Dataset, tag: BaseTag, name: str) -> Iterator[Change]:
    try:
        was, now = old[tag], new[tag]
    except _UNREADABLE:
        yield Change(name, CHANGED, "", "")
        return
    if was.VR == now.VR == "SQ" and len(was.value) == len(now.value):
        for number, (one, other) in enumerate(zip(was.value, now.value, strict=True), 1):
            yield from _differ(one, other, f"{name}[{number}].")
    elif now.is_empty:
        yield Change(name, EMPTIED, _text(old, tag), "")
    elif was.value != now.value:
        yield Change(name, CHANGED, _text(old, tag), _text(new, tag))


def _same(old: Dataset, new: Dataset, tag: BaseTag) -> bool:
    """By the encoded bytes, where neither has been decoded: a value may be none that its VR can have."""
    was, now = old.get_item(tag), new.get_item(tag)
    return isinstance(was, RawDataElement) and isinstance(now, RawDataElement) and was.value == now.value


def _text(dataset: Dataset, tag: BaseTag) -> str:
    try:
        element: DataElement = dataset[tag]
        if isinstance(element.value, bytes):
            return f"{len(element.value)} bytes"
        text = f"{len(element.value)} items" if element.VR == "SQ" else str(element.value)
    except _UNREADABLE:
        return "(cannot be read)"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
