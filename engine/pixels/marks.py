"""What an object says of itself once its pixels are clean (PS3.3 C.7.6.1, C.12.4; PS3.15 E.3.1 and E.3.3).

Pure: from the attributes that it had, those that it has instead. Must not know files, nor how anything is blanked.
"""

import copy
import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from engine.errors import Unclean
from engine.pixels.boxes import Box

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

DERIVED = "Text burned into the image was blanked"
"""What Derivation Description says, behind what it said before. CID 7203 has no code for it."""

_MOST = 1024
"""Characters of Derivation Description (ST, PS3.5 6.2)."""

_FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")


def derived_uid(instance: str, boxes: Sequence[Box], sources: Iterable[str] = ()) -> str:
    """The SOP Instance UID of what comes of an instance when these boxes (pixels) are blanked: always the same one.

    sources: the instances that it was made of. Where it was made of one of them by blanking just these boxes, nothing
    changes when they are blanked once more, and it stays the same instance.

    A UUID of version 8 below 2.25 (PS3.5 B.2, RFC 9562). It hides nothing: who knows the instance and the boxes can
    compute it; `anonymize` is what makes UIDs untraceable.
    """
    if any(derived_uid(source, boxes) == instance for source in sources):
        return instance
    text = "\n".join([instance, *(f"{box.x} {box.y} {box.width} {box.height}" for box in boxes)])
    number = int.from_bytes(hashlib.sha256(b"stellwerk cleaned 1\n" + text.encode()).digest()[:16], "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | 0x8 << 76 | 0x2 << 62
    return f"2.25.{number}"


def marks(head: Dataset, instance: str, *, image: bool, drawn: bool) -> Dataset:
    """The attributes that change, and Specific Character Set where it says how they are to be read.

    head: what the object says before its pixels. instance: its SOP Instance UID from now on. image: whether boxes were
    blanked. drawn: whether graphics were left out.

    An image that has functional groups keeps its Image Type: Frame Type would have to change in every frame with it.
    """
    anew = Dataset()
    if "SpecificCharacterSet" in head:
        anew.SpecificCharacterSet = head.SpecificCharacterSet
    options = [_code(name) for name, done in _OPTIONS if {"image": image, "drawn": drawn}[done]]
    if instance != head.SOPInstanceUID:
        anew.SOPInstanceUID = instance
        if image:
            anew.SourceImageSequence = _with(head, "SourceImageSequence", [_source(head)])
    if image:
        anew.BurnedInAnnotation = "NO"
        _derive(head, anew)
    if options:
        wanted = [code for code in options if not _has(head, code)]
        anew.DeidentificationMethodCodeSequence = _with(
            head, "DeidentificationMethodCodeSequence", [_item(code) for code in wanted]
        )
    return anew


_OPTIONS = (("CleanPixelDataOption", "image"), ("CleanGraphicsOption", "drawn"))


def sources(head: Dataset) -> tuple[str, ...]:
    """The SOP Instance UIDs of the images that an image says it was made of."""
    return tuple(str(item.get("ReferencedSOPInstanceUID", "")) for item in head.get("SourceImageSequence") or [])


def _derive(head: Dataset, anew: Dataset) -> None:
    kinds = head.get("ImageType") or []
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if kinds[:1] == ["ORIGINAL"] and not any(name in head for name in _FUNCTIONAL_GROUPS):
        anew.ImageType = ["DERIVED", *kinds[1:]]
    said = str(head.get("DerivationDescription") or "").strip()
    longer = f"{said}; {DERIVED}" if said else DERIVED
    if DERIVED not in said and len(longer) <= _MOST and longer.isascii():
        anew.DerivationDescription = longer


def _with(head: Dataset, keyword: str, more: list[Dataset]) -> Items:
    there = head.get(keyword) or []
    if not isinstance(there, Items | list):
        raise Unclean(f"{keyword} of the object is no sequence")
    return Items([*(copy.deepcopy(item) for item in there), *more])


def _code(name: str) -> "Code":
    # All codes of PS3.16 come with it: a tenth of what starting the command takes, for which most commands have no use.
    from pydicom.sr.codedict import codes

    code: Code = getattr(codes.DCM, name)
    return code


def _has(head: Dataset, code: "Code") -> bool:
    there = head.get("DeidentificationMethodCodeSequence") or []
    return any(
        (item.get("CodeValue"), item.get("CodingSchemeDesignator")) == (code.value, code.scheme_designator)
        for item in there
    )


def _item(code: "Code") -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def _source(head: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = head.SOPClassUID, head.SOPInstanceUID
    item.PurposeOfReferenceCodeSequence = Items([_item(_code("SourceImageForImageProcessingOperation"))])
    return item
