"""Who has guessed wrong too often must wait before the next guess, longer each time. Pure: the clock is handed in.

Must not know passwords, or over which line the guesses come. Both the address and the user are counted: one address
tries many users, and many addresses try one user.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

FREE = 5
"""So many failures cost nothing: people mistype, and a sender with an old password must stay readable in the log."""

FIRST, MOST = 1.0, 300.0
"""Seconds to wait after the first failure beyond that, doubled with each; and at most."""

FORGIVEN = 900.0
"""Seconds without a failure after which all is forgotten."""

REMEMBERED = 10_000
"""So many addresses and users are remembered; who makes up more forgets the oldest."""


class Throttle:
    """Counts failures by whatever keys a caller has: ("address", …), ("user", …). Threads may share one."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def wait(self, address: str, user: str) -> float:
        """Seconds that must pass before these may be asked again; 0 where they may now."""
        with self._lock:
            return max(self._wait(key) for key in _keys(address, user))

    def failed(self, address: str, user: str) -> None:
        """A guess was wrong."""
        with self._lock:
            for key in _keys(address, user):
                count, last = self._failures.pop(key, (0, 0.0))
                fresh = self._clock() - last > FORGIVEN
                self._failures[key] = (1 if fresh else count + 1, self._clock())
            while len(self._failures) > REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, address: str, user: str) -> None:
        """A guess was right: this user, from this address, is who they say."""
        with self._lock:
            for key in _keys(address, user):
                self._failures.pop(key, None)

    def _wait(self, key: tuple[str, str]) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count <= FREE:
            return 0.0
        pause = min(FIRST * 2.0 ** min(count - FREE - 1, 20), MOST)
        return max(last + pause - self._clock(), 0.0)


def _keys(address: str, user: str) -> tuple[tuple[str, str], ...]:
    return (("address", address), ("user", user)) if user else (("address", address),)
