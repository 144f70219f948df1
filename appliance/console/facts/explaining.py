"""What rules would make of one image: which routes take it, which almost did, what would be sent where. Nothing leaves.

It tells values of the image, for those who have signed in; it writes nothing down.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance.wording import effect
from engine.bench import DryBench
from engine.condition import All, Any, Named, Not, Reason, describe
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.outcome import Passage
from engine.plan import Plan, prepare
from engine.program import Listener, Program
from engine.run import run

from .changes import lying
from .house import House

DEEPEST = 12
"""Conditions within conditions that are told."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A part of a condition. found: the values that it met; compound: it only joins its parts."""

    text: str
    true: bool
    compound: bool
    found: tuple[str, ...]
    parts: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class RouteFate:
    """How one route would deal with it. almost: the one clause for want of which it does not take it.

    elsewhere: it listens at another way in. failed: why it has no answer or comes to no end.
    written: name of the file, and line.
    """

    name: str
    written: str
    source: str
    taken: bool
    elsewhere: bool
    almost: Clause | None
    reason: Clause | None
    failed: str
    effects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What would become of one image. heard: something listens there. held: why it would be held, where no route says.

    way: by which it would come, as the rules name it.
    """

    way: str
    heard: bool
    refused: str
    held: tuple[str, ...]
    routes: tuple[RouteFate, ...]


@dataclass(frozen=True, slots=True)
class Recent:
    """An image that came lately, without anything of its patient."""

    number: str
    came: str
    source: str
    sender: str
    modality: str


def ways(program: Program) -> list[str]:
    """The ways in that the rules have."""
    return [one.name for one in program.listeners]


def of_file(house: House, program: Program, file: Path, way: str, sender: str = "", called: str = "") -> Explanation:
    """A file, as if it came this way. Raises KeyError for a way that the rules do not have, Never for no DICOM file."""
    listener = next((one for one in program.listeners if one.name == way), None)
    if listener is None:
        raise KeyError(way)
    header = Header.read(file)
    _ = header.dataset  # whatever is no DICOM file shall not be said to be one that no route takes
    return _explained(house, program, Object("tried", file, header, _coming(listener, sender, called)), way)


def of_object(house: House, program: Program, number: str) -> Explanation | None:
    """One that has been received, as it lies here; None where it lies nowhere any more."""
    with house.journals.open() as journal:
        obj = lying(house, journal, number)
    if obj is None:
        return None
    listener = prepare(program).listener(obj.origin)
    way = listener.name if listener else " ".join(str(one) for one in (obj.origin.kind, obj.origin.port) if one)
    return _explained(house, program, obj, way)


def recent(house: House, most: int = 20) -> list[Recent]:
    """The images that came last, newest first, one of each series."""
    with house.journals.open() as journal:
        rows = journal.db.execute(
            "SELECT max(family), max(came) AS last, source, sender, modality FROM (SELECT * FROM objects WHERE told"
            " ORDER BY came DESC LIMIT 500) GROUP BY source, sender, modality, series ORDER BY last DESC LIMIT ?",
            (most,),
        ).fetchall()
    return [Recent(*map(str, row)) for row in rows]


def _coming(listener: Listener, sender: str, called: str) -> Origin:
    now = datetime.now().astimezone().isoformat()
    return Origin(listener.kind, listener.port, sender, called, "", now, folder=listener.folder)


def _explained(house: House, program: Program, obj: Object, way: str) -> Explanation:
    plan = prepare(program)
    heard = plan.listener(obj.origin) is not None
    try:
        bench = DryBench(program, Identities.of(house.settings.data))
        outcome = run(plan, replace(obj, origin=replace(obj.origin, flaw="")), bench, with_reasons=True, through=True)
    except Never as refusal:
        return Explanation(way, heard, refusal.reason, (), ())
    held = tuple(one.note.get("why", "") for one in outcome.deliveries if not one.route)
    return Explanation(way, heard, "", held, tuple(_fate(one, plan, obj.origin) for one in outcome.passages))


def _fate(passage: Passage, plan: Plan, origin: Origin) -> RouteFate:
    listener = plan.listener(origin)
    elsewhere = not passage.taken and (listener is None or listener.name != passage.route.source)
    effects = [effect(one) for one in passage.deliveries]
    if passage.dropped is not None:
        effects.append(f"discard it: {passage.dropped}")
    reason = None if passage.reason is None else _clause(passage.reason)
    return RouteFate(
        passage.route.name,
        Path(passage.route.written).name,
        passage.route.source,
        passage.taken,
        elsewhere,
        None if passage.taken or elsewhere or reason is None else _almost(reason),
        reason,
        passage.failed or "",
        tuple(dict.fromkeys(effects)),
    )


def _clause(reason: Reason, depth: int = 0) -> Clause:
    compound = isinstance(reason.condition, All | Any | Not | Named)
    parts = tuple(_clause(part, depth + 1) for part in reason.parts) if depth < DEEPEST else ()
    return Clause(describe(reason.condition), reason.true, compound, reason.found, parts)


def _almost(clause: Clause) -> Clause | None:
    """The only clause of a conjunction that is not true, as deep as there is only one."""
    wrong = [part for part in clause.parts if not part.true]
    if not clause.compound:
        return clause
    if len(wrong) == 1 and len(clause.parts) > 1:
        return _almost(wrong[0]) or wrong[0]
    return None
