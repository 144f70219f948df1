"""Keys: what a person looks an object up by, read from its header. A patient's data: for the spool's `keys` alone."""

from contextlib import suppress

from engine.errors import Never
from engine.header import Header
from engine.object import Origin

TAGS = {
    "name": "PatientName",
    "id": "PatientID",
    "birth": "PatientBirthDate",
    "study": "StudyInstanceUID",
    "series": "SeriesInstanceUID",
    "sop": "SOPInstanceUID",
    "class": "SOPClassUID",
    "date": "StudyDate",
    "modality": "Modality",
    "accession": "AccessionNumber",
    "institution": "InstitutionName",
    "physician": "ReferringPhysicianName",
}
"""The name of each key, and the attribute it is (PS3.6)."""


def keys_of(header: Header, origin: Origin) -> dict[str, str]:
    """Every key that the object has. A value that cannot be decoded is left out: it cannot be searched by."""
    found = {"sender": origin.sender}
    for name, keyword in TAGS.items():
        with suppress(Never):
            found[name] = header.first(keyword)
    return {name: value for name, value in found.items() if value}
