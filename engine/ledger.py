"""The ledger: what was received, and what became of it. Nothing may be missing.

    received = delivered + waiting + held + discarded + duplicates + deleted + elsewhere

An object counts once, however many promises it has, and however many numbers it has had (a release through the rules,
a replay). What lies in the spool is there, whatever the history says: a line is written ahead of the removal that it
tells of. What lies nowhere is as its history ends; and what has no end there either is missing: the difference.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from engine.elsewhere import ELSEWHERE
from engine.journal import Journal
from engine.journal_tables import came
from engine.step import TELLING
from engine.whereabouts import HELD, WAITING, Whereabouts, whereabouts

DELIVERED, DISCARDED, DUPLICATE, DELETED, MISSING = "delivered", "discarded", "duplicate", "deleted", "missing"
STATES = (DELIVERED, WAITING, HELD, DISCARDED, DUPLICATE, DELETED, ELSEWHERE)
"""All that may have become of an object, in the order of the equation. Elsewhere: a restored history tells of it."""

LOOKS = (0.0, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Seconds before each further look at what seems to be missing: beside a running appliance it may just be moving."""

_FAMILIES_SINCE = "SELECT family FROM objects WHERE came >= ?"

_SOME = 500
"""Families that are asked for at once."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A promise as the journal has it: its last ending, and the number by which the object went on from it."""

    entry: str
    outbox: str
    ending: str
    into: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """One number of an object as the journal has it; `told`: the history speaks of it."""

    number: str
    received: str
    told: bool
    ending: str
    promises: tuple[Kept, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """An object that is missing: its number, and the last that is known of it."""

    number: str
    at: str = ""
    event: str = ""
    outbox: str = ""


@dataclass(slots=True)
class Ledger:
    """The count. `found` of the received lie in the spool without a word of their coming in the history."""

    states: dict[str, int] = field(default_factory=lambda: dict.fromkeys((*STATES, MISSING), 0))
    found: int = 0
    missing: list[Lost] = field(default_factory=list)

    @property
    def received(self) -> int:
        """How many objects there are."""
        return sum(self.states.values())

    @property
    def difference(self) -> int:
        """What was received, less all that became of it."""
        return self.received - sum(self.states[state] for state in STATES)


def standing(family: Sequence[Member], there: Whereabouts) -> str:
    """What has become of one object. Pure."""
    if any(_gap(member, family, there) for member in family):
        return MISSING
    lies = {there.objects.get(member.number) for member in family}
    for where in (WAITING, HELD):
        if where in lies:
            return where
    # A report that was mailed tells of the object; nobody has the object by it.
    ended = {(p.ending, p.outbox.endswith(TELLING)) for member in family for p in member.promises}
    endings = {ending for ending, mailed in ended if ending and not (mailed and ending == DELIVERED)}
    endings |= {member.ending for member in family}
    # What is owed to one counts before what others have, as with what waits.
    for state in (ELSEWHERE, DELIVERED, DISCARDED, DUPLICATE, DELETED):
        if state in endings:
            return state
    # Refused, collected, released: something must have followed, and nothing has. Left out for another object's sake,
    # as a rule says, is an end.
    return DISCARDED if "left out" in endings and "failed" not in endings else MISSING


def _gap(member: Member, family: Sequence[Member], there: Whereabouts) -> bool:
    """Whether something of this number is owed and lies nowhere."""
    if any(not p.ending and p.entry not in there.promises for p in member.promises):
        return True
    if member.number in there.objects or member.promises or member.ending:
        return any(p.into and not _traced(p, family, there) for p in member.promises)
    return bool(member.received)


def _traced(promise: Kept, family: Sequence[Member], there: Whereabouts) -> bool:
    """Whether what was sent through the rules again did begin its new life; it may also lie in the hold still."""
    if promise.entry in there.promises or promise.into in there.objects:
        return True
    return any(member.number == promise.into and member.told for member in family)


def ledger(
    journal: Journal,
    since: str = "",
    rest: Callable[[float], None] = time.sleep,
    told: Callable[[str, str], None] = lambda _family, _state: None,
) -> Ledger:
    """Count everything; `since`: only what was received from this moment on (ISO 8601, UTC). Raises OSError.

    told: hears of each object and of what has become of it, by the number that it had first.
    Right beside a running appliance: what seems to be missing is looked for again, in a newer history and spool.
    """
    journal.catch_up()
    there = whereabouts(journal.root)
    journal.catch_up()
    count = Ledger()

    def counted(family: str, state: str) -> None:
        count.states[state] += 1
        told(family, state)

    only = None
    if since:
        done = _delivered(journal, since) - there.objects.keys()
        for number in done:
            counted(number, DELIVERED)
        # Made one here: asked for DISTINCT ones, SQLite would go through all families that there are.
        came_since = {str(family) for (family,) in journal.db.execute(_FAMILIES_SINCE, (since,))}
        only = sorted(came_since - done)
    known: set[str] = set()
    suspects: list[str] = []
    for family, members in families(journal, since, only):
        known |= {member.number for member in members} & there.objects.keys()
        state = standing(members, there)
        if state == MISSING:
            suspects.append(family)
        else:
            counted(family, state)
    first = f"{round(datetime.fromisoformat(since).timestamp() * 1000) * 10**6:016x}" if since else ""
    for number in there.objects.keys() - known:
        # Of some, only what they are searched by is known, or that they came before `since`.
        if number >= first and not _is_told(journal, number):
            count.found += 1
            counted(number, there.objects[number])
    for seconds in LOOKS:
        if not suspects:
            break
        rest(seconds)
        there = whereabouts(journal.root)
        journal.catch_up()
        again, suspects = suspects, []
        for family, members in families(journal, only=again):
            state = standing(members, there)
            if state == MISSING:
                suspects.append(family)
            else:
                counted(family, state)
    for family in suspects:
        told(family, MISSING)
    count.states[MISSING] = len(suspects)
    count.missing = [_last_of(journal, family, there) for family in suspects]
    return count


def _delivered(journal: Journal, since: str) -> set[str]:
    """Of what came since then, what has one number and was promised to some who all have it: most of a day.

    SQLite finds these many times faster than `standing` looks at each; and it says the same of them.
    """
    told = " AND ".join(f"p.outbox NOT LIKE '%{suffix}'" for suffix in TELLING)
    rows = journal.db.execute(
        "SELECT number FROM objects o WHERE came >= ? AND family = number AND told AND ending = ''"
        " AND NOT EXISTS (SELECT 1 FROM objects m WHERE m.family = o.number AND m.number <> o.number)"
        f" AND EXISTS (SELECT 1 FROM promises p WHERE p.number = o.number AND {told})"
        " AND NOT EXISTS (SELECT 1 FROM promises p"
        " WHERE p.number = o.number AND (p.ending <> 'delivered' OR p.into_number <> ''))",
        (since,),
    )
    return {str(number) for (number,) in rows}


def families(
    journal: Journal, since: str = "", only: Sequence[str] | None = None
) -> Iterator[tuple[str, tuple[Member, ...]]]:
    """Every object of which the history speaks, with all its numbers and promises; `only` these, where given.

    since: without those that came before it under another number.
    """
    if only is None:
        # An object that came since then has no number from before.
        where = f"WHERE o.family IN ({_FAMILIES_SINCE})" if since else ""
        yield from _families(journal, since, where, (since,) if since else ())
        return
    for start in range(0, len(only), _SOME):
        some = only[start : start + _SOME]
        yield from _families(journal, since, f"WHERE o.family IN ({', '.join('?' * len(some))})", some)


def _families(
    journal: Journal, since: str, where: str, values: Sequence[str]
) -> Iterator[tuple[str, tuple[Member, ...]]]:
    rows = journal.db.execute(
        "SELECT o.family, o.number, o.received, o.told, o.ending, p.entry, p.outbox, p.ending, p.into_number"
        f" FROM objects o LEFT JOIN promises p ON p.number = o.number {where} ORDER BY o.family, o.number",
        values,
    )
    for family, of_family in groupby(rows, key=lambda row: str(row[0])):
        members = tuple(_member(list(own)) for _, own in groupby(of_family, key=lambda row: row[1]))
        if not any(member.told for member in members):
            continue
        if not since or min(came(member.number) for member in members) >= since:
            yield family, members


def _member(rows: Sequence[Sequence[object]]) -> Member:
    _, number, received, told, ending, *_ = rows[0]
    promises = tuple(Kept(str(e), str(o), str(end), str(into)) for *_, e, o, end, into in rows if e is not None)
    return Member(str(number), str(received), bool(told), str(ending), promises)


def _is_told(journal: Journal, number: str) -> bool:
    row = journal.db.execute("SELECT told FROM objects WHERE number = ?", (number,)).fetchone()
    return bool(row and row[0])


def _last_of(journal: Journal, family: str, there: Whereabouts) -> Lost:
    """The number that is missing, and its last event."""
    [(_, members)] = families(journal, only=[family])
    lost = next((member for member in members if _gap(member, members, there)), members[-1])
    owed = {p.entry for p in lost.promises if not p.ending and p.entry not in there.promises}
    lines = [{name: str(value) for name, value in line.items()} for line in journal.events(lost.number)]
    last = max(lines, key=lambda line: (line.get("entry") in owed, line.get("at", "")), default={})
    return Lost(lost.number, *(last.get(name, "") for name in ("at", "event", "outbox")))


def summary(count: Ledger) -> Mapping[str, int]:
    """The equation as numbers."""
    return {"received": count.received, **{s: count.states[s] for s in STATES}, "difference": count.difference}
