"""Ask a peer how many objects it has of a study or a series: C-FIND in the Study Root model (PS3.4 C.4.1, C.6.2).

Must not know why anybody asks. Peers need not keep counts (PS3.4 Table C.6-5 makes them optional): those that do not
are asked for their series, and for the objects of each.
"""

import io

from pydicom import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset

from engine.dicom import status
from engine.dicom.negotiate import EXPLICIT_LITTLE, IMPLICIT_LITTLE, STUDY_ROOT_FIND, Context
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.peer import Peer
from engine.dicom.requestor import Association, Patience, accepted
from engine.errors import Later, Never

_PATIENCE = Patience(connect=5, associate=10, respond=30)
_MOST_MATCHES = 50_000


def count(peer: Peer, study: str, series: str = "", patience: Patience = _PATIENCE) -> int | None:
    """How many objects it has of the study, or of one series of it; None where it does not say.

    Raises Later where it cannot be asked now, Never where it does not answer queries.
    """
    try:
        with Association(peer, _contexts(), patience) as association:
            syntax = next(
                (one for one in (EXPLICIT_LITTLE, IMPLICIT_LITTLE) if _takes(association, one)),
                None,
            )
            if syntax is None:
                raise _NoQueries
            return _Query(association, syntax, peer).count(study, series)
    except _NoQueries:
        raise Never(f"{peer} takes associations, but answers no queries (C-FIND, Study Root)") from None
    except (LostError, ViolationError, ValueError) as error:
        raise Later(f"{peer}: the query came to no end: {_words(error)}") from None


class _NoQueries(Exception):
    """The peer does not offer C-FIND."""


def _contexts() -> tuple[Context, ...]:
    # One for each transfer syntax, so that the peer cannot choose one that it names badly.
    return (Context(1, STUDY_ROOT_FIND, (EXPLICIT_LITTLE,)), Context(3, STUDY_ROOT_FIND, (IMPLICIT_LITTLE,)))


def _takes(association: Association, syntax: str) -> bool:
    return accepted(association, STUDY_ROOT_FIND, (syntax,)) is not None


def _words(error: Exception) -> str:
    """Only our own reasons are told: pydicom's might quote an answer."""
    return str(error) if isinstance(error, LostError | ViolationError) else "an answer cannot be read"


class _Query:
    def __init__(self, association: Association, syntax: str, peer: Peer) -> None:
        self._association, self._syntax, self._peer = association, syntax, peer

    def count(self, study: str, series: str) -> int | None:
        """The count that the peer keeps; otherwise, as many as it lists."""
        if series:
            return self._of_series(study, series)
        found = self._find("STUDY", "NumberOfStudyRelatedInstances", StudyInstanceUID=study)
        if not found:
            return 0
        kept = _number(found[0], "NumberOfStudyRelatedInstances")
        if kept is not None:
            return kept
        counts = [
            self._of_series(study, str(one.get("SeriesInstanceUID", "")))
            for one in self._find("SERIES", "SeriesInstanceUID", StudyInstanceUID=study)
        ]
        known = [one for one in counts if one is not None]
        return sum(known) if len(known) == len(counts) else None

    def _of_series(self, study: str, series: str) -> int | None:
        if not series:
            return None
        keys = {"StudyInstanceUID": study, "SeriesInstanceUID": series}
        found = self._find("SERIES", "NumberOfSeriesRelatedInstances", **keys)
        kept = _number(found[0], "NumberOfSeriesRelatedInstances") if found else 0
        return kept if kept is not None else len(self._find("IMAGE", "SOPInstanceUID", **keys))

    def _find(self, level: str, wanted: str, **keys: str) -> list[Dataset]:
        identifier = Dataset()
        identifier.QueryRetrieveLevel = level
        setattr(identifier, wanted, None)
        for name, value in keys.items():
            setattr(identifier, name, value)
        implicit = self._syntax == IMPLICIT_LITTLE
        data = DicomBytesIO()
        data.is_little_endian, data.is_implicit_VR = True, implicit
        write_dataset(data, identifier)
        code, found = self._association.find(STUDY_ROOT_FIND, self._syntax, data.getvalue(), _MOST_MATCHES)
        if code != status.SUCCESS:
            raise Later(f"{self._peer} answers a query with {status.words(code)}")
        return [read_dataset(io.BytesIO(one), implicit, True) for one in found]


def _number(found: Dataset, name: str) -> int | None:
    text = str(found.get(name, "") or "").strip()
    return int(text) if text.isdecimal() else None
