"""Studies: search, one study with its series and objects, one object with all that has happened to it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.journal import Journal, portions
from engine.journal_search import copies, named, path
from engine.journal_tables import number_of
from engine.study_search import Asked, Study, numbered, objects_of, study
from engine.whereabouts import HELD, WAITING

from .house import House
from .journals import Progress
from .standing import find_standing
from .states import open_promises, states

MOST, LISTED = 5000, 1500
"""Objects of which it is found out what has become of them, while somebody waits for one study, or for a list."""

PAGE, PAGE_MOST = 50, 200


_COLUMNS = {"came": "came", "sender": "sender", "name": "name", "patient": "id", "birth": "birth", "study": "study"}
_COLUMNS |= {"series": "series", "sop": "sop", "sop_class": "class", "date": "date", "modality": "modality"}
_COLUMNS |= {"accession": "accession", "institution": "institution", "physician": "physician"}
"""What is told of an object, and the column of the journal in which it stands."""


@dataclass(frozen=True, slots=True)
class StudyLine:
    """A study in a list. states: how many objects by the ledger's words; None where there are too many to ask now.

    waits: for which outboxes how many of them wait; none of it is told where `states` is not.
    """

    study: Study
    states: dict[str, int] | None
    waits: dict[str, int]


@dataclass(frozen=True, slots=True)
class StudyPage:
    """A page of a search; `next`, `whole` and `back_to` as in engine.study_search.Found."""

    studies: tuple[StudyLine, ...]
    next: str
    """What the next page is asked with; empty where there is none."""
    whole: bool
    back_to: str
    journal: Progress


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a study: its UID, and how many objects by the ledger's words."""

    uid: str
    modality: str
    objects: int
    states: dict[str, int]


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """One study. shown: of how many objects the rest speaks, where it has very many.

    waits: for which outboxes how many of them wait. held: entries of the hold. stored: how many have a copy here.
    """

    study: Study
    states: dict[str, int]
    waits: dict[str, int]
    held: tuple[str, ...]
    stored: int
    series: tuple[Series, ...]
    shown: int


@dataclass(frozen=True, slots=True)
class ObjectLine:
    """An object in a list: its number, when it came (ISO 8601, UTC), which it is, and what has become of it."""

    number: str
    came: str
    sop: str
    series: str
    modality: str
    state: str


