"""Repeats: what the router asks of the arrivals, and how a newer object takes the place of an older one.

It must not know what a route does with a duplicate; that is decided in engine.run.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine.arrivals import Arrival
from engine.duplicates import Seen
from engine.entry import Entry
from engine.numbers import arrival, is_replayed
from engine.object import Object
from engine.outbox import Outbox
from engine.outcome import Outcome
from engine.plan import Plan
from engine.program import REPLACE
from engine.spool import Accepted, Spool
from engine.step import HOLD, TELLING
from engine.window import entries

_MOST_HEARD = 1000

PUT_THERE = ("folder", "outbox")
"""Ways in on which the same bytes are no repetition of a sender's: whoever puts them there again wants them sent."""


class Repeats:
    """The router's view of what has come before. Only the router's thread uses it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._withdrawn: list[tuple[Outbox, Entry]] = []
        self._heard: dict[str, float] = {}

    def look(self, plan: Plan, accepted: Accepted) -> tuple[Seen, Arrival | None]:
        """What is known of earlier arrivals of an object, and itself. Raises OSError."""
        obj = accepted.obj
        at = arrival(obj.id)
        seen, itself = self._spool.arrivals.look(obj, at, plan.digest, plan.dated, accepted.digest)
        if obj.origin.kind in PUT_THERE:
            seen = replace(seen, same="")
        # A copy that nobody knows has no number from before, and is replayed because a person wants it sent.
        return replace(seen, asked=accepted.again or is_replayed(obj.id)), itself

    def note(self, obj: Object, itself: Arrival | None, outcome: Outcome) -> tuple[Path, ...]:
        """Remember an object that is about to be promised; answers the files of older promises that go with that.

        Those are claimed, so that nobody sends them meanwhile, and noted as left out: which is true once the promise is
        valid. `settled` gives back what is not.
        """
        if outcome.duplicate:
            self._hear(obj)
        if itself is None or outcome.duplicate or outcome.discarded is not None or obj.origin.flaw:
            # What a flaw keeps from the rules must not stand in the way of what is sent in its place.
            return ()
        self._spool.arrivals.write(itself, outcome.taken)
        replacing = {p.route.name for p in outcome.passages if p.taken and p.went and p.route.duplicate == REPLACE}
        done: list[Path] = []
        for home, entry in self._owed(itself, replacing):
            why = "other bytes of the same SOP Instance UID have taken its place"
            home.tell_reports(entry, "failed", why)
            home.ending(entry, "left out", why)
            self._withdrawn.append((home, entry))
            # Wherever it is by the time that the promise is settled, it must be gone then.
            done += (*home.files_of(entry), home.place_for(entry) / entry.file.name)
        return tuple(done)

    def heard(self, uid: str) -> float:
        """When an object of this study or series was last dropped as a duplicate: its sender is at it still."""
        return self._heard.get(uid, 0.0)

    def _hear(self, obj: Object) -> None:
        for tag in ("StudyInstanceUID", "SeriesInstanceUID"):
            uid = obj.header.first(tag)
            self._heard.pop(uid, None)
            self._heard[uid] = arrival(obj.id)
        for uid in list(self._heard)[:-_MOST_HEARD]:
            del self._heard[uid]

    def settled(self) -> None:
        """The promises are valid, or have come to nothing: what they were to replace and still lies there is owed."""
        for home, entry in self._withdrawn:
            home.give_back(entry)
        self._withdrawn.clear()

    def _owed(self, itself: Arrival, routes: set[str]) -> Iterator[tuple[Outbox, Entry]]:
        """What these routes still owe of older objects under the same UID, claimed. Reports are sent all the same."""
        older = self._spool.arrivals.earlier(itself.uid, itself.object) if routes else ()
        if not older:
            return
        for name in self._spool.outboxes():
            home = self._spool.outbox(name)
            if name == HOLD or name.endswith(TELLING):
                continue
            for folder in (home.urgent, home.ready, home.again, home.later):
                for file in sorted(name for name in entries(folder) if name.startswith(older)):
                    entry = home.entry(file.removesuffix(".dcm"))
                    if entry is not None and entry.file.parent == folder and entry.route in routes:
                        yield from ((home, claimed) for claimed in home.claim_these([entry]))
