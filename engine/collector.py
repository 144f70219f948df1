"""The collector: empties an outbox in which studies or series are collected, by letting their chains go on.

When one is complete, engine.completeness says; nothing of it may wait for anything then. It must not know how anything
is sent, nor how a destination is asked.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine.completeness import Complete, Gathered, complete
from engine.entry import Entry
from engine.gone import Key, Mark, forget_old, recall, remember
from engine.inquiry import Ask, Inquiries
from engine.outbox import Outbox, names
from engine.pump import LOOK_AGAIN, PATIENCE, Gone, Report
from engine.receipts import pass_on
from engine.router import REST, Router
from engine.spool import Spool

log = logging.getLogger("stellwerk.collector")

SOON = 0.2
"""Seconds between two looks at least, while something is about to be complete."""

_TIDY = 3600.0


class Collector:
    """As engine.pump.Sender. One for each outbox; only its pump calls it.

    open_ones: the associations on which objects may be coming in. ask: how a destination is asked for its count.
    """

    outside = False
    every: float | None = None
    patience = PATIENCE
    look_again = LOOK_AGAIN
    connections = 1

    def __init__(
        self,
        spool: Spool,
        router: Router,
        open_ones: Callable[[], Collection[str]] = frozenset,
        ask: Ask | None = None,
    ) -> None:
        self._spool, self._router, self._open_ones = spool, router, open_ones
        self._home: Outbox | None = None
        self._known: dict[Path, Entry] = {}
        """What does not change while it lies where it lies; reading it at every look would be slow."""
        self._resting: dict[Key, float] = {}
        self._marks: dict[Key, Mark | None] = {}
        self._why: dict[Key, Complete] = {}
        self._inquiries = Inquiries(ask, self._wake)
        self._tidied = 0.0
        self._noticed: dict[str, float] = {}
        """When we first saw what, by its own word, comes from the future: the clock has been set back."""

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim what is complete."""
        # Asked before looking, and settled between: what is routed meanwhile is either unrouted still or found here.
        looked = time.time()
        open_ones = _Open(self._open_ones(), looked)
        unrouted = self._router.oldest_unrouted()
        # What an interrupted turn has promised must be settled first, or it would be promised twice.
        self._spool.settle()
        outbox.give_back_claimed()
        self._home = outbox
        entries = [replace(e, since=self._seen(e.id, e.since, now)) for e in self._look(outbox)]
        started = self._seen("", self._router.started, now)
        pass_on(outbox, self._spool, {number for entry in entries for number in entry.awaits})
        groups = _groups(entries)
        self._forget(groups, now)
        picked: list[Entry] = []
        next_look = LOOK_AGAIN
        for key, group in groups.items():
            if any(entry.file.parent in (outbox.waiting, outbox.active, outbox.later) for entry in group):
                continue
            mark = self._mark(outbox, key, group)
            group = self._without_held(outbox, group, mark)
            if not group:
                continue
            resting = min(self._resting.get(key, 0.0), now + REST)
            gathered = Gathered(
                group, mark.count if mark else 0, self._inquiries.answer(key), min(self._router.heard(key[2]), now)
            )
            if now < resting:
                again: Complete | float = resting
            elif mark and all(_is_added(entry, outbox) for entry in group):
                again = Complete("late", gathered.came)
            else:
                again = complete(gathered, now, started, open_ones, unrouted, looked)
            if isinstance(again, Complete):
                self._resting.pop(key, None)
                self._why[key] = again
                picked += group
            else:
                next_ask = self._inquiries.consider(outbox, key, gathered, started, now)
                next_look = min(next_look, max(again, now + SOON) - now, next_ask - now)
        self.look_again = max(next_look, SOON)
        return outbox.claim_these(picked)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Let each study go on; one that the machine cannot deal with now rests, and the others do not wait for it."""
        home = self._home
        if home is None:
            return
        for key, group in _groups(entries).items():
            if stopping():
                return
            # Until it has gone on: should the software stumble over it, its turn must not come first for ever.
            self._resting[key] = time.time() + REST
            why = self._why.pop(key, None) or Complete("quiet", len(group), quiet="its time")
            try:
                before = self._marks.get(key)
                mark = Mark(max(entry.id for entry in group), why.came, before.count if before else 0, time.time())
                remember(home, key, mark)
                self._router.go_on(home, group, why)
                self._marks[key] = mark
                del self._resting[key]
            except (OSError, MemoryError) as error:
                self._marks.pop(key, None)
                log.error("%s: %d objects cannot go on now (%s); again in %.0f s", home.name, len(group), error, REST)
                # It may have failed after the promise had become valid: then they are gone once it is settled.
                with contextlib.suppress(OSError):
                    self._spool.settle()
            for entry in group:
                if not entry.file.exists():
                    report(entry, Gone())

    def _seen(self, name: str, since: float, now: float) -> float:
        """Since when it is here. What was set back must not make it wait for a day to come a second time."""
        if since <= now:
            self._noticed.pop(name, None)
            return since
        self._noticed[name] = min(self._noticed.get(name, now), now)
        return self._noticed[name]

    def _look(self, outbox: Outbox) -> list[Entry]:
        files = [folder / name for folder in outbox.stages for name in sorted(names(folder)) if name.endswith(".dcm")]
        known = {}
        for file in files:
            entry = self._known.get(file) or outbox.entry(file.stem)
            if entry is not None:
                known[entry.file] = entry
            elif file.exists():
                outbox.hold_unread(file)
        self._known = known
        there = {"", *(entry.id for entry in known.values())}
        self._noticed = {name: since for name, since in self._noticed.items() if name in there}
        return list(known.values())

    def _mark(self, outbox: Outbox, key: Key, group: Sequence[Entry]) -> Mark | None:
        """What has gone on before this; read once for each."""
        if key not in self._marks:
            self._marks[key] = recall(outbox, key, group)
        return self._marks[key]

    def _without_held(self, outbox: Outbox, group: list[Entry], mark: Mark | None) -> list[Entry]:
        """What may go on of a group; what is late, and to be held then, is held."""
        if mark is None:
            return group
        rest = []
        for entry in group:
            if entry.note.get("late") == "hold" and not _is_released(entry, outbox):
                outbox.hold(entry, "it came after the rest of what it belongs to had gone on, and the rule holds that")
            else:
                rest.append(entry)
        return rest

    def _forget(self, groups: Collection[Key], now: float) -> None:
        self._marks = {key: mark for key, mark in self._marks.items() if key in groups}
        self._inquiries.forget(groups)
        if self._home is not None and now > self._tidied + _TIDY:
            forget_old(self._home, now)
            self._tidied = now

    def _wake(self) -> None:
        if self._home is not None:
            self._spool.wake(self._home.name)


class _Open:
    """The associations that may bring more: those that were open at a moment, and all that have begun since."""

    def __init__(self, open_ones: Collection[str], looked: float) -> None:
        self._open, self._since = open_ones, f"{int(looked * 1e9):016x}"

    def __contains__(self, association: object) -> bool:
        return association in self._open or (isinstance(association, str) and association >= self._since)

    def __iter__(self) -> Iterator[str]:
        return iter(self._open)

    def __len__(self) -> int:
        return len(self._open)


def _is_added(entry: Entry, outbox: Outbox) -> bool:
    return entry.note.get("late") == "add" or _is_released(entry, outbox)


def _is_released(entry: Entry, outbox: Outbox) -> bool:
    """Whether a person has released it, out of the hold into which it went for being late."""
    return bool(entry.note.get("refused by") == outbox.name)


def _groups(entries: Sequence[Entry]) -> dict[Key, list[Entry]]:
    """What belongs together: the same study at the same place of the same route."""
    groups: dict[Key, list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.route, entry.position, entry.note["uid"]), []).append(entry)
    return groups
