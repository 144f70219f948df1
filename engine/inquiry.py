"""Inquiries: a destination is asked how much it has of a study, in the background, a few times at most.

Nothing waits for an answer: where none comes, a study is complete without it. It must not know how the asking is done.
"""

import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass

from engine.completeness import Gathered, Key
from engine.errors import Later, Never
from engine.outbox import Outbox

log = logging.getLogger("stellwerk.collector")

Ask = Callable[[str, str, str], int | None]
"""Destination, study, series (empty for the whole study) → how many objects it has, or None where it does not say."""

MOMENTS = (0.5, 0.8)
"""When to ask, as parts of the quiet time after the last object: while more is coming, nobody knows the end."""

MOST = 8
"""So often for one study, however often its quiet is broken."""

AT_ONCE = 4
_NEVER = float("inf")


@dataclass(slots=True)
class _Inquiry:
    since: float = 0.0
    """When the last object had come, as of the last inquiry."""
    moments: int = 0
    """How many of MOMENTS have been used since."""
    tries: int = 0
    running: bool = False
    answer: int | None = None


class Inquiries:
    """What has been asked for one collecting outbox. `heard` is called when an answer has come."""

    def __init__(self, ask: Ask | None, heard: Callable[[], None]) -> None:
        self._ask, self._heard = ask, heard
        self._lock = threading.Lock()
        self._open: dict[Key, _Inquiry] = {}
        self._news: set[Key] = set()

    def news(self) -> set[Key]:
        """Those that have come to an end since this was asked last, with an answer or without one."""
        with self._lock:
            news, self._news = self._news, set()
        return news

    def answer(self, key: Key) -> int | None:
        """The latest answer, if there is one."""
        with self._lock:
            return self._open[key].answer if key in self._open else None

    def consider(self, outbox: Outbox, key: Key, gathered: Gathered, started: float, now: float) -> float:
        """Ask, if a rule wants it and it is time; answers the moment at which to consider it again."""
        destination = next((terms.ask for terms in gathered.terms if terms.ask), "")
        if not destination or self._ask is None:
            return _NEVER
        last = gathered.last(started)
        with self._lock:
            inquiry = self._open.setdefault(key, _Inquiry())
            if inquiry.since != last:
                inquiry.since, inquiry.moments = last, 0
            if inquiry.running or inquiry.tries >= MOST or inquiry.moments >= len(MOMENTS):
                return _NEVER
            due = last + MOMENTS[inquiry.moments] * gathered.quiet
            if now < due:
                return due
            if sum(one.running for one in self._open.values()) >= AT_ONCE:
                return now + 1.0
            inquiry.running = True
            inquiry.moments += 1
            inquiry.tries += 1
        uids = _uids(outbox, gathered)
        threading.Thread(target=self._run, args=(key, inquiry, destination, uids), name="inquiry", daemon=True).start()
        return _NEVER

    def forget(self, keys: Collection[Key]) -> None:
        """Only these are still being collected."""
        with self._lock:
            self._open = {key: one for key, one in self._open.items() if key in keys}

    def _run(self, key: Key, inquiry: _Inquiry, destination: str, uids: tuple[str, str]) -> None:
        answer = None
        try:
            if self._ask is not None and uids[0]:
                answer = self._ask(destination, *uids)
        except (Later, Never, OSError) as error:
            log.warning("%s could not be asked how much it has of a study: %s", destination, error)
        finally:
            with self._lock:
                inquiry.running = False
                self._news.add(key)
                inquiry.answer = answer if answer is not None else inquiry.answer
            self._heard()


def _uids(outbox: Outbox, gathered: Gathered) -> tuple[str, str]:
    """Study and series as received: what the rules have made of them, a destination may not know. Empty if unread."""
    try:
        entry = outbox.entry(gathered.entries[0].id)
        if entry is None:
            return "", ""
        header = outbox.received_object(entry).header
        series = header.first("SeriesInstanceUID") if outbox.name.startswith("series.") else ""
        return header.first("StudyInstanceUID"), series
    except (Never, OSError):
        return "", ""
