"""What has become of an object: where its promises lie in the spool, and what the history says of those that are kept.

What lies somewhere counts, whatever the history says; of a promise that lies nowhere, its last event is its end.
Reads both and changes neither. It must not know who asks.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.arriving import accepted
from engine.numbers import arrival
from engine.spool import Spool
from engine.step import GATHERING, HOLD, TELLING
from engine.window import entries

ROUTING, WAITING, HELD = "routing", "waiting", "held"
ENDS = {
    "delivered": "delivered",
    "discarded": "discarded",
    "deleted": "deleted",
    "released": "released",
    "left out": "left out",
    "failed": "failed",
    "duplicate": "duplicate",
}
"""Events after which nothing more happens to a promise, and what it is called then."""

_ASKED = 200
"""Notes of waiting promises that are read at a time: why each waits. The others only wait."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What has become of one promise of an object, or of the object itself before and instead of any."""

    state: str
    outbox: str = ""
    why: str = ""
    at: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will happen."""
        return self.state not in (ROUTING, WAITING, HELD)


class Fates:
    """Follows the objects that it is asked for. One thread uses it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._events: dict[str, dict[str, Fate]] = {}
        self._again: dict[str, str] = {}
        """Numbers under which objects go through the rules once more, and the numbers that they had first."""
        self._read: tuple[str, int] | None = None

    def of(self, numbers: Collection[str]) -> Mapping[str, tuple[Fate, ...]]:
        """What has become of each: its promises, the reports about it aside. None known: it has gone on unseen."""
        wanted = frozenset(numbers)
        self._again = {number: first for number, first in self._again.items() if first in wanted}
        # The history is written before a thing leaves its place, so it is read after looking at the places.
        lying: dict[str, dict[str, Fate]] = {}
        for number, promises in _lying(self._spool, wanted | self._again.keys()).items():
            lying.setdefault(self._again.get(number, number), {}).update(promises)
        self._follow(wanted)
        found = {}
        for number in wanted:
            promises = lying.get(number, {})
            ended = [fate for entry, fate in self._events[number].items() if entry not in promises]
            found[number] = tuple(dict.fromkeys((*promises.values(), *ended)))
        return found

    def _follow(self, wanted: frozenset[str]) -> None:
        """Read on in the history; for objects that are new here, it is enough to begin on the day they came."""
        new = wanted - self._events.keys()
        self._events = {number: self._events.get(number, {}) for number in wanted}
        if not wanted:
            self._read = None
        elif self._read is None and new:
            # By the clock in UTC, as the history is kept.
            first = min(arrival(number) for number in new)
            self._read = (f"{datetime.fromtimestamp(first - 1, UTC):%Y-%m-%d}", 0)
        for event in self._lines():
            number = self._again.get(event.get("object", ""), event.get("object", ""))
            if number not in wanted:
                continue
            entry, outbox, state = event.get("entry", ""), event.get("outbox", ""), ENDS.get(event.get("event", ""))
            if event.get("as"):
                self._again[event["as"]] = number
                self._events[number].pop(entry, None)
            elif state and not outbox.endswith((*TELLING, GATHERING)):
                self._events[number][entry] = Fate(state, outbox, event.get("why", ""), event.get("at", ""))

    def _lines(self) -> Iterator[dict[str, str]]:
        """What was added to the history since the last time."""
        if self._read is None:
            return
        folder = self._spool.root / "history"
        day, at = self._read
        for name in sorted(name for name in entries(folder) if name.endswith(".jsonl") and name[:-6] >= day):
            begin = at if name[:-6] == day else 0
            end = begin
            with suppress(OSError), (folder / name).open("rb") as stream:
                stream.seek(begin)
                for line in stream:
                    if not line.endswith(b"\n"):
                        break
                    end += len(line)
                    with suppress(ValueError):
                        yield json.loads(line)
            self._read = (name[:-6], end)


def _lying(spool: Spool, wanted: frozenset[str]) -> dict[str, dict[str, Fate]]:
    """The promises that lie somewhere, by object and entry. Looks in the order in which they travel."""
    found: dict[str, dict[str, Fate]] = {}
    asked = 0
    for number, _ in accepted(spool.incoming):
        if number in wanted:
            found[number] = {"": Fate(ROUTING)}
    for batch in entries(spool.routed):
        for name in entries(spool.routed / batch):
            number = name.partition("-")[0]
            if number in wanted and name.endswith(".dcm"):
                found.setdefault(number, {})[name[:-4]] = Fate(ROUTING)
    for outbox in [*(one for one in spool.outboxes() if one != HOLD), HOLD]:
        if outbox.endswith(TELLING):
            continue
        home = spool.outbox(outbox)
        for stage in dict.fromkeys(home.stages):
            for name in entries(stage):
                number = name.partition("-")[0].removesuffix(".dcm")
                if number not in wanted or not name.endswith(".dcm"):
                    continue
                why = ""
                if asked < _ASKED and stage in (home.later, home.again):
                    entry = home.entry(name[:-4])
                    why, asked = (entry.why if entry else ""), asked + 1
                found.setdefault(number, {})[name[:-4]] = Fate(HELD if outbox == HOLD else WAITING, outbox, why)
    return found
