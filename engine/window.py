"""Window: the next few of very many files in a folder, fairly between senders and oldest first for each.

A million waiting objects must cost neither memory nor a look at all of them for each that is sent. So one look keeps
the oldest names only, as many for each sender, and they are used up before the next look. It must not know what the
files are, and it changes nothing: a name may be gone when it is used.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from engine.numbers import bucket

MOST = 4096
"""Names kept at most, unless there are very many senders."""

LEAST_EACH = 16
"""Names kept of each sender at least."""

FRESH = 2.0
"""Seconds after which what has come meanwhile is looked for, while names are left."""

PORTION = 100
"""Names between two rests of what nobody waits for."""


class Window:
    """A view into one folder. Not safe between threads."""

    def __init__(
        self,
        folder: Path,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
        counts: Callable[[str], bool] = lambda name: name.endswith(".dcm"),
    ) -> None:
        """counts: whether a name is that of something that waits."""
        self._folder, self._most, self._clock, self._counts = folder, most, clock, counts
        self._queues: dict[str, deque[str]] = {}
        self._turn: deque[str] = deque()
        self._next_look = 0.0

    def take(self, most: int) -> Iterator[str]:
        """Up to so many names, one of each sender in turn. None is given twice between two looks."""
        if not self._turn or self._clock() >= self._next_look:
            self._look()
        for _ in range(most):
            if not self._turn:
                return
            sender = self._turn.popleft()
            queue = self._queues[sender]
            name = queue.popleft()
            if queue:
                self._turn.append(sender)
            yield name

    def _look(self) -> None:
        began = self._clock()
        oldest: dict[str, list[str]] = {}
        youngest: dict[str, str] = {}  # of a sender, where it is known: what is younger is not kept anyway
        each, counts = self._most, self._counts
        for name in entries(self._folder):
            if not counts(name):
                continue
            sender = bucket(name)
            kept = oldest.get(sender)
            if kept is None:
                kept = oldest[sender] = []
                each = max(self._most // len(oldest), LEAST_EACH)
            elif sender in youngest and name > youngest[sender]:
                continue
            kept.append(name)
            if len(kept) >= 2 * each:
                # Seldom, and many at once: a place in order for each name would cost the pumps more.
                kept.sort()
                del kept[each:]
                youngest[sender] = kept[-1]
        self._queues = {sender: deque(sorted(kept)[:each]) for sender, kept in oldest.items()}
        # Those whose oldest has waited longest begin.
        self._turn = deque(sorted(self._queues, key=lambda sender: self._queues[sender][0]))
        now = self._clock()
        # A look at very many takes a while: it must not become all that is done.
        self._next_look = now + max(FRESH, 20 * (now - began))


def entries(folder: Path) -> Iterator[str]:
    """The names in a folder as they come, hidden ones aside, without having all of them at once; none without one."""
    try:
        with os.scandir(folder) as found:
            for one in found:
                if not one.name.startswith("."):
                    yield one.name
    except FileNotFoundError:
        return


def unhurried(names: Iterable[str], rest: Callable[[], bool]) -> Iterator[str]:
    """The same names with a rest after each portion, for what nobody waits for; `rest` answers whether to end here."""
    for count, name in enumerate(names, 1):
        yield name
        if count % PORTION == 0 and rest():
            return
