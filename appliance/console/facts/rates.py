"""Rates: what came and went in the last day, by minute; followed line by line as the history grows.

Kept in memory: so many numbers as there are minutes, senders and destinations, however many images come. What a sender
or a destination was heard of longer ago, others know. It must not know the journal.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.journal_lines import Line, whole_lines

MINUTES, HOURS = 60, 24
DAY = 86400.0
PORTION = 5000
"""Lines between two looks at the clock."""
SECONDS = 1.0
"""So long may one look take: after a start, a day of a busy house is read in several."""
NAMES = 1000
"""Senders and destinations that are told apart; a scanner of networks must not fill the memory."""

RECEIVED, DELIVERED, FAILED = "received", "delivered", "failed"


@dataclass(frozen=True, slots=True)
class Series:
    """How many in each minute of the last hour and in each hour of the last day, oldest first; the last is now's."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Last:
    """When something happened the last time (ISO 8601, UTC), and why, in words; both may be empty."""

    at: str = ""
    why: str = ""


class Recent:
    """The last day of one history. Threads may share it."""

    def __init__(self, history: Path, clock: Callable[[], float] = time.time) -> None:
        self._history, self._clock = history, clock
        self._lock = threading.Lock()
        self._read: dict[Path, tuple[int, int]] = {}
        """Of each file its inode, and the place up to which it is read."""
        self._counts: dict[tuple[str, str], dict[int, int]] = {}
        self._last: dict[tuple[str, str], Last] = {}
        self.is_whole = False
        """Whether the whole of the last day is known."""

    def look(self) -> None:
        """Read on. Raises OSError."""
        with self._lock:
            end = time.monotonic() + SECONDS
            now = datetime.fromtimestamp(self._clock(), UTC)
            # What happens at midnight may be noted in the file of the next day.
            days = [now.date() + timedelta(days=back) for back in (-1, 0, 1)]
            paths = [self._history / f"{day}.jsonl" for day in days]
            self._read = {path: place for path, place in self._read.items() if path in paths}
            self.is_whole = all(self._follow(path, end) for path in paths)
            self._prune(int(now.timestamp() // 60))

    def names(self, what: str) -> list[str]:
        """Of whom something is known: senders for `received`, outboxes for the others."""
        with self._lock:
            return sorted({name for kind, name in (*self._counts, *self._last) if kind == what and name})

    def series(self, what: str, name: str | None = None) -> Series:
        """Of one sender or outbox; None: of all of them together."""
        with self._lock:
            now = int(self._clock() // 60)
            known = [counts for (kind, one), counts in self._counts.items() if kind == what and name in (None, one)]
            minutes, hours = [0] * MINUTES, [0] * HOURS
            for counts in known:
                for minute, count in counts.items():
                    ago = now - minute
                    if 0 <= ago < MINUTES:
                        minutes[-1 - ago] += count
                    if 0 <= ago < 60 * HOURS:
                        hours[-1 - ago // 60] += count
            return Series(tuple(minutes), tuple(hours))

    def since(self, what: str, name: str, moment: float) -> int:
        """How many since this moment (seconds since 1970, whole minutes)."""
        with self._lock:
            counts = self._counts.get((what, name), {})
            return sum(count for minute, count in counts.items() if minute >= moment // 60)

    def last(self, what: str, name: str) -> Last:
        """When it happened the last time, within the last day."""
        with self._lock:
            return self._last.get((what, name), Last())

    def _follow(self, path: Path, end: float) -> bool:
        """Read one file on; whether to its end."""
        try:
            found = path.stat()
        except FileNotFoundError:
            return True
        inode, place = self._read.get(path, (found.st_ino, 0))
        if inode != found.st_ino or place > found.st_size:
            # Somebody has put another file there: counted anew, and what was counted of the old one with it.
            self._counts, self._last, self._read, place = {}, {}, {}, 0
            return False
        while place < found.st_size:
            if time.monotonic() > end:
                return False
            before = place
            for read in whole_lines(path, place, PORTION):
                place = read.end
                if read.line:
                    self._count(read.line)
            self._read[path] = (found.st_ino, place)
            if place == before:
                break
        return True

    def _count(self, line: Line) -> None:
        event, outbox = line.get("event"), str(line.get("outbox", ""))
        match event:
            case "received" if not line.get("again"):
                self._put(RECEIVED, str(line.get("sender") or line.get("source") or ""), line)
            case "delivered":
                self._put(DELIVERED, outbox, line)
            case "later" | "failed" | "held" if outbox:
                self._put(FAILED, outbox, line)

    def _put(self, what: str, name: str, line: Line) -> None:
        at = str(line.get("at", ""))
        try:
            minute = int(datetime.fromisoformat(at).timestamp() // 60)
        except ValueError:
            return
        key = (what, name)
        if key not in self._counts and len(self._counts) >= NAMES:
            key = (what, "")
        counts = self._counts.setdefault(key, {})
        counts[minute] = counts.get(minute, 0) + 1
        if at >= self._last.get(key, Last()).at:
            self._last[key] = Last(at, str(line.get("why", "")))

    def _prune(self, now: int) -> None:
        oldest = now - 60 * HOURS - 60
        for key, counts in list(self._counts.items()):
            for minute in [minute for minute in counts if minute < oldest]:
                del counts[minute]
            if not counts:
                del self._counts[key]
                self._last.pop(key, None)
