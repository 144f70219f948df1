"""The timeline of a study: what happened to its objects, alike things together, with the first moment and the last."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.journal_tables import number_of
from engine.study_search import objects_of

from .house import House

OBJECTS, MOST = 2000, 20_000
"""Of how many objects, and how many lines of the history are read while somebody waits."""

ROWS = 200
"""Things that are told; of more, the first of them."""

APART = timedelta(hours=1)
"""What happens again after so long is another thing."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to some objects. event, outbox, why as the history says it; count: to how many objects.

    first, last: ISO 8601 in UTC. way, sender: of what was received, by what and from whom. again: it came a second time
    through the rules.
    """

    event: str
    outbox: str
    why: str
    count: int
    first: str
    last: str
    way: str = ""
    sender: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """Oldest first. whole: nothing was left out as there is too much."""

    events: tuple[Event, ...]
    whole: bool


def timeline(house: House, uid: str) -> Timeline:
    """Of a study by its UID."""
    with house.journals.open() as journal:
        chosen = objects_of(journal, uid, OBJECTS + 1)
        passes = {
            number: (family, nth)
            for family in chosen[:OBJECTS]
            for nth, number in enumerate(sorted(journal.family(family)))
        }
        lines = [{name: str(value) for name, value in line.items()} for line in journal.lines_of(list(passes), MOST)]
    together = _together(lines, passes)
    whole = len(chosen) <= OBJECTS and len(lines) < MOST and len(together) <= ROWS
    return Timeline(tuple(together[:ROWS]), whole)


def _together(lines: Iterable[dict[str, str]], passes: Mapping[str, tuple[str, int]]) -> list[Event]:
    """Alike things as one, as long as one follows the other. passes: by number, the object and which pass."""
    done: list[list[dict[str, str]]] = []
    going: dict[tuple[str, ...], list[dict[str, str]]] = {}
    for line in sorted(lines, key=lambda line: line.get("at", "")):
        _, nth = passes[number_of(line.get("object", ""))]
        key = (str(nth), *(line.get(name, "") for name in ("event", "outbox", "why", "source", "sender")))
        some = going.get(key)
        if some is None or not _follows(some[-1], line):
            some = going[key] = []
            done.append(some)
        some.append(line)
    return [_event(some, passes) for some in done]


def _follows(before: dict[str, str], line: dict[str, str]) -> bool:
    try:
        return datetime.fromisoformat(line["at"]) - datetime.fromisoformat(before["at"]) <= APART
    except (KeyError, ValueError):
        return False


def _event(some: list[dict[str, str]], passes: Mapping[str, tuple[str, int]]) -> Event:
    first = some[0]
    objects = {passes[number_of(line.get("object", ""))][0] for line in some}
    return Event(
        first.get("event", ""),
        first.get("outbox", ""),
        first.get("why", ""),
        len(objects),
        first.get("at", ""),
        some[-1].get("at", ""),
        first.get("source", ""),
        first.get("sender", ""),
        bool(first.get("again")),
    )
