"""Who was that? What a pseudonym or a UID that was made here came from: for whoever has the key and the journal.

Nothing is written down when a pseudonym is made. Each patient ID and UID that the journal knows is taken through each
key once more, until what is asked for comes out. It answers with patients' data, and must not know how it is shown.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine.errors import Never
from engine.journal import Journal
from engine.profile.keyed import Keyed
from engine.tables import Tables

_COLUMNS = {"patient": "id", "study": "study", "series": "series", "image": "sop"}
"""In this order they are looked through: the last takes longest."""


@dataclass(frozen=True, slots=True)
class Original:
    """What one of the values that were asked for came from."""

    asked: str
    kind: str
    """patient, study, series or image."""
    value: str
    """The patient ID or UID as it was received."""
    by: str
    """The id of the key, `table NAME`, or `pixels` where a UID is from the cleaning of its pixels alone."""
    name: str
    id: str
    birth: str
    date: str
    study: str


def originals(journal: Journal, keys: Sequence[Keyed], tables: Tables, asked: Collection[str]) -> Iterator[Original]:
    """Each of them as often as it is found: two keys could only agree by a chance that does not happen."""
    rest = set(asked)
    for kind, column in _COLUMNS.items():
        wanted = {one for one in rest if kind == "patient" or one.startswith("2.25.")}
        if kind == "patient":
            for table in tables.names():
                # A table with mistakes in it hides nothing that the others and the keys say.
                with suppress(Never):
                    for one in sorted(wanted):
                        for value in tables.whose(table, one):
                            rest.discard(one)
                            yield _row(journal, one, kind, column, value, f"table {table}")
        wanted &= rest
        if not wanted:
            continue
        makers = {key.id: _maker(key, kind) for key in keys}
        for (value,) in journal.db.execute(f"SELECT DISTINCT {column} FROM objects WHERE {column} != ''").fetchall():
            for key, made in makers.items():
                if (one := made(str(value))) in wanted:
                    rest.discard(one)
                    yield _row(journal, one, kind, column, str(value), key)
    yield from _cleaned(journal, keys, {one for one in rest if one.startswith("2.25.")})


def _cleaned(journal: Journal, keys: Sequence[Keyed], wanted: Collection[str]) -> Iterator[Original]:
    """Images that had another UID in between: the one that they got when their pixels were cleaned."""
    makers: dict[str, Callable[[str], str]] = {"pixels": str, **{key.id: key.uid for key in keys}}
    rows = journal.db.execute("SELECT sop, number FROM cleaned").fetchall() if wanted else []
    for between, number in rows:
        for by, made in makers.items():
            if (one := made(str(between))) in wanted:
                row = journal.db.execute("SELECT sop FROM objects WHERE number = ?", (number,)).fetchone()
                if row is not None and row[0]:
                    yield _row(journal, one, "image", "sop", str(row[0]), by)


def _maker(key: Keyed, kind: str) -> Callable[[str], str]:
    return key.pseudonym if kind == "patient" else key.uid


def _row(journal: Journal, asked: str, kind: str, column: str, value: str, by: str) -> Original:
    found = journal.db.execute(
        f"SELECT name, id, birth, date, study FROM objects WHERE {column} = ? ORDER BY number LIMIT 1", (value,)
    ).fetchone()
    # A table may name patients of whom nothing has come.
    name, patient, birth, date, study = map(str, found or ("", value, "", "", ""))
    if kind == "patient":
        date = study = ""
    return Original(asked, kind, value, by, name, patient, birth, date, study)
