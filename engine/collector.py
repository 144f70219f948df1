"""The collector: empties an outbox in which studies or series are collected, by letting their chains go on.

When one is complete, engine.completeness says; nothing of it may wait for anything then. It must not know how anything
is sent, nor how a destination is asked.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from engine.completeness import Came, Complete, Gathered, Key, complete
from engine.entry import Entry
from engine.gathering import Gathering
from engine.gone import Mark, forget_old, recall, remember
from engine.inquiry import Ask, Inquiries
from engine.outbox import Outbox
from engine.pump import LOOK_AGAIN, PATIENCE, Gone, Report
from engine.receipts import pass_on
from engine.router import REST, Router
from engine.spool import Spool

log = logging.getLogger("stellwerk.collector")

SOON = 0.2
"""Seconds between two looks at least, while something is about to be complete."""

SLICE = 0.25
"""Seconds for which notes are read at a time: at a start there may be very many."""

COSTLY, SHARE = 0.05, 10
"""Seconds of computing from which on a look is so dear that a rest follows it; and that rest, as a multiple of them."""

CLOCK_MOVED = 1.0
"""Seconds by which the clock on the wall may differ from the one that cannot be set; then all is judged anew."""

_TIDY = 3600.0
_NEVER = float("inf")


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
        self._gathering = Gathering()
        self._due: dict[Key, float] = {}
        """When each is to be judged again, if nothing changes before that."""
        self._released: dict[Key, frozenset[str]] = {}
        """The associations for whose end it is waited, where that is enough."""
        self._resting: dict[Key, float] = {}
        self._marks: dict[Key, Mark | None] = {}
        self._why: dict[Key, Complete] = {}
        self._inquiries = Inquiries(ask, self._wake)
        self._tidied = 0.0
        self._rest_until = 0.0
        self._clock_ahead = 0.0
        self._noticed: dict[str, float] = {}
        """When we first saw what, by its own word, comes from the future: the clock has been set back."""

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim what is complete."""
        rest = self._rest_until - time.monotonic()
        if rest > 0:
            self.look_again = rest
            return []
        began = time.thread_time()
        # Asked before looking, and settled between: what is routed meanwhile is either unrouted still or found here.
        looked = time.time()
        open_ones = _Open(self._open_ones(), looked)
        unrouted = self._router.oldest_unrouted()
        # What an interrupted turn has promised must be settled first, or it would be promised twice.
        self._spool.settle()
        outbox.give_back_claimed()
        self._home = outbox
        if not self._gathering.look(outbox, SLICE):
            self.look_again = 0.01  # the rest of the notes, once others have had their turn
            return []
        started = self._seen("", self._router.started, now)
        pass_on(outbox, self._spool, self._gathering.awaited)
        picked: list[Came] = []
        for key in self._to_judge(now, open_ones):
            if not self._gathering.is_free(key):
                self._due[key] = _NEVER  # it is judged when that has changed
                continue
            group = list(self._gathering.groups[key].values())
            mark = self._mark(outbox, key, group)
            group = self._without_held(outbox, group, mark)
            if not group:
                self._due[key] = _NEVER
                continue
            group = [one if one.since <= now else one.at(self._seen(one.id, one.since, now)) for one in group]
            resting = min(self._resting.get(key, 0.0), now + REST)
            gathered = Gathered(
                group, mark.count if mark else 0, self._inquiries.answer(key), min(self._router.heard(key[2]), now)
            )
            if all(terms.released for terms in gathered.terms):
                self._released[key] = frozenset(terms.association for terms in gathered.terms)
            if now < resting:
                again: Complete | float = resting
            elif mark and all(_is_added(one, outbox) for one in group):
                again = Complete("late", gathered.came)
            else:
                again = complete(gathered, now, started, open_ones, unrouted, looked)
            if isinstance(again, Complete):
                self._resting.pop(key, None)
                self._why[key] = again
                picked += group
            else:
                self._due[key] = min(again, self._inquiries.consider(outbox, key, gathered, started, now))
        soonest = min(self._due.values(), default=_NEVER)
        self.look_again = max(min(LOOK_AGAIN, soonest - now), SOON)
        cost = time.thread_time() - began
        self._rest_until = time.monotonic() + SHARE * cost if cost > COSTLY else 0.0
        return outbox.claim_these(list(self._entries(outbox, picked)))

    def _to_judge(self, now: float, open_ones: Collection[str]) -> list[Key]:
        """What has changed, or has been answered, or whose time or associations are over; the rest cannot be complete.

        In the order in which the first of each has come.
        """
        changed = self._gathering.changes() | self._inquiries.news()
        groups = self._gathering.groups
        for key in changed:
            self._released.pop(key, None)
            if key not in groups:
                self._marks.pop(key, None)
                self._due.pop(key, None)
        self._inquiries.forget(groups)
        if self._home is not None and now > self._tidied + _TIDY:
            forget_old(self._home, now)
            self._tidied = now
        self._noticed = {name: at for name, at in self._noticed.items() if not name or self._gathering.has(name)}
        ahead = now - time.monotonic()
        if abs(ahead - self._clock_ahead) > CLOCK_MOVED:
            self._clock_ahead = ahead
            changed = set(groups)
        changed |= {key for key, some in self._released.items() if not any(one in open_ones for one in some)}
        changed |= {key for key, at in self._due.items() if at <= now}
        some = sorted(changed & groups.keys(), key=lambda key: next(iter(groups[key])))
        # Should the disk fail us before all are judged, the others are next time.
        self._due |= dict.fromkeys(some, now)
        return some

    def _entries(self, outbox: Outbox, picked: Sequence[Came]) -> Iterator[Entry]:
        for one in picked:
            entry = outbox.entry(one.id)
            if entry is not None:
                yield entry
                continue
            for stage in outbox.stages:
                if (file := stage / f"{one.id}.dcm").exists():
                    outbox.hold_unread(file)
                    break

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

    def _mark(self, outbox: Outbox, key: Key, group: Sequence[Came]) -> Mark | None:
        """What has gone on before this; read once for each."""
        if key not in self._marks:
            self._marks[key] = recall(outbox, key, {one.id for one in group})
        return self._marks[key]

    def _without_held(self, outbox: Outbox, group: list[Came], mark: Mark | None) -> list[Came]:
        """What may go on of a group; what is late, and to be held then, is held."""
        if mark is None:
            return group
        rest = []
        for one in group:
            if one.terms.late != "hold" or _is_released(one, outbox):
                rest.append(one)
            elif (entry := outbox.entry(one.id)) is not None:
                outbox.hold(entry, "it came after the rest of what it belongs to had gone on, and the rule holds that")
        return rest

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


def _is_added(one: Came, outbox: Outbox) -> bool:
    return one.terms.late == "add" or _is_released(one, outbox)


def _is_released(one: Came, outbox: Outbox) -> bool:
    """Whether a person has released it, out of the hold into which it went for being late."""
    return one.terms.refused_by == outbox.name


def _groups(entries: Sequence[Entry]) -> dict[Key, list[Entry]]:
    """What belongs together: the same study at the same place of the same route."""
    groups: dict[Key, list[Entry]] = {}
    for entry in entries:
        groups.setdefault((entry.route, entry.position, entry.note["uid"]), []).append(entry)
    return groups
