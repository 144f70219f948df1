"""The sign of life: given to the watchdog only while the parts move that nothing works without.

A thread asks each part how long it has not moved. One that stands still for longer than its patience is hung, if the
disk is well: what waits for a slow disk moves again by itself, and a new start would not make the disk any faster.
While something is hung no sign is given, the log says what it is and where each thread is, and systemd starts us anew.
It must not know what the parts do.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from appliance.notify import Notify
from appliance.threads import calls
from engine import files

log = logging.getLogger("stellwerk")

SIGNS = 4
"""So many signs of life are given in the time in which one is expected."""

WELL = 10.0
"""Seconds within which a disk that is well takes a small file; a slower one excuses all who wait."""


EVERY = 5.0
"""Seconds between two questions to a part that is asked."""


@dataclass(frozen=True, slots=True)
class Part:
    """still: seconds since it last moved, never waiting; 0 while it has nothing to do. patience: so long it may be."""

    name: str
    still: Callable[[], float]
    patience: float


class Heartbeat:
    """One thread that tells the watchdog that we live."""

    def __init__(self, notify: Notify, parts: Callable[[], Iterable[Part]], scratch: Path) -> None:
        """parts: those that there are now. scratch: a folder on the disk that they wait for."""
        self._notify, self._parts, self._scratch = notify, parts, scratch
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="heartbeat", daemon=True)
        self._disk: _Try | None = None
        self._told: frozenset[str] = frozenset()

    def start(self) -> None:
        """Begin, where somebody expects signs."""
        if self._notify.watchdog:
            self._thread.start()

    def stop(self) -> None:
        """Give no more signs."""
        self._stopping.set()

    def look(self) -> list[str]:
        """What is hung now. Waits for nothing."""
        still = {part.name: seconds for part in self._parts() if (seconds := part.still()) > part.patience}
        if not still:
            self._disk, self._told = None, frozenset()
            return []
        if self._disk is None:
            self._disk = _Try(self._scratch)
        # Until it is known that the disk is well, it is the disk that they wait for.
        if not self._disk.is_well():
            if self._disk.is_over():
                self._disk = _Try(self._scratch)
            return []
        if self._told != still.keys():
            self._told = frozenset(still)
            for name, seconds in still.items():
                log.error(
                    "%s has not moved for %.0f seconds, though the disk is well: no sign of life is given, so that the"
                    " service is started anew",
                    name,
                    seconds,
                )
            for thread in calls():
                log.error("where it hangs: %s", thread)
        return list(still)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            if not self.look():
                self._notify.alive()
            self._stopping.wait(self._notify.watchdog / SIGNS)


class _Try:
    """A small file that is written in a thread of its own, since a disk may keep it waiting for ever."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f".heartbeat-{os.getpid()}"
        self._took: float | None = None
        self._thread = threading.Thread(target=self._write, name="heartbeat disk", daemon=True)
        self._thread.start()

    def is_well(self) -> bool:
        """Whether it was taken, and soon enough."""
        return self._took is not None and self._took <= WELL

    def is_over(self) -> bool:
        """Whether the disk has answered, in whatever way: then it may be asked again."""
        return not self._thread.is_alive()

    def _write(self) -> None:
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            files.put(self._file, b"alive", 0o600)
            files.sync(self._file)
            files.remove(self._file)
            self._took = time.monotonic() - begun


class Asking:
    """A part that answers when it is asked, and how long it has not: it is asked in a thread of its own."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        """ask: waits for an answer, a few seconds at most; whether one came."""
        self._ask = ask
        self._thread: threading.Thread | None = None
        self._asked = 0.0
        self._silent_since: float | None = None

    def still(self) -> float:
        """Seconds since it was first asked without an answer; 0 where it answers. Waits for nothing."""
        now = time.monotonic()
        if (self._thread is None or not self._thread.is_alive()) and now - self._asked >= EVERY:
            self._asked = now
            self._thread = threading.Thread(target=self._once, name="heartbeat question", daemon=True)
            self._thread.start()
        return 0.0 if self._silent_since is None else now - self._silent_since

    def _once(self) -> None:
        if self._silent_since is None:
            begun = time.monotonic()
            self._silent_since = None if self._ask() else begun
        elif self._ask():
            self._silent_since = None
