"""Remembered: what the notes of an outbox say, from when they are promised until one is claimed, so that none is read.

Bounded, and only ever a copy: what it says of a note holds as long as the file is the one that was written then. Part
of the spool. It must not know what becomes of an entry.
"""

from engine import files
from engine.entry import Entry

MOST = 1000
"""Entries of one outbox. Beyond, all are forgotten: an outbox that owes so many is not waited for."""


class Remembered:
    """Those of one outbox. Threads may share it."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[Entry, files.Stamp]] = {}

    def put(self, entry: Entry, stamp: files.Stamp) -> None:
        """The note of this entry stands in the file with this stamp."""
        if len(self._entries) >= MOST:
            self._entries = {}
        self._entries[entry.id] = entry, stamp

    def get(self, number: str, note: str) -> Entry | None:
        """What the note at this path says of the entry of this id; None where it must be read. Raises OSError."""
        found = self._entries.get(number)
        return found[0] if found is not None and files.stamp(note) == found[1] else None

    def forget(self, number: str) -> None:
        """It has been claimed."""
        self._entries.pop(number, None)
