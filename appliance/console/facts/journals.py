"""The journal for several threads, as far as it is written.

Beside a running appliance its indexer keeps the journal up to date, and here it is only read. While it is stopped,
what little is missing is taken in first; a journal that is being built anew is not waited for: `progress` says how far
it is.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.journal import Journal

LITTLE = 4 << 20
"""Bytes of lines that are taken in while somebody waits; a few thousand images have so many."""

LOOK = 2.0
"""Seconds between two looks whether something is missing."""

REST = 0.1
"""Seconds between two portions of very much: whoever else uses the journal must get at it."""

IDLE = 4
"""Connections that are kept."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How much of the history is in the journal, in bytes."""

    read: int
    whole: int

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing that one would notice."""
        return self.whole - self.read <= LITTLE


class Journals:
    """The journal of one spool."""

    def __init__(
        self, spool: Path, is_running: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._spool, self._is_running, self._clock = spool, is_running, clock
        self._lock = threading.Lock()
        self._idle: list[Journal] = []
        self._look_at = 0.0
        self._progress = Progress(0, 0)
        self._closed = False

    @contextmanager
    def open(self) -> Iterator[Journal]:
        """One for this thread. Raises engine.journal.JournalTrouble."""
        with self._lock:
            journal = self._idle.pop() if self._idle else None
        journal = journal or Journal(self._spool)
        try:
            self._see_to(journal)
            yield journal
        except BaseException:
            journal.close()
            raise
        with self._lock:
            kept = len(self._idle) < IDLE and not self._closed
            if kept:
                self._idle.append(journal)
        if not kept:
            journal.close()

    @property
    def progress(self) -> Progress:
        """How far it was when it was opened last."""
        return self._progress

    def follow(self, stopping: threading.Event) -> None:
        """Keep it up to date while no appliance does, until told to stop. For a thread of its own; raises OSError."""
        with Journal(self._spool) as journal:
            while not stopping.is_set():
                if not self._is_running():
                    journal.catch_up(rest=REST)
                stopping.wait(LOOK)

    def close(self) -> None:
        """Close what is not in use, and whatever comes back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for journal in idle:
            journal.close()

    def _see_to(self, journal: Journal) -> None:
        with self._lock:
            now = self._clock()
            due = now >= self._look_at
            if due:
                self._look_at = now + LOOK
        if not due:
            journal.renew()
            return
        # A look at two files for each day of ten years: not for every question.
        rest, whole = journal.behind()
        if rest and rest <= LITTLE and not self._is_running():
            journal.catch_up()
            rest = 0
        self._progress = Progress(whole - rest, whole)
