"""Repeats: what the router asks of the arrivals, and how a newer object takes the place of an older one.

It must not know what a route does with a duplicate; that is decided in engine.run.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from engine.arrivals import Arrival
from engine.duplicates import Seen
from engine.entry import Entry
from engine.graph import sinks
from engine.numbers import arrival, is_replayed
from engine.object import Object
from engine.outbox import Outbox
from engine.outcome import Outcome, delivery_id
from engine.parameters import Unit
from engine.plan import Plan
from engine.program import REPLACE, Chain, Choose, Program, Route
from engine.spool import Accepted, Spool
from engine.step import GATHERING, HOLD, REVIEW, TELLING
from engine.window import entries

_MOST_HEARD = 1000
_PROGRAMS = 8
"""Former programs that are kept in memory."""

PUT_THERE = ("folder", "outbox")
"""Ways in on which the same bytes are no repetition of a sender's: whoever puts them there again wants them sent."""


class Repeats:
    """The router's view of what has come before. Only the router's thread uses it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._withdrawn: list[tuple[Outbox, Entry]] = []
        self._heard: dict[str, float] = {}
        self._programs: dict[str, Program] = {}

    def look(self, plan: Plan, accepted: Accepted) -> tuple[Seen, Arrival | None]:
        """What is known of earlier arrivals of an object, and itself. Raises OSError."""
        obj = accepted.obj
        at = arrival(obj.id)
        seen, itself = self._spool.arrivals.look(obj, at, plan.digest, plan.dated, accepted.digest)
        if obj.origin.kind in PUT_THERE:
            seen = replace(seen, same="")
        # A copy that nobody knows has no number from before, and is replayed because a person wants it sent.
        asked = accepted.again or is_replayed(obj.id)
        return replace(seen, asked=True) if asked else seen, itself

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
        there = set(self._spool.outboxes()) if older else set()
        for one in older:
            for name, number in self._promised_for(one, routes):
                if name not in there or name == HOLD or name.endswith(TELLING):
                    continue
                home = self._spool.outbox(name)
                entry = home.entry(number)
                owed = (home.urgent, home.ready, home.again, home.later)
                if entry is not None and entry.file.parent in owed and entry.route in routes:
                    yield from ((home, claimed) for claimed in home.claim_these([entry]))

    def _promised_for(self, one: Arrival, routes: set[str]) -> Iterator[tuple[str, str]]:
        """Outbox and id of all that these routes can have promised for an object: an outbox may owe 100,000 others."""
        program = self._programs.get(one.program) or self._read(one.program)
        if program is not None:
            for name in routes:
                for position, outbox in promises(program.route(name)):
                    yield outbox, delivery_id(one.object, name, position, outbox)
            return
        for name in self._spool.outboxes():
            home = self._spool.outbox(name)
            for folder in (home.urgent, home.ready, home.again, home.later):
                for file in [file for file in entries(folder) if file.startswith(one.object)]:
                    yield name, file.removesuffix(".dcm")

    def _read(self, digest: str) -> Program | None:
        """The program by which something came in; None where it is no longer kept, or cannot be read."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            program = self._spool.program(digest)
            if program is not None:
                self._programs = dict(list(self._programs.items())[1 - _PROGRAMS :]) | {digest: program}
            return program
        return None


def promises(route: Route | None) -> Iterator[tuple[str, str]]:
    """Position and outbox of everything that a route and its `on failure` can promise, reports too."""
    if route is not None:
        yield from _promises(route.chain, "")
        yield from _promises(route.failure or (), "f")


def _promises(chain: Chain, at: str) -> Iterator[tuple[str, str]]:
    for number, node in enumerate(chain, 1):
        position = f"{at}.{number}".lstrip(".")
        if isinstance(node, Choose):
            for case, inner in enumerate((node.otherwise or (), *(case.chain for case in node.cases))):
                yield from _promises(inner, f"{position}.{case}")
        elif node.step == "collect":
            yield position, f"{Unit.of(node.arguments['unit']).name}{GATHERING}"
        elif node.step == "review":
            yield position, REVIEW
        else:
            yield from ((position, outbox) for outbox in sinks(node))
