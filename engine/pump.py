"""The pump: empties the outbox of one destination, with a thread for each of its connections. A slow or dead one
delays only its own.

Correctness comes from looking into the folder; a wake-up only makes it look sooner. What cannot be sent now waits
longer and longer; what is refused, or has outlived the destination's patience, goes to `on failure` or the hold.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, runtime_checkable

from engine.entry import IN_DOUBT, Entry
from engine.errors import Later, Never, Unknown
from engine.outbox import STALE, Outbox
from engine.program import CLEAN
from engine.schedule import Window

log = logging.getLogger("stellwerk.pump")

WINDOW = 100
"""Entries claimed at a time: for DICOM, what one association carries."""

FIRST_WAIT, LONGEST_WAIT = 10.0, 3600.0
PATIENCE = 3 * 86400.0
TOGETHER = 0.2
"""Seconds for which deliveries may wait to be taken down together."""

CLOCK_SET = 60.0
"""Seconds between two looks by which the clock on the wall may differ from the one that cannot be set."""

LOOK_AGAIN = 30.0
"""The usual Sender.look_again."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Delivered; `place` says where, in words for a report."""

    place: str = ""


@dataclass(frozen=True, slots=True)
class Gone:
    """It has gone on by a promise of its own, and its files with it."""


@dataclass(frozen=True, slots=True)
class Stored:
    """Sent, surely or perhaps; its destination has still to commit to it, and is asked again when it is due."""

    due: float
    why: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Interrupted:
    """It was being sent when we were to stop, and may have arrived."""


Result = Sent | Gone | Stored | Interrupted | Later | Never
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
    connections: int
    """How many threads may send at once."""

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim what can be sent now."""

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Send them; report each as soon as its outcome is known. What is never reported is tried again."""


@runtime_checkable
class Keeping(Protocol):
    """A sender that keeps something open between batches."""

    def close(self) -> None:
        """It is not asked any more, though a batch may still be under way."""


def oldest_first(outbox: Outbox, _now: float) -> list[Entry]:
    """The plain pick: a window of what is owed, oldest first."""
    return outbox.claim(WINDOW)


class Bell:
    """Wakes every thread that waits for it, and those that were just about to."""

    def __init__(self) -> None:
        self._rung = 0
        self._condition = threading.Condition()

    def ring(self) -> None:
        """Wake them."""
        with self._condition:
            self._rung += 1
            self._condition.notify_all()

    def wait(self, heard: int, seconds: float) -> int:
        """Wait until it rings more often than that, or for so long; answers how often it has rung."""
        with self._condition:
            self._condition.wait_for(lambda: self._rung > heard, seconds)
            return self._rung


