"""When the spool is tidied: once after a start, and then once a day; at leisure, beside everything else.

What waits for a destination that is away must not cost the others theirs, so it rests after each portion: with a
million objects it takes a quarter of an hour. One thread, of its own, as nobody may wait for it. It must not know what
is tidied.
"""

import logging
import threading
import time
from collections.abc import Callable

from engine.spool import Spool
from engine.tidy import tidy

log = logging.getLogger("stellwerk")

REST = 0.1
"""Seconds between two portions."""

FIRST, AGAIN = 600.0, 86400.0
"""Seconds until the daily tidying after a start, for some are switched off every night; and between two times."""


class Tidying:
    """Looks after one spool, from when it has been recovered."""

    def __init__(
        self, spool: Spool, stopping: threading.Event, current: Callable[[], str], drop: Callable[[str], bool]
    ) -> None:
        """current: the digest of the program that runs. drop: removes an outbox; whether it is gone."""
        self._spool, self._stopping, self._current, self._drop = spool, stopping, current, drop
        self._began = time.time()
        self._thread = threading.Thread(target=self._loop, name="tidying", daemon=True)

    def start(self) -> None:
        """Begin; it ends once `stopping` is set."""
        self._thread.start()

    def daily(self) -> None:
        """What is to be done once a day. Raises OSError."""
        tidy(self._spool, self._current(), self._drop, rest=self._rest)

    def _loop(self) -> None:
        self._do(lambda: self._spool.tidy(self._began, self._rest))
        pause = FIRST
        while not self._stopping.wait(pause):
            self._do(self.daily)
            pause = AGAIN

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except OSError as error:
            log.warning("the spool could not be tidied (%s); it is tried again", error.strerror)

    def _rest(self) -> bool:
        return self._stopping.wait(REST)
