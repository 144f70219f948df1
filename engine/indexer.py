"""The indexer: keeps the journal up to date while the appliance runs, and ends the history after its days. One thread.

Nothing waits for it. It must not know what is in the journal.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.journal import Journal

LOOK_AGAIN = 2.0
"""Seconds between two looks at the history."""

REST = 0.1
"""Seconds between two portions of a long one: a journal that is built anew must not keep images waiting."""

_DAY = 86400.0


class Indexer:
    """Follows the history of one spool."""

    def __init__(self, spool: Path, days: int, there: Callable[[], Iterable[str]], drop: Callable[[str], None]) -> None:
        """there: the names of all that lies in the spool. drop: remove the files of a day of the history."""
        self._spool, self._days, self._there, self._drop = spool, days, there, drop
        self._stopping = threading.Event()
        self._tidied = 0.0

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()

    def loop(self) -> None:
        """Follow the history until stopped. Raises OSError."""
        if self._stopping.is_set():
            return
        with Journal(self._spool) as journal:
            while not self._stopping.is_set():
                journal.catch_up(rest=REST)
                if time.time() > self._tidied + _DAY:
                    self.tidy(journal, datetime.now(UTC))
                    self._tidied = time.time()
                self._stopping.wait(LOOK_AGAIN)

    def tidy(self, journal: Journal, now: datetime) -> list[str]:
        """Remove the days that are over; which they were. 0 days: all are kept."""
        if not self._days:
            return []
        gone = journal.expired(now - timedelta(days=self._days), self._there)
        for day in gone:
            # The files first: what an interruption leaves of the rows goes with the next journal.
            self._drop(day)
            journal.forget(day)
        return gone
