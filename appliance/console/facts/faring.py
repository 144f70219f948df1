"""Faring: how many objects came, and how many of them are held because something went wrong; before a change of rules
and after it. Counted from the history, which is followed line by line as it grows.

What a rule holds on purpose, what waits for a review and what a person took out do not count: they are no failures.
"""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.journal_lines import Line, whole_lines
from engine.program import Program, calls
from engine.step import HOLD

from .advice import ON_PURPOSE, OTHER, REFUSED, SOFTWARE, UNCLEAN, UNMATCHED, UNREADABLE, kind_of_reason
from .house import House

FAILURES = frozenset({REFUSED, UNCLEAN, UNMATCHED, SOFTWARE, UNREADABLE, OTHER})
"""The kinds of reasons that count."""

LEAST = 3
"""Fewer failures say nothing."""
TIMES = 3.0
"""So many times the rate of before is a rise."""

OBJECTS, DAYS = 2000, 7
"""Before: the last so many objects, as far as they came within so many days."""

SECONDS = 2.0
"""So long may one look take; a busy history is read in several."""
_PORTION = 2000


@dataclass(frozen=True, slots=True)
class Counts:
    """received: objects; held: those of them that are or were held by a failure."""

    received: int = 0
    held: int = 0


def most(before: Counts, received: int) -> float:
    """So many failures, or more, are a rise, where so many objects have come.

    Three times the rate of before. Where more than a fifth failed before, threefold would soon be more than all: then
    half of what went well before.
    """
    rate = before.held / before.received if before.received else 0.0
    return max(float(LEAST), received * min(TIMES * rate, (1 + rate) / 2))


def has_risen(before: Counts, after: Counts) -> bool:
    """Whether more fail than before, and so many that it is no chance."""
    return after.held >= most(before, after.received)


class Faring:
    """Of the objects that `takes` chooses by their line `received`, from a moment on (seconds since 1970)."""

    def __init__(
        self, history: Path, since: float, takes: Callable[[Line], bool], purposes: Collection[str], until: float = 0.0
    ) -> None:
        """purposes: the reasons that rules give for what they hold (`purposes`). until: what comes then is none."""
        self._history, self._since, self._takes, self._purposes = history, since, takes, purposes
        self._until = _words(until) if until else ""
        self._came: set[str] = set()
        self._held: set[str] = set()
        self.unclean = 0
        """How often something was held as it could not be cleaned, or proved to be clean."""
        self._places: dict[Path, int] = {}
        self.is_whole = False
        """Whether the last look came to the end of the history."""

    def look(self) -> Counts:
        """Read on. Raises OSError."""
        end = time.monotonic() + SECONDS
        self.is_whole = all(self._follow(path, end) for path in self._days())
        return Counts(len(self._came), len(self._held))

    def _days(self) -> list[Path]:
        first, last = (datetime.fromtimestamp(moment, UTC).date() for moment in (self._since, time.time()))
        # What happens at midnight may be noted in the file of the next day.
        return [self._history / f"{first + timedelta(days=day)}.jsonl" for day in range((last - first).days + 2)]

    def _follow(self, path: Path, end: float) -> bool:
        """Whether its end was reached in time."""
        with suppress(FileNotFoundError):
            place = self._places.get(path)
            if place is None:
                place = place_of(path, _words(self._since))
            while True:
                lines = list(whole_lines(path, place, _PORTION))
                for read in lines:
                    self._take(read.line or {})
                    place = read.end
                self._places[path] = place
                if len(lines) < _PORTION:
                    return True
                if time.monotonic() > end:
                    return False
        return True

    def _take(self, line: Line) -> None:
        at, number = str(line.get("at", "")), str(line.get("object", ""))
        if at < _words(self._since) or (self._until and at >= self._until):
            return
        event = line.get("event")
        if event == "received" and not line.get("again") and self._takes(line):
            self._came.add(number)
        elif event == "held" and number in self._came:
            kind = self._kind(line)
            self.unclean += kind == UNCLEAN
            if kind in FAILURES:
                self._held.add(number)

    def _kind(self, line: Line) -> str:
        outbox, why = str(line.get("outbox", "")), str(line.get("why", ""))
        if outbox == HOLD and why in self._purposes:
            return ON_PURPOSE
        return kind_of_reason(why, "" if outbox == HOLD else outbox, "")


def before(house: House, until: float, purposes: Collection[str]) -> Counts:
    """How the last objects fared that came before a moment. May take seconds. Raises OSError."""
    since = until - DAYS * 86400.0
    with suppress(OSError), house.journals.open() as journal:
        row = journal.db.execute(
            "SELECT came FROM objects WHERE told AND number = family AND came < ? ORDER BY came DESC LIMIT 1 OFFSET ?",
            (_words(until), OBJECTS - 1),
        ).fetchone()
        if row is not None:
            since = max(since, datetime.fromisoformat(str(row[0])).timestamp())
    faring = Faring(house.settings.spool / "history", since, lambda _: True, purposes, until)
    while True:
        counts = faring.look()
        if faring.is_whole:
            return counts


def purposes(*programs: Program | None) -> frozenset[str]:
    """The reasons that the steps `hold` of these rules give; an empty one among them, as it is nobody else's."""
    found = {""}
    for program in programs:
        for route in () if program is None else program.routes:
            # What `on failure` holds was a failure.
            found |= {call.arguments["why"].text for call in calls(route.chain) if "why" in call.arguments}
    return frozenset(found)


def place_of(path: Path, moment: str) -> int:
    """Where the lines of this moment (ISO 8601, UTC) begin, or a little before: they stand in the order of time.

    Raises OSError.
    """
    low, high = 0, path.stat().st_size
    with path.open("rb") as stream:
        while high - low > 1 << 16:
            middle = (low + high) // 2
            stream.seek(middle)
            stream.readline()
            begin = stream.tell()
            at = _at(stream.readline())
            if at and at < moment:
                low = begin
            else:
                high = middle
    return low


def _at(line: bytes) -> str:
    """The moment that a line begins with; empty where it is torn."""
    start = b'{"at": "'
    return line[len(start) : len(start) + 29].decode("ascii", "replace") if line.startswith(start) else ""


def _words(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
