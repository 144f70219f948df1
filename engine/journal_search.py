"""Looking things up in the journal: which objects are meant, and what has happened to one of them.

It answers with patients' data, to whoever may read the spool. It must not know how anything is shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from engine.journal import Journal
from engine.journal_tables import KEYS, number_of
from engine.journal_words import spellings
from engine.ledger import DELIVERED, families, standing
from engine.whereabouts import Whereabouts

_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for; all that is given must fit. `words`: each fits a word of the name, the ID, a UID …"""

    words: tuple[str, ...] = ()
    name: str = ""
    id: str = ""
    sender: str = ""
    accession: str = ""
    study: str = ""
    sop: str = ""
    date: str = ""
    """The day of the study, as DICOM writes it: 20260301."""
    since: str = ""
    """Received from this moment on, ISO 8601 in UTC."""
    until: str = ""
    """Received before this moment."""


@dataclass(frozen=True, slots=True)
class Hit:
    """An object that was found: what it is, and what has become of it."""

    number: str
    came: str
    state: str
    sender: str
    name: str
    id: str
    birth: str
    study: str
    series: str
    sop: str
    date: str
    modality: str
    accession: str
    institution: str


def search(journal: Journal, wanted: Wanted, there: Whereabouts, most: int = 100) -> tuple[list[Hit], int]:
    """The newest that fit, and how many there are."""
    conditions: list[str] = ["1"]
    values: list[str] = []
    for word in wanted.words:
        _any_of(word, conditions, values)
    for kind in ("name", "id", "sender", "accession"):
        for same in spellings(str(getattr(wanted, kind))):
            conditions.append(_has_word(same, values, kind))
    for column in ("study", "sop", "date"):
        if getattr(wanted, column):
            conditions.append(f"{column} = ?")
            values.append(str(getattr(wanted, column)))
    for column, sign in (("since", ">="), ("until", "<")):
        if getattr(wanted, column):
            conditions.append(f"came {sign} ?")
            values.append(str(getattr(wanted, column)))
    meant = f"SELECT family, max(came) AS last FROM objects WHERE {' AND '.join(conditions)} GROUP BY family"
    [(count,)] = journal.db.execute(f"SELECT count(*) FROM ({meant})", values)
    rows = journal.db.execute(f"{meant} ORDER BY last DESC, family DESC LIMIT {most:d}", values).fetchall()
    return hits(journal, [str(family) for family, _ in rows], there), int(count)


def hits(journal: Journal, chosen: Sequence[str], there: Whereabouts) -> list[Hit]:
    """These objects, each under the number it had first, in this order."""
    states = {family: standing(members, there) for family, members in families(journal, only=chosen)}
    found = []
    # Of the same object, what was first: a later pass through the rules finds the same image.
    columns = ", ".join(f"o.{field.name}" for field in fields(Hit) if field.name not in ("number", "state"))
    for family in chosen:
        row = journal.db.execute(
            f"SELECT {columns} FROM objects o WHERE o.family = ? ORDER BY o.sop = '', o.number LIMIT 1", (family,)
        ).fetchone()
        # Of what the history does not tell, a copy in the archive or a file in the spool was found.
        state = states.get(family) or there.objects.get(family, DELIVERED)
        came, *rest = map(str, row)
        found.append(Hit(family, came, state, *rest))
    return found


def named(journal: Journal, number: str) -> list[str]:
    """The objects whose number, or one of whose promises, begins so; each by the number it had first."""
    start = number_of(number)
    rows = journal.db.execute(
        "SELECT DISTINCT family FROM objects WHERE number >= ? AND number < ? LIMIT 20", (start, start + _LAST)
    )
    return [str(row[0]) for row in rows]


def path(journal: Journal, family: str) -> list[dict[str, str]]:
    """All that has happened to an object under every number it has had, oldest first: the lines of the history."""
    numbers = journal.db.execute("SELECT number FROM objects WHERE family = ? ORDER BY number", (family,)).fetchall()
    lines = [{name: str(value) for name, value in line.items()} for (n,) in numbers for line in journal.events(n)]
    return sorted(lines, key=lambda line: line.get("at", ""))


def copies(journal: Journal, family: str) -> list[tuple[str, str]]:
    """Where copies of it were stored: outbox and place."""
    rows = journal.db.execute(
        "SELECT c.outbox, c.place FROM copies c JOIN objects o ON o.number = c.number WHERE o.family = ?", (family,)
    )
    return [(str(outbox), str(place)) for outbox, place in rows]


def _any_of(word: str, conditions: list[str], values: list[str]) -> None:
    """One word that may be anything by which an object is known."""
    parts = [f"{column} = ?" for column in KEYS if column in ("study", "series", "sop", "date")]
    values += [word] * len(parts)
    parts.append("number >= ? AND number < ?")
    values += [number_of(word), number_of(word) + _LAST]
    spelled = [_has_word(same, values) for same in spellings(word)]
    if spelled:
        parts.append(f"({' AND '.join(spelled)})")
    conditions.append(f"({' OR '.join(parts)})")


def _has_word(same: Sequence[str], values: list[str], kind: str = "") -> str:
    """That one of its words begins in one of these ways."""
    begins = " OR ".join("(w.word >= ? AND w.word < ?)" for _ in same)
    for word in same:
        values += [word, word + _LAST]
    of_kind = ""
    if kind:
        of_kind = " AND w.kind = ?"
        values.append(kind)
    return f"number IN (SELECT w.number FROM words w WHERE ({begins}){of_kind})"
