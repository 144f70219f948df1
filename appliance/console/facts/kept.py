"""Kept: what costs something to find out is found out now and then, by one thread, however many ask for it."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LEAST = 2.0
"""Seconds for which it is good in any case."""

SHARE = 10.0
"""And so many times as long as it has taken: finding it out must not become all that is done."""


class Kept(Generic[T]):
    """One such thing. Threads may share it."""

    def __init__(
        self, make: Callable[[], T], least: float = LEAST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make, self._least, self._clock = make, least, clock
        self._making = threading.Lock()
        self._known: tuple[T, float] | None = None

    def get(self) -> T:
        """As it is, or was a moment ago. While one thread finds it out anew, the others get what was known before."""
        known = self._known
        if known is not None and self._clock() < known[1]:
            return known[0]
        if known is not None:
            if not self._making.acquire(blocking=False):
                return known[0]
        else:
            self._making.acquire()
        try:
            known = self._known
            if known is None or self._clock() >= known[1]:
                began = self._clock()
                found = self._make()
                now = self._clock()
                known = self._known = found, now + max(self._least, SHARE * (now - began))
            return known[0]
        finally:
            self._making.release()

    def forget(self) -> None:
        """Something was done: whoever asks next gets it as it is then."""
        self._known = None
