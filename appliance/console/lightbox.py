"""The light box on which pixels are looked at: one for all who review, and one picture after the other.

What is asked for waits in a row of its own, so that no other page waits for pixels. The process for pixels ends when
nobody has looked for a while: it lies in memory. It must not know the web.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from appliance.console.facts.house import House, NoSpool
from appliance.console.reasons import german
from appliance.console.words import Refusal
from appliance.reviewing import Reviewing
from engine.errors import Later, Never, Unclean

T = TypeVar("T")

ROW = 12
"""What may wait at once; who comes then is told to come again."""

IDLE = 90.0
"""Seconds without a look, after which the process for pixels ends."""


class LightBox:
    """Of one house. Threads may share it. `close` it in the end."""

    def __init__(self, house: House, idle: float = IDLE) -> None:
        self._house, self._idle = house, idle
        self._pool = ThreadPoolExecutor(1, "pixels")
        self._lock = threading.Lock()
        self._row = 0
        self._reviewing: Reviewing | None = None
        self._timer: threading.Timer | None = None

    def ask(self, work: Callable[[Reviewing], T]) -> "Future[T]":
        """Have something done with pixels, in its turn; it may be cancelled until then. Raises Refusal."""
        with self._lock:
            if self._row >= ROW:
                raise Refusal(503, "Many pictures are being made at the moment. Wait a moment, then try again.")
            self._row += 1
            future = self._pool.submit(self._do, work)
        future.add_done_callback(self._left)
        return future

    def do(self, work: Callable[[Reviewing], T], language: str) -> T:
        """The same, waited for; what cannot be done is a Refusal in words."""
        with in_words(language):
            return self.ask(work).result()

    def look(self) -> Reviewing:
        """For what needs no pixels. Raises NoSpool."""
        with self._lock:
            if self._reviewing is None:
                _ = self._house.spool
                self._reviewing = Reviewing(self._house.settings.spool)
            return self._reviewing

    def close(self) -> None:
        """End it, and what is being made."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._rest(even_now=True)

    def _do(self, work: Callable[[Reviewing], T]) -> T:
        return work(self.look())

    def _left(self, _future: "Future[T]") -> None:
        with self._lock:
            self._row -= 1
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._idle, self._rest)
            self._timer.daemon = True
            self._timer.start()

    def _rest(self, even_now: bool = False) -> None:
        """End the process for pixels, unless it is wanted."""
        with self._lock:
            if self._row and not even_now:
                return
            reviewing, self._reviewing = self._reviewing, None
            if self._timer is not None:
                self._timer.cancel()
        if reviewing is not None:
            reviewing.close()


@contextmanager
def in_words(language: str) -> Iterator[None]:
    """What pixels and disks refuse, as a Refusal."""
    try:
        yield
    except (KeyError, NoSpool):
        raise Refusal(404, "It is not held any more.") from None
    except Later:
        raise Refusal(503, "It was interrupted. Please try again.") from None
    except (Unclean, Never) as refusal:
        why = (german(refusal.reason) if language == "de" else "") or refusal.reason
        raise Refusal(422, "This is not possible with this image: {why}", why=why) from None
    except OSError:
        raise Refusal(503, "It cannot be read from, or written to, the disk.") from None