class Pump:
    """Empties one outbox. `find` answers the sender, or None while the rules have none for it."""

    def __init__(self, outbox: Outbox, find: Callable[[], Sender | None], refuse: Callable[[Entry, str], None]) -> None:
        self.outbox = outbox
        self.trouble = ""
        """Why nothing is getting through at the moment, in words; empty when all is well."""
        self._find, self._refuse = find, refuse
        self._bell = Bell()
        self._stopping = threading.Event()
        self._claiming = threading.Lock()
        self._in_hand: set[str] = set()
        """Ids of the entries that are being sent."""
        self._failures = 0
        self._failed_at = 0.0
        self._paused_until = 0.0
        self._look_at_stale = 0.0
        self._clock_ahead: float | None = None

    def wake(self) -> None:
        """Look now."""
        self._bell.ring()

    def resume(self) -> None:
        """Look now, and forget that the destination did not answer: somebody says that it does."""
        self._paused_until = 0.0
        self._failures = 0
        self._bell.ring()

    def try_again(self) -> None:
        """Send now what was tried before and waits for its time: a person has done something about it."""
        with self._claiming:
            self.outbox.wake_all()
        self.resume()

    def stop(self) -> None:
        """Finish what is being sent and end."""
        self._stopping.set()
        self._bell.ring()

    def loop(self, worker: int = 0) -> None:
        """Empty the outbox until stopped. Raises what the disk raises; a supervisor starts it again."""
        heard = 0
        while not self._stopping.is_set():
            sender = self._find() if worker else None
            idle = worker > 0 and (sender is None or worker >= sender.connections)
            wait = LOOK_AGAIN if idle else self.turn(time.time())
            if wait > 0:
                heard = self._bell.wait(heard, wait)

    def turn(self, now: float) -> float:
        """Send what can be sent now; answers in how many seconds to look again (0: at once)."""
        sender = self._find()
        with self._claiming:
            self._mind_the_clock(now)
            if now < self._paused_until:
                return min(self._paused_until - now, LOOK_AGAIN)
            self._mind_the_stale()
            self.outbox.open_gates()
            due = self.outbox.wake_due(now)
            batch = sender.pick(self.outbox, now) if sender else []
            if sender is None or not batch:
                self.outbox.give_back_stale(self._in_hand)
                look_again = sender.look_again if sender else LOOK_AGAIN
                return look_again if due is None else max(0.05, min(due - now, look_again))
            self._in_hand |= {entry.id for entry in batch}
        try:
            self._send(sender, batch, now)
        finally:
            with self._claiming:
                self._in_hand -= {entry.id for entry in batch}
        return 0.0

    def _send(self, sender: Sender, batch: Sequence[Entry], now: float) -> None:
        began = time.monotonic()
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
        with self._claiming:
            if turn.tried and turn.tried == turn.postponed:
                # Several connections that fail at once are one failure.
                self._failures += began >= self._failed_at
                self._failed_at = time.monotonic()
                self._paused_until = time.time() + self.wait(sender, self._failures)
            elif turn.tried:
                self._failures, self._paused_until, self.trouble = 0, 0.0, ""

    def _mind_the_clock(self, now: float) -> None:
        """When the clock was set, no time that was kept means anything: look at everything now."""
        ahead = now - time.monotonic()
        was, self._clock_ahead = self._clock_ahead, ahead
        if was is not None and abs(ahead - was) > CLOCK_SET:
            log.warning("%s: the clock was set; what waits for its time is looked at anew", self.outbox.name)
            self._paused_until = 0.0
            self.outbox.wake_all()

    def _mind_the_stale(self) -> None:
        """What nobody has in hand is looked for now and then, also where there is always something to send."""
        if time.monotonic() >= self._look_at_stale:
            self._look_at_stale = time.monotonic() + STALE
            self.outbox.give_back_stale(self._in_hand)

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
        self.tried += not isinstance(result, Interrupted)
        outbox = self._pump.outbox
        match result:
            case Sent(place):
                self._delivered.append((entry, place))
                if time.monotonic() > self._noted + TOGETHER:
                    self.note_delivered()
            case Gone():
                pass
            case Stored(due, why, sure):
                if not self._is_given_up(entry, why):
                    outbox.wait_for_word(entry, due, why, sure=sure)
            case Interrupted():
                outbox.give_back(entry, in_doubt=True)
            case Later(reason=why):
                self._pump.trouble = why
                if self._is_given_up(entry, why):
                    return
                self.postponed += 1
                entry = replace(entry, sent=IN_DOUBT if isinstance(result, Unknown) else "")
                outbox.retry(entry, time.time() + self._pump.wait(self._sender, entry.tries + 1), why)
                log.warning("%s: %s; tried again later", outbox.name, why)
            case Never(reason=why):
                self._pump.refuse(entry, why)

    def _is_given_up(self, entry: Entry, why: str) -> bool:
        """Whether its destination's patience is over; then it is refused."""
        waited = time.time() - entry.since - entry.closed
        if waited <= self._sender.patience:
            return False
        self._pump.refuse(entry, f"given up after {_words(waited)}: {why}")
        return True

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
