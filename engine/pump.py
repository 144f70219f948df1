"""The pump: empties the outbox of one destination, with a thread for each of its connections. A slow or dead one
delays only its own.

Correctness comes from looking into the folder; a wake-up only makes it look sooner. What cannot be sent now waits
longer and longer; what is refused, or has outlived the destination's patience, goes to `on failure` or the hold. A
destination that takes nothing is offered little.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, runtime_checkable

from engine.enough import FEW
from engine.entry import IN_DOUBT, Entry
from engine.errors import Later, Never, Unknown
from engine.outbox import STALE, Outbox
from engine.program import CLEAN
from engine.schedule import Window

log = logging.getLogger("stellwerk.pump")

WINDOW = 100
"""Entries claimed at a time, where the destination takes them: for DICOM, what one association carries."""

FIRST_WAIT, LONGEST_WAIT = 10.0, 3600.0
PATIENCE = 3 * 86400.0
FIRST_REST, LONGEST_REST = 1.0, 10.0
"""Seconds between two batches, as long as all that is tried is refused for good."""

TOGETHER = 0.2
"""Seconds for which outcomes may wait to be taken down together."""

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

    def __init__(
        self,
        outbox: Outbox,
        find: Callable[[], Sender | None],
        refuse: Callable[[Sequence[tuple[Entry, str]]], None],
    ) -> None:
        """refuse: hands entries, each with the reason, to their routes' `on failure`, or to the hold."""
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
        self._takes_nothing = True
        """As far as is known: nothing has been sent yet, or nothing was taken of what was sent last."""
        self._rests = 0
        """How many batches were refused one after the other, all of each."""
        self._failed_at = 0.0
        self._paused_until = 0.0
        self._is_paused = False
        self._look_at_stale = 0.0
        self._clock_ahead: float | None = None

    def wake(self) -> None:
        """Look now."""
        self._bell.ring()

    def resume(self, *, by_hand: bool = False) -> None:
        """Look now, and forget that the destination did not answer, or took nothing: somebody says that it does.

        by_hand: a person says so, which also ends what `pause` has begun.
        """
        self._is_paused = self._is_paused and not by_hand
        self._paused_until = 0.0
        self._failures = 0
        self._forget_refusals()
        self._bell.ring()

    def try_again(self) -> None:
        """Send now what was tried before and waits for its time: a person has done something about it."""
        with self._claiming:
            self.outbox.wake_all()
        self.resume()

    def pause(self) -> None:
        """Finish what is being sent, and send nothing until a person resumes it, whatever else happens."""
        self._is_paused = True

    @property
    def paused_until(self) -> float:
        """When it is tried again, in seconds since 1970; 0 where nothing is waited for."""
        return self._paused_until

    @property
    def in_hand(self) -> int:
        """How many entries are being sent."""
        return len(self._in_hand)

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
            if self._is_paused:
                return LOOK_AGAIN
            if now < self._paused_until:
                return min(self._paused_until - now, LOOK_AGAIN)
            self._mind_the_stale()
            self.outbox.open_gates()
            due = self.outbox.wake_due(now)
            self.outbox.few = FEW if self._takes_nothing else None
            batch = sender.pick(self.outbox, now) if sender else []
            if sender is None or not batch:
                self.outbox.give_back_stale(self._in_hand)
                if not self._in_hand:
                    self._forget_refusals()  # nothing is kept waiting by them any more
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
            turn.take_down()
            if self._failures:
                # Should the first few be what the destination hangs on, the others must not wait behind them for ever.
                random.shuffle(clean)
            if clean:
                sender.send(clean, turn.report, self._stopping.is_set)
        finally:
            turn.take_down()
            turn.give_back_rest()
        with self._claiming:
            self._judge(sender, turn, began)

    def _judge(self, sender: Sender, turn: "_Turn", began: float) -> None:
        """What a batch says of its destination: it takes something, or is away, or refuses all that it is sent."""
        self._takes_nothing = not turn.taken and (turn.postponed or turn.refused or turn.given_up) > 0
        if turn.taken or turn.given_up:
            self._failures, self._rests, self._paused_until, self.trouble = 0, 0, 0.0, ""
        elif turn.postponed or turn.refused:
            # Several connections that fail at once are one failure.
            one_more = began >= self._failed_at
            self._failed_at = time.monotonic()
            if turn.postponed:
                self._failures += one_more
                self._rests = 0
                pause = self.wait(sender, self._failures)
            else:
                self._rests += one_more
                pause = min(FIRST_REST * 2 ** min(self._rests - 1, 20), LONGEST_REST)
                self.trouble = f"it refuses all that it is sent, so a few are tried every {pause:.0f} s: {turn.why}"
            self._paused_until = time.time() + pause

    def _forget_refusals(self) -> None:
        if self._rests:
            self._rests, self._paused_until, self.trouble = 0, 0.0, ""

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

    def refuse(self, refused: Sequence[tuple[Entry, str]]) -> None:
        """Hand entries, each with the reason, to their routes' `on failure`, or to the hold."""
        self._refuse(refused)


