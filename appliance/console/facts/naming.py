"""Whether a text that a person has typed would name the patient of an image: it goes into the history, for years."""

from contextlib import suppress

from engine.errors import Never
from engine.header import Header
from engine.profile.needles import Needles, Value

from .held import held_entry, received_file
from .house import House

_KINDS = {
    **{"PatientName": "name", "OtherPatientNames": "name"},
    **{"PatientID": "id", "AccessionNumber": "id", "PatientBirthDate": "birth"},
}
_UTF8 = b"ISO_IR 192"


def names_patient(house: House, entry_id: str, text: str) -> bool:
    """Whether a value of something held that gives its patient away stands in this text; False where it is not held."""
    entry = held_entry(house, entry_id)
    if entry is None:
        return False
    received = received_file(entry)
    header = Header.read(received if received.exists() else entry.file)
    with suppress(Never, OSError):
        values = {Value(kind, header.first(tag).encode(), _UTF8): 0 for tag, kind in _KINDS.items()}
        return Needles(values).within(text)
    return False
