"""Ask a peer whether it has an object: C-FIND for one SOP instance (PS3.4 C.4.1, C.6.2, Study Root).

For outcomes that are not known: the line broke before a C-STORE was answered. Must not know files.
"""

from dataclasses import dataclass

from pydicom import Dataset

from engine.dicom import identifier, status
from engine.dicom.negotiate import ALTERNATIVES, STUDY_ROOT_FIND
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.pool import Pool
from engine.dicom.requestor import accepted

_MOST_MATCHES = 100
PAIRS = tuple((STUDY_ROOT_FIND, syntax) for syntax in ALTERNATIVES)


@dataclass(frozen=True)
class Whereabouts:
    """By what a peer finds an object."""

    study: str
    series: str
    instance: str


def which_are_there(pool: Pool, wanted: list[Whereabouts]) -> list[bool]:
    """Of each, whether the peer says that it has it. Where it answers no queries, or none of this kind: no.

    Raises Later where there is no association with it.
    """
    association, _ = pool.take(PAIRS, fresh=True)
    found = [False] * len(wanted)
    syntax = accepted(association, STUDY_ROOT_FIND, ALTERNATIVES)
    try:
        for position, one in enumerate(wanted if syntax is not None else ()):
            keys = Dataset()
            keys.QueryRetrieveLevel = "IMAGE"
            keys.StudyInstanceUID, keys.SeriesInstanceUID = identifier.uid(one.study), identifier.uid(one.series)
            keys.SOPInstanceUID = identifier.uid(one.instance)
            asked = identifier.encode(keys, syntax or "")
            code, matches = association.find(STUDY_ROOT_FIND, syntax or "", asked, _MOST_MATCHES)
            if code != status.SUCCESS:
                break
            # Some peers ignore keys that they do not know, and list whatever they have.
            names = {identifier.text(identifier.decode(match, syntax or ""), "SOPInstanceUID") for match in matches}
            found[position] = one.instance in names
    except (LostError, ViolationError, ValueError) as error:
        association.drop(error)
    else:
        pool.give(association)
    return found