class _Turn:
    """One batch: which entries have an outcome."""

    def __init__(self, pump: Pump, sender: Sender, batch: Sequence[Entry]) -> None:
        self._pump, self._sender = pump, sender
        self._open = {entry.id: entry for entry in batch}
        self._delivered: list[tuple[Entry, str]] = []
        self._refused: list[tuple[Entry, str]] = []
        self._later: list[tuple[Entry, float, str]] = []
        self._closed: list[tuple[Entry, float, str]] = []
        self._stored: list[tuple[Entry, float, str, bool]] = []
        self._began, self._noted = time.monotonic(), 0.0
        self.taken = self.postponed = self.refused = self.given_up = 0
        """How many the destination took, could not take now, refused; how many have outlived its patience."""
        self.why = ""
        """Why it has refused the last."""

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
        self._closed.append((entry, opening.timestamp(), why))
        return False

    def may_leave(self, entry: Entry) -> bool:
        """The second lock on the door that matters: whatever the compiler said, nothing unclean goes outside."""
        if not self._sender.outside or set(CLEAN) <= set(entry.cleared):
            return True
        del self._open[entry.id]
        why = f"{entry.outbox} is outside the house, and this object is not cleared to leave it"
        self._refused.append((entry, why))
        return False

    def report(self, entry: Entry, result: Result) -> None:
        """Take down what became of an entry."""
        if self._open.pop(entry.id, None) is None:
            return
        outbox = self._pump.outbox
        self.taken += isinstance(result, Sent | Gone | Stored)
        match result:
            case Sent(place):
                self._delivered.append((entry, place))
            case Gone():
                pass
            case Stored(due, why, sure):
                if not self._is_given_up(entry, why):
                    self._stored.append((entry, due, why, sure))
            case Interrupted():
                outbox.give_back(entry, in_doubt=True)
            case Later(reason=why):
                self._pump.trouble = why
                if not self._is_given_up(entry, why):
                    self.postponed += 1
                    entry = replace(entry, sent=IN_DOUBT if isinstance(result, Unknown) else "")
                    due = time.time() + self._pump.wait(self._sender, entry.tries + 1)
                    self._later.append((entry, due, why))
            case Never(reason=why):
                self.refused += 1
                self.why = why
                self._refused.append((entry, why))
        # A delivery that is not taken down may be made twice, so the first is at once; nothing hangs on the others.
        last = self._noted if self._delivered else max(self._noted, self._began)
        if time.monotonic() > last + TOGETHER:
            self.take_down()

    def _is_given_up(self, entry: Entry, why: str) -> bool:
        """Whether its destination's patience is over; then it is refused."""
        waited = time.time() - entry.since - entry.closed
        if waited <= self._sender.patience:
            return False
        self.given_up += 1
        self._refused.append((entry, f"given up after {_words(waited)}: {why}"))
        return True

    def take_down(self) -> None:
        """Take down what has become of entries: together, as each time costs flushes of the disk."""
        outbox = self._pump.outbox
        delivered, self._delivered = self._delivered, []
        refused, self._refused = self._refused, []
        later, self._later = self._later, []
        closed, self._closed = self._closed, []
        stored, self._stored = self._stored, []
        # Each of them, whatever keeps the others from being taken down. The last one is the first to be done.
        with contextlib.ExitStack() as stack:
            if refused:
                stack.callback(self._pump.refuse, refused)
            if closed:
                stack.callback(outbox.postpone, closed)
            if stored:
                stack.callback(outbox.wait_for_word, stored)
            if later:
                stack.callback(outbox.retry, later)
            if delivered:
                stack.callback(outbox.done, delivered)
        for why in dict.fromkeys(why for _, _, why in later):
            log.warning("%s: %s; tried again later", outbox.name, why)
        if delivered or refused or later or closed or stored:
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
