"""What would change: other rules tried on the images that came last, beside those that run. Nothing leaves.

Copies in an archive are tried as they were stored: what a rule had blackened or changed before that, is so here. What
is told names outboxes and reasons, no folder and no patient.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.rulebook import Instead, NoRules, RuleBook
from appliance.settings import Settings
from appliance.wording import effects
from dsl.changeover import changeover
from dsl.compile import Compiled
from engine.bench import DryBench
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.journal import Journal
from engine.object import Object, Origin
from engine.plan import Plan, prepare
from engine.program import Program, difference
from engine.run import run
from engine.step import HOLD

from .house import House
from .journals import Progress

MOST, SECONDS = 1000, 30.0
NAMED = 20
"""Objects of one difference that are named."""

NOT_RECEIVED = "not be received: nothing listens there"


@dataclass(frozen=True, slots=True)
class Differing:
    """What would become of some objects otherwise: by which way they came, what falls away, what is new."""

    way: str
    lost: tuple[str, ...]
    won: tuple[str, ...]
    count: int
    objects: tuple[str, ...]
    """The numbers of some of them, newest first."""


@dataclass(frozen=True, slots=True)
class Preview:
    """tried: on how many objects; differ: how many of them would fare otherwise. skipped: of how many nothing is known.

    whole: not ended for want of time. changed: kind of thing → what is added, removed, changed, by name.
    """

    tried: int
    differ: int
    skipped: int
    whole: bool
    same: bool
    """Both rules mean the same."""
    changed: Mapping[str, Mapping[str, tuple[str, ...]]]
    groups: tuple[Differing, ...]
    journal: Progress


def compiled(house: House, instead: Instead) -> Compiled:
    """Rules with these texts in place of those of their files, judged as the appliance would when they are to run.

    Raises appliance.rulebook.NoRules where there would be none.
    """
    result = book(house.settings).compile_to_run(instead=instead)
    running = house.program()
    return result if running is None else changeover(result, running, _owed(house, running))


def book(settings: Settings) -> RuleBook:
    """The rule files."""
    return RuleBook(settings.rules_path, settings.own_folders)


def preview(
    house: House,
    new: Program,
    most: int = MOST,
    seconds: float = SECONDS,
    stop: Callable[[], bool] = lambda: False,
) -> Preview:
    """The newest objects by the rules that run and by the new ones. Takes seconds; for a thread of its own.

    Raises appliance.rulebook.NoRules where none have ever run here.
    """
    old = house.program()
    if old is None:
        raise NoRules("no rules have ever run here, so there is nothing to compare with")
    identities = Identities.of(house.settings.data)
    before, after = (Tried.of(program, identities) for program in (old, new))
    end = time.monotonic() + seconds
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    tried = skipped = 0
    whole = True
    with house.journals.open() as journal:
        for obj in newest(house, journal, most):
            if stop() or time.monotonic() > end:
                whole = False
                break
            if isinstance(obj, str):
                skipped += 1
                continue
            tried += 1
            lost, won = differing(before.fate(obj), after.fate(obj))
            if lost or won:
                groups.setdefault((way_of(obj.origin), lost, won), []).append(obj.id)
    found = [Differing(*said, len(some), tuple(some[:NAMED])) for said, some in groups.items()]
    found.sort(key=lambda one: -one.count)
    changed = {
        kind: {"added": change.added, "removed": change.removed, "changed": change.changed}
        for kind, change in difference(old, new).items()
        if change
    }
    differ = sum(one.count for one in found)
    progress = house.journals.progress
    return Preview(tried, differ, skipped, whole, old.digest == new.digest, changed, tuple(found), progress)


@dataclass(frozen=True, slots=True)
class Tried:
    """One of the two programs, ready to be tried on objects."""

    plan: Plan
    bench: DryBench

    @classmethod
    def of(cls, program: Program, identities: Identities) -> "Tried":
        """Of these rules, with the key and the tables of this house."""
        return cls(prepare(program), DryBench(program, identities))

    def fate(self, obj: Object) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What would become of an object: with the folders of an archive, and without."""
        if self.plan.listener(obj.origin) is None and self.plan.unwritten_for(obj.origin) is None:
            return (NOT_RECEIVED,), (NOT_RECEIVED,)
        try:
            outcome = run(self.plan, obj, self.bench, through=True)
        except Never as refusal:
            held = (f"hold it: {refusal.reason}",)
            return held, held
        except OSError:
            # A copy may be purged just now.
            return (), ()
        return effects(outcome), effects(outcome, places=False)


