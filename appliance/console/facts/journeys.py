"""Journeys: where objects have gone on the graph of the rules that took them in, from the journal and the spool."""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.journal import Journal, portions
from engine.ledger import DELIVERED, MISSING, Kept, families
from engine.numbers import is_replayed
from engine.program import Program
from engine.study_search import objects_of
from engine.vocabulary import vocabulary
from engine.whereabouts import Whereabouts

from .house import House
from .journey import PASSED, Drawing, Pass, Promised, Trace, trace
from .states import lying

MOST = 2000
"""Objects that are followed at once."""

DISCARDED = 300
"""Discarded ones of which the history is asked by which step; of the others it is known that they were."""


@dataclass(frozen=True, slots=True)
class Journey:
    """The ways of some objects through one program. assumed: the program is the one that runs, as theirs is not kept.

    `passes` of `objects` went through it: one that was released or replayed goes several times. replayed: all of them
    were stored copies that went once more.
    """

    program: str
    assumed: bool
    passes: int
    drawing: Drawing
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Journeys:
    """For each program that took some of them in, the newest first. objects: how many are followed."""

    objects: int
    journeys: tuple[Journey, ...]
    lost: int
    """Passes of which nobody has the program any more."""


def of_study(house: House, uid: str) -> Journeys:
    """All objects of a study."""
    with house.journals.open() as journal:
        return _journeys(house, journal, objects_of(journal, uid, MOST))


def of_object(house: House, number: str) -> Journeys:
    """One object, by the number that it had first."""
    with house.journals.open() as journal:
        return _journeys(house, journal, [number])


def through(house: House, uid: str, program: str, edge: tuple[str, str]) -> list[str]:
    """The numbers of a study's objects that went from node to node."""
    with house.journals.open() as journal:
        passes, _ = _passes(journal, objects_of(journal, uid, MOST))
    found = _traces(house, passes).get(program)
    return [] if found is None else sorted(found[0].edges.get(edge, {}))


def live(house: House, program: Program, since: str, most: int = MOST) -> Journey:
    """The newest objects that came since then (ISO 8601, UTC) under this program: what its edges carry now."""
    found, newest = _live(house, program, since, most)
    return Journey(program.digest, False, len(newest), found.drawing())


def through_live(house: House, program: Program, since: str, edge: tuple[str, str], most: int = MOST) -> list[str]:
    """The numbers of those of them that went from node to node, newest first."""
    found, _ = _live(house, program, since, most)
    return sorted(found.edges.get(edge, {}), reverse=True)


def _live(house: House, program: Program, since: str, most: int) -> tuple[Trace, list[Pass]]:
    with house.journals.open() as journal:
        rows = journal.db.execute(
            "SELECT number, family FROM objects WHERE came >= ? AND program = ? ORDER BY came DESC LIMIT ?",
            (since, program.digest, most),
        ).fetchall()
        numbers = {str(number) for number, _ in rows}
        passes, _ = _passes(journal, list(dict.fromkeys(str(family) for _, family in rows)))
    here = [one for of_program in passes.values() for one in of_program if one.number in numbers]
    return trace(program, vocabulary().clears, here), here


def _journeys(house: House, journal: Journal, chosen: Sequence[str]) -> Journeys:
    passes, lost = _passes(journal, chosen)
    newest = sorted(passes, key=lambda digest: max(one.number for one in passes[digest]), reverse=True)
    traces = _traces(house, passes)
    drawn = [
        Journey(
            digest,
            traces[digest][1],
            len(passes[digest]),
            traces[digest][0].drawing(),
            all(is_replayed(one.number) for one in passes[digest]),
        )
        for digest in newest
        if digest in traces
    ]
    without = sum(len(passes[digest]) for digest in newest if digest not in traces)
    return Journeys(len(chosen), tuple(drawn), lost + without)


def _traces(house: House, passes: dict[str, list[Pass]]) -> dict[str, tuple[Trace, bool]]:
    """By program; and whether it is one that is assumed."""
    found = {}
    for digest, some in passes.items():
        program = house.kept(digest) if digest else house.program()
        if program is not None:
            found[digest] = trace(program, vocabulary().clears, some), not digest
    return found


def _passes(journal: Journal, chosen: Sequence[str]) -> tuple[dict[str, list[Pass]], int]:
    """By program; and how many have none, as nothing but a file tells of them."""
    some = dict(families(journal, only=chosen))
    members = [member for of_one in some.values() for member in of_one]
    there = lying(journal, members)
    ways = _ways(journal, [member.number for member in members])
    routes = _routes(journal, [member.number for member in members])
    found: dict[str, list[Pass]] = {}
    asked = 0
    for member in members:
        if not member.told:
            continue
        program, way = ways.get(member.number, ("", ""))
        discarded = ""
        if member.ending == "discarded" and asked < DISCARDED:
            asked += 1
            discarded = _why(journal, member.number)
        promises = tuple(
            Promised(one.entry, one.outbox, routes.get(one.entry, ""), _state(one, there)) for one in member.promises
        )
        found.setdefault(program, []).append(Pass(member.number, way, promises, discarded))
    return found, len(chosen) - len(some)


def _state(promise: Kept, there: Whereabouts) -> str:
    """How a promise stands, in the words of `journey.WORST`."""
    if promise.entry in there.promises:
        return there.promises[promise.entry]
    if promise.ending in ("collected", "released"):
        return PASSED
    if promise.ending == "delivered":
        return DELIVERED
    return promise.ending or MISSING


def _ways(journal: Journal, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Number → the program, and the way in as the history says it."""
    found: dict[str, tuple[str, str]] = {}
    for some, marks in portions(numbers):
        rows = journal.db.execute(f"SELECT number, program, source FROM objects WHERE number IN {marks}", some)
        found |= {str(number): (str(program), str(source)) for number, program, source in rows}
    return found


def _routes(journal: Journal, numbers: Sequence[str]) -> dict[str, str]:
    """Promise → its route."""
    found: dict[str, str] = {}
    for some, marks in portions(numbers):
        rows = journal.db.execute(f"SELECT entry, route FROM promises WHERE number IN {marks}", some)
        found |= {str(entry): str(route) for entry, route in rows}
    return found


def _why(journal: Journal, number: str) -> str:
    lines = [line for line in journal.events(number) if line.get("event") == "discarded"]
    return str(lines[-1].get("why", "")) if lines else ""
