"""The pump: one thread per destination that empties its outbox. A slow or dead destination delays only its own.

Correctness comes from looking into the folder; a wake-up only makes it look sooner. What cannot be sent now waits
longer and longer; what is refused, or has outlived the destination's patience, goes to `on failure` or the hold.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from engine.entry import Entry
from engine.errors import Later, Never
from engine.outbox import Outbox
from engine.program import CLEAN
from engine.schedule import Window

log = logging.getLogger("stellwerk.pump")

WINDOW = 100
"""Entries claimed at a time: for DICOM, what one association carries."""

FIRST_WAIT, LONGEST_WAIT = 10.0, 3600.0
PATIENCE = 3 * 86400.0
TOGETHER = 0.2
"""Seconds for which deliveries may wait to be taken down together."""

LOOK_AGAIN = 30.0
"""The usual Sender.look_again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Delivered; `place` says where, in words for a report."""

    place: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """It has gone on by a promise of its own, and its files with it."""


Result = Sent | Gone | Later | Never
Report = Callable[[Entry, Result], None]


class Sender(Protocol):
    """How one destination is reached."""

    outside: bool
    """Whether what is sent leaves the house, and so must be clean."""
    every: float | None
    """Seconds between two tries, where the rule says so; None doubles from 10 s to an hour."""
    patience: float
    """Seconds after which a promise is given up."""
    look_again: float
    """Seconds after which the pump looks into the outbox even though nobody woke it."""

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim what can be sent now."""

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Send them; report each as soon as its outcome is known. What is never reported is tried again."""


def oldest_first(outbox: Outbox, _now: float) -> list[Entry]:
    """The plain pick: a window of what is owed, oldest first."""
    return outbox.claim(WINDOW)


class Pump:
    """Empties one outbox. `find` answers the sender, or None while the rules have none for it."""

    def __init__(self, outbox: Outbox, find: Callable[[], Sender | None], refuse: Callable[[Entry, str], None]) -> None:
        self.outbox = outbox
        self.trouble = ""
        """Why nothing is getting through at the moment, in words; empty when all is well."""
        self._find, self._refuse = find, refuse
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._failures = 0
        self._paused_until = 0.0

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def resume(self) -> None:
        """Look now, and forget that the destination did not answer: somebody says that it does."""
        self._paused_until = 0.0
        self._failures = 0
        self._wake.set()

    def stop(self) -> None:
        """Finish what is being sent and end."""
        self._stopping.set()
        self._wake.set()

    def loop(self) -> None:
        """Empty the outbox until stopped. Raises what the disk raises; a supervisor starts it again."""
        while not self._stopping.is_set():
            wait = self.turn(time.time())
            if wait > 0:
                self._wake.wait(wait)
            self._wake.clear()

    def turn(self, now: float) -> float:
        """Send what can be sent now; answers in how many seconds to look again (0: at once)."""
        if now < self._paused_until:
            return min(self._paused_until - now, LOOK_AGAIN)
        self.outbox.open_gates()
        due = self.outbox.wake_due(now)
        sender = self._find()
        batch = sender.pick(self.outbox, now) if sender else []
        if sender is None or not batch:
            look_again = sender.look_again if sender else LOOK_AGAIN
            return look_again if due is None else max(0.05, min(due - now, look_again))
        turn = _Turn(self, sender, batch)
        try:
            clean = [entry for entry in batch if turn.is_time(entry, now) and turn.may_leave(entry)]
            if self._failures:
                # Should the first few be what the destination hangs on, the others must not wait behind them for ever.
                random.shuffle(clean)
            if clean:
                sender.send(clean, turn.report, self._stopping.is_set)
        finally:
            turn.note_delivered()
            turn.give_back_rest()
        if turn.tried and turn.tried == turn.postponed:
            self._failures += 1
            self._paused_until = time.time() + self.wait(sender, self._failures)
        elif turn.tried:
            self._failures, self._paused_until, self.trouble = 0, 0.0, ""
        return 0.0

    def wait(self, sender: Sender, tries: int) -> float:
        """Seconds until the next try: as the rule says, or doubling, a fifth more or less so that nothing marches."""
        if sender.every is not None:
            return sender.every
        return float(min(FIRST_WAIT * 2 ** min(tries - 1, 20), LONGEST_WAIT) * random.uniform(0.8, 1.2))

    def refuse(self, entry: Entry, why: str) -> None:
        """Hand an entry to its route's `on failure`, or to the hold."""
        self._refuse(entry, why)


class _Turn:
    """One batch: which entries have an outcome."""

    def __init__(self, pump: Pump, sender: Sender, batch: Sequence[Entry]) -> None:
        self._pump, self._sender = pump, sender
        self._open = {entry.id: entry for entry in batch}
        self._delivered: list[tuple[Entry, str]] = []
        self._noted = 0.0
        self.tried = 0
        self.postponed = 0

    def is_time(self, entry: Entry, now: float) -> bool:
        """Whether its window of time is open; otherwise it waits until it is."""
        if "window" not in entry.note:
            return True
        window, moment = Window.of(entry.note["window"]), datetime.fromtimestamp(now)
        if window.is_open(moment):
            return True
        del self._open[entry.id]
        opening = window.next_opening(moment)
        why = f"waits for {entry.note.get('during', '')}, from {opening:%H:%M}"
        self._pump.outbox.postpone(entry, opening.timestamp(), why)
        return False

    def may_leave(self, entry: Entry) -> bool:
        """The second lock on the door that matters: whatever the compiler said, nothing unclean goes outside."""
        if not self._sender.outside or set(CLEAN) <= set(entry.cleared):
            return True
        del self._open[entry.id]
        self._pump.refuse(entry, f"{entry.outbox} is outside the house, and this object is not cleared to leave it")
        return False

    def report(self, entry: Entry, result: Result) -> None:
        """Take down what became of an entry."""
        if self._open.pop(entry.id, None) is None:
            return
        self.tried += 1
        outbox = self._pump.outbox
        match result:
            case Sent(place):
                self._delivered.append((entry, place))
                if time.monotonic() > self._noted + TOGETHER:
                    self.note_delivered()
            case Gone():
                pass
            case Later(reason=why):
                self._pump.trouble = why
                waited = time.time() - entry.since - entry.closed
                if waited > self._sender.patience:
                    self._pump.refuse(entry, f"given up after {_words(waited)}: {why}")
                    return
                self.postponed += 1
                outbox.retry(entry, time.time() + self._pump.wait(self._sender, entry.tries + 1), why)
                log.warning("%s: %s; tried again later", outbox.name, why)
            case Never(reason=why):
                self._pump.refuse(entry, why)

    def note_delivered(self) -> None:
        """Take down what has been delivered: together, as each time costs a flush of the disk."""
        delivered, self._delivered = self._delivered, []
        if delivered:
            self._pump.outbox.done(delivered)
        self._noted = time.monotonic()

    def give_back_rest(self) -> None:
        """What was claimed and has no outcome is owed as before."""
        for entry in self._open.values():
            self._pump.outbox.give_back(entry)


def _words(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
