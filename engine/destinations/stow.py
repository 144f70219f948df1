"""What a STOW-RS server answers (PS3.18 section 10.5.3 and annex I): which instances it has, and which not, and why.

Pure: a text is read. It comes from a stranger, so whatever is no such answer just names nothing.
"""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

REFERENCED, FAILED = "00081199", "00081198"
INSTANCE, REASON = "00081155", "00081197"

UNKNOWN_REASON = 0xC000
"""Where no reason stands: refused, and a person must look."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The SOP Instance UIDs that were stored, and those that were not, with their Failure Reason (0008,1197)."""

    stored: frozenset[str] = frozenset()
    failed: Mapping[str, int] = field(default_factory=dict)

    @property
    def names_any(self) -> bool:
        """Whether it says anything of any instance."""
        return bool(self.stored or self.failed)


def read_answer(content_type: str, body: bytes) -> Verdict:
    """The answer's body, in the DICOM JSON model (PS3.18 annex F) or the Native DICOM model (PS3.19 annex A)."""
    if "html" in content_type.lower():
        return Verdict()
    try:
        items = _of_xml(body) if body.lstrip()[:1] == b"<" else _of_json(body)
        return _verdict(items)
    except (ValueError, ElementTree.ParseError, RecursionError):
        return Verdict()


Item = tuple[str, str, str]
"""The sequence, the UID of the instance, and the reason as text."""


def _verdict(items: Iterator[Item]) -> Verdict:
    stored: set[str] = set()
    failed: dict[str, int] = {}
    for sequence, uid, reason in items:
        uid = uid.strip(" \0")
        if not uid:
            continue
        if sequence == FAILED:
            failed[uid] = int(reason) if reason.isdecimal() and len(reason) < 6 else UNKNOWN_REASON
        else:
            stored.add(uid)
    # What stands in both lists is not stored.
    return Verdict(frozenset(stored - failed.keys()), failed)


def _of_json(body: bytes) -> Iterator[Item]:
    data = json.loads(body)
    for dataset in data if isinstance(data, list) else [data]:
        for sequence in (REFERENCED, FAILED):
            for item in _values(dataset, sequence):
                uid, reason = (next(iter(_values(item, tag)), "") for tag in (INSTANCE, REASON))
                yield sequence, str(uid), str(reason)


def _values(dataset: object, tag: str) -> list[object]:
    element = dataset.get(tag) if isinstance(dataset, dict) else None
    values = element.get("Value") if isinstance(element, dict) else None
    return values if isinstance(values, list) else []


def _of_xml(body: bytes) -> Iterator[Item]:
    _refuse_document_types(body)
    for attribute in _children(ElementTree.fromstring(body), "DicomAttribute"):
        if attribute.get("tag") not in (REFERENCED, FAILED):
            continue
        for item in _children(attribute, "Item"):
            found = {one.get("tag", ""): _text(one) for one in _children(item, "DicomAttribute")}
            yield attribute.get("tag", ""), found.get(INSTANCE, ""), found.get(REASON, "")


def _refuse_document_types(body: bytes) -> None:
    """Raises ValueError where there is one: nothing that a DICOM answer has, and a way to blow it up.

    The parser itself looks, as it alone knows in which encoding it will read.
    """

    def refuse(*_: object) -> None:
        raise ValueError("a document type")

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise ValueError("no XML") from error


def _text(attribute: ElementTree.Element) -> str:
    return next((value.text or "" for value in _children(attribute, "Value")), "")


def _children(element: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """With the namespace or without: some servers leave it out."""
    return (child for child in element if child.tag.rpartition("}")[2] == name)
