"""The collector: empties an outbox in which studies or series are collected, by letting their chains go on.

A study is complete when nothing more of it has come for its quiet time, counted anew from our own start; nothing of it
waits for anything; and nothing lies unrouted that might belong to it. It must not know how anything is sent.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.entry import Entry
from engine.outbox import Outbox, names
from engine.pump import LOOK_AGAIN, PATIENCE, Gone, Report
from engine.receipts import pass_on
from engine.router import REST, Router
from engine.spool import Spool

log = logging.getLogger("stellwerk.collector")

SOON = 0.2
"""Seconds between two looks at least, while something is about to be complete."""


class Collector:
    """As engine.pump.Sender. One for each outbox; only its pump calls it."""

    outside = False
    every: float | None = None
    patience = PATIENCE
    look_again = LOOK_AGAIN
    connections = 1

    def __init__(self, spool: Spool, router: Router) -> None:
        self._spool, self._router = spool, router
        self._home: Outbox | None = None
        self._known: dict[Path, Entry] = {}
        """What does not change while it lies where it lies; reading it at every look would be slow."""
        self._resting: dict[tuple[str, str, str], float] = {}

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim what is complete."""
        # Asked before looking, and settled between: what is routed meanwhile is either unrouted still or found here.
        unrouted = self._router.oldest_unrouted()
        # What an interrupted turn has promised must be settled first, or it would be promised twice.
        self._spool.settle()
        outbox.give_back_claimed()
        self._home = outbox
        entries = self._look(outbox)
        pass_on(outbox, self._spool, {number for entry in entries for number in entry.awaits})
        picked: list[Entry] = []
        next_look = LOOK_AGAIN
        for key, group in _groups(entries).items():
            if any(entry.file.parent != outbox.ready for entry in group):
                continue
            quiet = max(float(entry.note["quiet"]) for entry in group)
            complete = max(self._router.started, *(entry.since for entry in group)) + quiet
            complete = max(complete, self._resting.get(key, 0.0))
            if now < complete:
                next_look = min(next_look, complete - now)
            elif unrouted is not None and unrouted < complete:
                next_look = min(next_look, SOON)
            else:
                self._resting.pop(key, None)
                picked += group
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
            try:
                self._router.go_on(home, group)
            except (OSError, MemoryError) as error:
                self._resting[key] = time.time() + REST
                log.error("%s: %d objects cannot go on now (%s); again in %.0f s", home.name, len(group), error, REST)
                # It may have failed after the promise had become valid: then they are gone once it is settled.
                with contextlib.suppress(OSError):
                    self._spool.settle()
            for entry in group:
                if not entry.file.exists():
                    report(entry, Gone())

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
        return list(known.values())


def _groups(entries: Sequence[Entry]) -> dict[tuple[str, str, str], list[Entry]]:
    """What belongs together: the same study at the same place of the same route."""
    groups: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.route, entry.position, entry.note["uid"]), []).append(entry)
    return groups
