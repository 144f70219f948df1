"""Window: the next few of very many files in a folder, fairly between senders and oldest first for each.

A million waiting objects must cost neither memory nor a look at all of them for each that is sent. So one look keeps
the oldest names only, as many for each sender, and they are used up before the next look. It must not know what the
files are, and it changes nothing: a name may be gone when it is used.
"""

import heapq
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from engine.numbers import bucket

MOST = 4096
"""Names kept at most, unless there are very many senders."""

LEAST_EACH = 16
"""Names kept of each sender at least."""

FRESH = 2.0
"""Seconds after which what has come meanwhile is looked for, while names are left."""


class Window:
    """A view into one folder. Not safe between threads."""

    def __init__(self, folder: Path, most: int = MOST, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder, self._most, self._clock = folder, most, clock
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
        heaps: dict[str, list[tuple[_Last, str]]] = {}
        each = self._most
        for name in entries(self._folder):
            if not name.endswith(".dcm"):
                continue
            sender = bucket(name)
            heap = heaps.get(sender)
            if heap is None:
                heap = heaps[sender] = []
                each = max(self._most // len(heaps), LEAST_EACH)
            if len(heap) < each:
                heapq.heappush(heap, (_Last(name), name))
            elif name < heap[0][1]:
                heapq.heapreplace(heap, (_Last(name), name))
                while len(heap) > each:
                    heapq.heappop(heap)
        self._queues = {sender: deque(sorted(name for _, name in heap)[:each]) for sender, heap in heaps.items()}
        # Those whose oldest has waited longest begin.
        self._turn = deque(sorted(self._queues, key=lambda sender: self._queues[sender][0]))
        now = self._clock()
        # A look at very many takes a while: it must not become all that is done.
        self._next_look = now + max(FRESH, 20 * (now - began))


class _Last(str):
    """A name in a heap that has the youngest at its top."""

    __slots__ = ()

    def __lt__(self, other: str) -> bool:
        return str.__gt__(self, other)


def entries(folder: Path) -> Iterator[str]:
    """The names in a folder as they come, hidden ones aside, without having all of them at once; none without one."""
    try:
        with os.scandir(folder) as found:
            for one in found:
                if not one.name.startswith("."):
                    yield one.name
    except FileNotFoundError:
        return