@dataclass(frozen=True, slots=True)
class ObjectPage:
    """A page of a study's objects, in the order in which they came."""

    objects: tuple[ObjectLine, ...]
    next: str


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of the history. number: under which of its numbers it happened, where it has had several."""

    at: str
    event: str
    number: str
    outbox: str
    why: str
    route: str
    rule: str
    tries: int
    more: dict[str, str]
    """What else it says: by what and from whom it came, into what it was transcoded."""


@dataclass(frozen=True, slots=True)
class ObjectFacts:
    """One object: whose image it is, all that happened to it, oldest first, and where copies of it were stored."""

    number: str
    state: str
    came: str
    sender: str
    name: str
    patient: str
    birth: str
    study: str
    series: str
    sop: str
    sop_class: str
    date: str
    modality: str
    accession: str
    institution: str
    physician: str
    """The referring one."""
    events: tuple[Happened, ...]
    copies: tuple[tuple[str, str], ...]
    held: tuple[str, ...]
    """Its entries in the hold."""
    in_study: int | None
    """The number of its study; None where its header has said nothing."""


def search(house: House, asked: Asked, after: str = "", most: int = PAGE, standing: str = "") -> StudyPage:
    """The newest studies that fit. after: `next` of the page before. standing: only those of which something is so,
    one of appliance.console.facts.standing.STANDINGS. Raises ValueError for what is no such thing.
    """
    before = int(after) if after else 0
    with house.journals.open() as journal:
        found = find_standing(house, journal, asked, before, min(max(most, 1), PAGE_MOST), standing)
        room = LISTED
        chosen: dict[str, list[str]] = {}
        for one in found.studies:
            if one.objects <= room:
                room -= one.objects
                chosen[one.uid] = objects_of(journal, one.uid, LISTED)
        by_object = states(journal, [number for of_one in chosen.values() for number in of_one])
        waiting = open_promises(journal, [number for number, state in by_object.items() if state == WAITING])
        waits = _by_outbox(waiting)
    lines = [
        StudyLine(one, _counted({number: by_object[number] for number in of}), _waits(waits, of))
        if (of := chosen.get(one.uid)) is not None
        else StudyLine(one, None, {})
        for one in found.studies
    ]
    later = str(found.next) if found.next else ""
    return StudyPage(tuple(lines), later, found.whole, found.back_to, house.journals.progress)


def study_at(house: House, number: int) -> Study | None:
    """A study by its number (`Study.id`); None where none has it any more."""
    with house.journals.open() as journal:
        return numbered(journal, number)


def study_facts(house: House, uid: str) -> StudyFacts | None:
    """One study by its UID (of an object without one, by its number); None where there is none."""
    with house.journals.open() as journal:
        found = study(journal, uid)
        if found is None:
            return None
        chosen = objects_of(journal, uid, MOST)
        by_object = states(journal, chosen)
        rows = _rows(journal, chosen)
        owed = list(open_promises(journal, [number for number in chosen if by_object[number] in (WAITING, HELD)]))
        stored = _with_copy(journal, chosen)
    series: dict[str, list[tuple[str, str]]] = {}
    for number, _, _, of_series, modality in rows:
        series.setdefault(of_series, []).append((modality, by_object[number]))
    listed = tuple(
        Series(uid, ", ".join(sorted({modality for modality, _ in some if modality})), len(some), _tally(some))
        for uid, some in series.items()
    )
    waits, held = _waits(_by_outbox(owed), chosen), tuple(sorted(one for _, one, _, where in owed if where == HELD))
    return StudyFacts(found, _counted(by_object), waits, held, stored, listed, len(chosen))


def objects(house: House, uid: str, after: str = "", most: int = PAGE, series: str | None = None) -> ObjectPage:
    """The objects of a study. after: `next` of the page before. series: only of this one."""
    most = min(max(most, 1), PAGE_MOST)
    of_series, values = ("", ()) if series is None else (" AND series = ?", (series,))
    with house.journals.open() as journal:
        rows = journal.db.execute(
            "SELECT DISTINCT family FROM objects WHERE (study = ? OR (number = ? AND study = '')) AND family > ?"
            f"{of_series} ORDER BY family LIMIT ?",
            (uid, uid, after, *values, most + 1),
        )
        chosen = [str(row[0]) for row in rows]
        shown = chosen[:most]
        by_object = states(journal, shown)
        lines = tuple(ObjectLine(*row, by_object[row[0]]) for row in _rows(journal, shown))
    return ObjectPage(lines, shown[-1] if len(chosen) > most else "")


def object_facts(house: House, number: str) -> ObjectFacts | None:
    """One object by any of its numbers, or by that of a promise of it; None where there is none."""
    with house.journals.open() as journal:
        found = [family for family in named(journal, number) if number_of(number) in journal.family(family)]
        if len(found) != 1:
            return None
        [family] = found
        row = journal.db.execute(
            f"SELECT {', '.join(_COLUMNS.values())} FROM objects WHERE family = ? ORDER BY sop = '', number LIMIT 1",
            (family,),
        ).fetchone()
        said = dict(zip(_COLUMNS, map(str, row), strict=True))
        events = tuple(_happened(line, family) for line in path(journal, family))
        state = states(journal, [family])[family]
        held = tuple(entry for _, entry, _, where in open_promises(journal, [family]) if where == HELD and entry)
        of_study = study(journal, said["study"] or family)
        return ObjectFacts(
            number=family,
            state=state,
            events=events,
            copies=tuple(copies(journal, family)),
            held=held,
            in_study=of_study.id if of_study else None,
            **said,
        )


def _happened(line: dict[str, str], family: str) -> Happened:
    number = number_of(line.get("object", ""))
    known = ("at", "event", "object", "entry", "outbox", "why", "route", "rule", "tries")
    tries = line.get("tries", "")
    return Happened(
        line.get("at", ""),
        line.get("event", ""),
        "" if number == family else number,
        line.get("outbox", ""),
        line.get("why", ""),
        line.get("route", ""),
        line.get("rule", ""),
        int(tries) if tries.isdecimal() else 0,
        {name: value for name, value in line.items() if name not in known and value},
    )


def _rows(journal: Journal, chosen: Sequence[str]) -> list[tuple[str, str, str, str, str]]:
    """Number, moment, SOP instance, series and modality of each."""
    found = []
    for some, marks in portions(chosen):
        rows = journal.db.execute(
            f"SELECT number, came, sop, series, modality FROM objects WHERE number IN {marks} ORDER BY number", some
        )
        found += [(str(a), str(b), str(c), str(d), str(e)) for a, b, c, d, e in rows]
    return found


def _with_copy(journal: Journal, chosen: Sequence[str]) -> int:
    """Of how many of these a copy was stored here."""
    count = 0
    for some, marks in portions(chosen):
        [(more,)] = journal.db.execute(
            "SELECT count(DISTINCT o.family) FROM objects o JOIN copies c ON c.number = o.number"
            f" WHERE o.family IN {marks}",
            some,
        )
        count += int(more)
    return count


def _by_outbox(owed: Iterable[tuple[str, str, str, str]]) -> dict[str, set[str]]:
    """Outbox → the objects that wait for it; under no name those that are about to go through the rules."""
    found: dict[str, set[str]] = {}
    for family, _, outbox, where in owed:
        if where == WAITING:
            found.setdefault(outbox, set()).add(family)
    return found


def _waits(waits: Mapping[str, set[str]], of: Sequence[str]) -> dict[str, int]:
    """How many of these wait for each outbox."""
    counts = {outbox: len(objects.intersection(of)) for outbox, objects in sorted(waits.items())}
    return {outbox: count for outbox, count in counts.items() if count}


def _counted(by_object: dict[str, str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in by_object.values():
        counts[state] = counts.get(state, 0) + 1
    return counts


def _tally(some: Sequence[tuple[str, str]]) -> dict[str, int]:
    return _counted({str(number): state for number, (_, state) in enumerate(some)})
