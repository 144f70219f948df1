"""Samples: what an attribute said in the objects that came last. A patient's data: not for everybody, kept nowhere.

From the journal where that has it, otherwise from the headers of a few objects, from where they lie.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from engine.errors import Never
from engine.header import Header
from engine.journal import JournalTrouble
from engine.object import Object
from engine.tags import FACTS, UnknownTag, path_of

from .changes import newest
from .house import House

VALUES = 5
"""Different values that are told."""
ROWS = 1000
"""Objects whose values the journal is asked for."""
HEADERS, SECONDS = 40, 1.0
"""Objects whose headers are read, and for how long at most."""
FRESH = 30.0
"""Seconds for which these headers are good."""
LONGEST = 80
"""Characters of a value."""

COLUMNS = {
    "PatientName": "name",
    "PatientID": "id",
    "PatientBirthDate": "birth",
    "StudyInstanceUID": "study",
    "SeriesInstanceUID": "series",
    "SOPInstanceUID": "sop",
    "SOPClassUID": "class",
    "StudyDate": "date",
    "Modality": "modality",
    "AccessionNumber": "accession",
    "InstitutionName": "institution",
    "sender": "sender",
    "called": "called",
    "address": "address",
}
"""What the journal has, by the names that rules use."""


class Samples:
    """Of one house. Threads may share it."""

    def __init__(self, house: House, clock: Callable[[], float] = time.monotonic) -> None:
        self._house, self._clock = house, clock
        self._reading = threading.Lock()
        self._headers: tuple[Header, ...] = ()
        self._until = 0.0

    def of(self, word: str) -> list[str]:
        """The last different values of an attribute or a fact of the connection, newest first; empty where none are
        known, and for what is no attribute.
        """
        try:
            if word in COLUMNS:
                return list(_different(self._from_journal(COLUMNS[word])))
            return [] if word in FACTS else list(_different(self._from_headers(word)))
        except (OSError, UnknownTag):
            return []

    def _from_journal(self, column: str) -> list[str]:
        with self._house.journals.open() as journal:
            # The name of the column is our own.
            rows = journal.db.execute(f"SELECT {column} FROM objects WHERE told ORDER BY came DESC LIMIT ?", (ROWS,))
            return [str(value) for (value,) in rows]

    def _from_headers(self, word: str) -> Iterator[str]:
        path = path_of(word)
        for header in self._newest():
            # What cannot be read is held, and is no sample.
            with suppress(Never, OSError):
                yield header.whole(path)

    def _newest(self) -> tuple[Header, ...]:
        with self._reading:
            if self._clock() >= self._until:
                self._headers = tuple(self._read())
                self._until = self._clock() + FRESH
            return self._headers

    def _read(self) -> Iterator[Header]:
        end = self._clock() + SECONDS
        with suppress(JournalTrouble), self._house.journals.open() as journal:
            for obj in newest(self._house, journal, HEADERS):
                if self._clock() > end:
                    return
                if isinstance(obj, Object):
                    yield obj.header


def _different(values: Iterable[str]) -> Iterator[str]:
    seen: list[str] = []
    for value in values:
        said = value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
        if said.strip() and said not in seen:
            seen.append(said)
            yield said
            if len(seen) == VALUES:
                return
