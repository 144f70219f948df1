"""Held: one held object, for whoever decides what becomes of it: what its header says, how it came, why it is here.

The header's values are a patient's data: they are read from the file when a person asks, and kept nowhere.
"""

from dataclasses import dataclass
from pathlib import Path

from pydicom.datadict import dictionary_description, tag_for_keyword

from engine.dicom import part10
from engine.entry import Entry
from engine.errors import Never
from engine.header import Header
from engine.step import HOLD
from engine.tags import path_of

from .advice import ADVICE, Said, kind_of_reason
from .entries import moment
from .house import House

SHOWN = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "AccessionNumber"),
    *("StudyDescription", "SeriesDescription", "Modality", "Manufacturer", "ManufacturerModelName", "StationName"),
    *("InstitutionName", "ReferringPhysicianName", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID"),
    *("SeriesInstanceUID", "Rows", "Columns", "NumberOfFrames", "PhotometricInterpretation", "BurnedInAnnotation"),
)


@dataclass(frozen=True, slots=True)
class Value:
    """One attribute: its keyword, its name (PS3.6), and what it says."""

    keyword: str
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class HeldFacts:
    """One held object. Moments in ISO 8601 (UTC), sizes in bytes."""

    id: str
    object: str
    why: str
    kind: str
    advice: Said
    since: str
    refused_by: str
    route: str
    written: str
    """Where the rule stands that it went by: file and line."""
    tries: int
    source: str
    sender: str
    called: str
    address: str
    user: str
    received: str
    file_name: str
    """What it was called in the folder that it came by."""
    header: tuple[Value, ...]
    unreadable: str
    """Why the header cannot be shown; empty where it can."""
    syntax: str
    size: int
    received_size: int
    """Of the bytes as they came, where those are kept beside it."""
    is_image: bool


def held_facts(house: House, entry_id: str) -> HeldFacts | None:
    """One held object by the id of its entry; None where it is not held (any more)."""
    entry = held_entry(house, entry_id)
    if entry is None:
        return None
    refused, why = entry.note.get("refused by", ""), entry.why or entry.note.get("why", "")
    kind = kind_of_reason(why, refused, entry.position)
    header, unreadable, syntax = _header(entry.file)
    program = house.kept(entry.program)
    route = None if program is None else program.route(entry.route)
    origin = entry.origin
    values = {one.keyword: one.value for one in header}
    return HeldFacts(
        entry.id,
        entry.object,
        why or "a rule holds it",
        kind,
        ADVICE[kind],
        moment(entry.since),
        refused,
        entry.route,
        "" if route is None else route.written,
        entry.tries,
        f"{origin.kind} {origin.folder if origin.port is None else origin.port}".rstrip(),
        origin.sender,
        origin.called,
        origin.address,
        origin.user,
        origin.received,
        origin.file,
        header,
        unreadable,
        syntax,
        _size(entry.file),
        _size(received_file(entry)),
        values.get("Rows", "").isdecimal() and values.get("Columns", "").isdecimal(),
    )


def held_entry(house: House, entry_id: str) -> Entry | None:
    """The entry in the hold; its `file` is what a preview is made of."""
    return house.spool.outbox(HOLD).entry(entry_id) if entry_id.replace("-", "").isalnum() else None


def received_file(entry: Entry) -> Path:
    """The bytes as they came, where they differ from the entry's and are kept."""
    return entry.file.with_suffix(".received")


def _header(file: Path) -> tuple[tuple[Value, ...], str, str]:
    """What is shown of the header; why nothing is; and the transfer syntax."""
    try:
        header = Header.read(file)
        header.check()
    except Never as refusal:
        return (), refusal.reason, ""
    except OSError as error:
        return (), error.strerror or "it cannot be read", ""
    found = []
    for keyword in SHOWN:
        try:
            text = header.whole(path_of(keyword))
        except Never as refusal:
            text = f"({refusal.reason})"
        if text:
            tag = tag_for_keyword(keyword)
            found.append(Value(keyword, keyword if tag is None else dictionary_description(tag), text))
    return tuple(found), "", _syntax(file)


def _syntax(file: Path) -> str:
    try:
        return part10.read_meta(file).transfer_syntax_uid
    except (OSError, ValueError):
        return ""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
