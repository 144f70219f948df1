"""Prove of an edited file that it is the other one, but for what was to be left out and written anew.

Asked of pydicom, which knows nothing of how the file was written. Values that nobody changed are compared as they are
encoded. Must not know how a file is edited, nor why.
"""

from collections.abc import Callable
from pathlib import Path

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info

from engine.errors import Unclean
from engine.pixels import splice
from engine.pixels.elements import Element, Layout
from engine.pixels.image import read_head
from engine.pixels.splice import Range

Leaves = Callable[[int], bool]
_PIXELS = 0x7FE00010
_CHARSET = 0x00080005
_GROUP_LENGTH, _INSTANCE = 0x00020000, 0x00020003
_FAILED = "the proof failed: "


def prove(
    before: Path, after: Path, layouts: tuple[Layout, Layout], leaves: Leaves, anew: Dataset, instance: str
) -> None:
    """Raises `Unclean` unless `after` is `before` without what `leaves` names and with `anew` in it.

    layouts: of both files. Pixel data itself is not compared.
    """
    old, new = layouts
    _prove_meta(read_file_meta_info(before), read_file_meta_info(after), instance)
    with before.open("rb") as one, after.open("rb") as other:
        expected, _ = read_head(one, old.dataset, implicit=old.implicit, little=old.little)
        found, _ = read_head(other, new.dataset, implicit=new.implicit, little=new.little)
        for element in anew:
            if element.tag != _CHARSET:
                expected[element.tag] = element
        if not _is_same(expected, found, leaves):
            raise Unclean(_FAILED + "an attribute is not as it should be")
        behind = [[part for part in layout.elements if _is_behind(part, leaves)] for layout in layouts]
        if [part.tag for part in behind[0]] != [part.tag for part in behind[1]]:
            raise Unclean(_FAILED + "something behind the pixels is not as it should be")
        for was, is_now in zip(*behind, strict=True):
            if was.end - was.start != is_now.end - is_now.start or (
                was.tag != _PIXELS and not splice.same(one, (Range(was.start, was.end),), other, is_now.start)
            ):
                raise Unclean(_FAILED + "something behind the pixels is not as it should be")


def _prove_meta(old: Dataset, new: Dataset, instance: str) -> None:
    for meta in (old, new):
        meta.pop(_GROUP_LENGTH, None)
    if str(new.get("MediaStorageSOPInstanceUID")) != instance:
        raise Unclean(_FAILED + "the file meta information names another instance")
    for meta in (old, new):
        meta.pop(_INSTANCE, None)
    if old != new:
        raise Unclean(_FAILED + "the file meta information has changed")


def _is_behind(element: Element, leaves: Leaves) -> bool:
    return element.tag >= _PIXELS and not leaves(element.tag)


def _is_same(expected: Dataset, found: Dataset, leaves: Leaves) -> bool:
    """Whether a data set is as expected, once what is left out is taken out of both; group lengths do not count."""
    tags = [tag for tag in sorted(expected.keys()) if not leaves(tag) and (tag.element or tag.group <= 2)]
    if tags != [tag for tag in sorted(found.keys()) if tag.element or tag.group <= 2]:
        return False
    return all(
        _as_encoded(expected.get_item(tag), found.get_item(tag)) or _is_same_element(expected[tag], found[tag], leaves)
        for tag in tags
    )


def _as_encoded(one: DataElement | RawDataElement | None, other: DataElement | RawDataElement | None) -> bool:
    if not isinstance(one, RawDataElement) or not isinstance(other, RawDataElement):
        return False
    return (one.VR, one.value) == (other.VR, other.value)


def _is_same_element(one: DataElement, other: DataElement, leaves: Leaves) -> bool:
    if one.VR != "SQ" or other.VR != "SQ":
        return bool(one.VR == other.VR and one.value == other.value)
    return len(one.value) == len(other.value) and all(
        _is_same(item, same, leaves) for item, same in zip(one.value, other.value, strict=True)
    )