def differing(
    before: tuple[tuple[str, ...], tuple[str, ...]], after: tuple[tuple[str, ...], tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What falls away and what is new, without a folder's name. Of two answers of `Tried.fate`."""
    if before[0] == after[0]:
        return (), ()
    lost = tuple(one for one in before[1] if one not in after[1])
    won = tuple(one for one in after[1] if one not in before[1])
    if lost or won:
        return lost, won
    stored = tuple(one for one in after[1] if one.startswith("store in "))
    return stored, tuple(f"{one}, in another folder" for one in stored)


def lying(house: House, journal: Journal, number: str) -> Object | None:
    """One object by its number, from where it lies; None where it lies nowhere any more."""
    row = journal.db.execute(
        "SELECT family, source, sender, called, address, came FROM objects WHERE number = ?", (number,)
    ).fetchone()
    found = None if row is None else object_of(house, journal, *map(str, row))
    return found if isinstance(found, Object) else None


def newest(house: House, journal: Journal, most: int) -> Iterator[Object | str]:
    """The objects that came last, newest first, each from where it lies; its number where it lies nowhere."""
    rows = journal.db.execute(
        "SELECT family, source, sender, called, address, max(came) AS last FROM objects WHERE told"
        " AND came >= (SELECT min(came) FROM (SELECT came FROM objects ORDER BY came DESC LIMIT ?))"
        " GROUP BY family ORDER BY last DESC LIMIT ?",
        (2 * most, most),
    ).fetchall()
    for row in rows:
        yield object_of(house, journal, *map(str, row))


def object_of(
    house: House, journal: Journal, number: str, source: str, sender: str, called: str, address: str, came: str
) -> Object | str:
    """An object with a row of the journal, from where it lies; its number where it lies nowhere."""
    file, origin = _file(house, journal, number)
    if file is None:
        return number
    if origin is None:
        origin = origin_of(source, sender, called, address, came)
    return Object(number, file, Header.read(file), replace(origin, flaw=""))


def _file(house: House, journal: Journal, family: str) -> tuple[Path | None, Origin | None]:
    """Where an object lies: in the spool with its note, or in an archive."""
    stored = journal.db.execute(
        "SELECT c.outbox, c.place FROM copies c JOIN objects o ON o.number = c.number WHERE o.family = ?", (family,)
    ).fetchall()
    for outbox, place in stored:
        path = house.settings.archive_folder(str(outbox).removesuffix(".store")) / str(place)
        if path.is_file():
            return path, None
    owed = journal.db.execute(
        "SELECT p.entry, p.outbox FROM promises p JOIN objects o ON o.number = p.number"
        " WHERE o.family = ? AND p.ending = '' AND p.outbox <> ''",
        (family,),
    ).fetchall()
    known = set(house.spool.outboxes())
    for entry, outbox in owed:
        for name in (str(outbox), HOLD):
            found = house.spool.outbox(name).entry(str(entry)) if name in known else None
            if found is not None:
                return found.file, found.origin
    return None, None


def origin_of(source: str, sender: str, called: str, address: str, came: str) -> Origin:
    """How an object came, as the journal has it."""
    kind, _, where = source.partition(" ")
    if kind in ("outbox", "folder"):
        return Origin(kind, received=came, folder=where)
    return Origin(kind or "unknown", int(where) if where.isdecimal() else None, sender, called, address, came)


def way_of(origin: Origin) -> str:
    """How an object came, as rules write it."""
    return f"{origin.kind} {origin.folder}" if origin.folder else f"port {origin.port}"


def _owed(house: House, program: Program) -> dict[str, int]:
    """How many objects wait for each destination of a program."""
    there = set(house.spool.outboxes()) if house.settings.spool.is_dir() else set()
    names = [one.name for one in program.destinations if one.name in there]
    return {name: sum(house.spool.outbox(name).count().values()) for name in names}
