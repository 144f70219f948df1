"""The tables of the journal, and what each kind of line does to them. It must not know files or folders.

`promises` has the last ending of each promise, `objects` one row for each number, `cleaned` the SOP Instance UIDs that
an object has had since its pixels were cleaned. Numbers that are one object, since one came out of the hold or was
replayed as the other, share their `family`: the number that it had first.
"""

import re
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from engine import journal_studies
from engine.elsewhere import ELSEWHERE
from engine.journal_studies import forget_study, put_study
from engine.journal_words import spellings
from engine.numbers import arrival

EDITION = 4
"""Raised with every change below: a journal of another edition is built anew."""

TABLES = f"""{journal_studies.TABLES}
CREATE TABLE files (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, offset INTEGER NOT NULL, head TEXT NOT NULL,
    torn INTEGER NOT NULL);
CREATE TABLE events (object TEXT NOT NULL, file INTEGER NOT NULL, offset INTEGER NOT NULL,
    PRIMARY KEY (object, file, offset)) WITHOUT ROWID;
CREATE TABLE objects (
    number TEXT PRIMARY KEY, family TEXT NOT NULL, came TEXT NOT NULL, told INTEGER NOT NULL DEFAULT 0,
    received TEXT NOT NULL DEFAULT '', source TEXT NOT NULL DEFAULT '', sender TEXT NOT NULL DEFAULT '',
    called TEXT NOT NULL DEFAULT '', address TEXT NOT NULL DEFAULT '', program TEXT NOT NULL DEFAULT '',
    ending TEXT NOT NULL DEFAULT '', found TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL DEFAULT '', id TEXT NOT NULL DEFAULT '', birth TEXT NOT NULL DEFAULT '',
    study TEXT NOT NULL DEFAULT '', series TEXT NOT NULL DEFAULT '', sop TEXT NOT NULL DEFAULT '',
    class TEXT NOT NULL DEFAULT '', date TEXT NOT NULL DEFAULT '', modality TEXT NOT NULL DEFAULT '',
    accession TEXT NOT NULL DEFAULT '', institution TEXT NOT NULL DEFAULT '',
    physician TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX families ON objects (family);
CREATE INDEX studies_of ON objects (study, family);
CREATE INDEX instances ON objects (sop);
CREATE INDEX dates ON objects (date);
CREATE INDEX arrivals ON objects (came);
CREATE INDEX replays ON objects (substr(number, 17)) WHERE length(number) = 32;
CREATE TABLE promises (
    entry TEXT PRIMARY KEY, number TEXT NOT NULL, outbox TEXT NOT NULL DEFAULT '', route TEXT NOT NULL DEFAULT '',
    ending TEXT NOT NULL DEFAULT '', into_number TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE INDEX promises_of ON promises (number);
CREATE TABLE copies (outbox TEXT NOT NULL, place TEXT NOT NULL, number TEXT NOT NULL, PRIMARY KEY (outbox, place))
    WITHOUT ROWID;
CREATE INDEX copies_of ON copies (number);
CREATE TABLE cleaned (number TEXT NOT NULL, sop TEXT NOT NULL, PRIMARY KEY (number, sop)) WITHOUT ROWID;
CREATE TABLE words (word TEXT NOT NULL, kind TEXT NOT NULL, number TEXT NOT NULL, PRIMARY KEY (word, kind, number))
    WITHOUT ROWID;
"""

ENDINGS = ("delivered", "failed", "left out", "collected", "deleted")
"""Events after which a promise is owed no longer. `released` is one only where the object goes on by another number."""

OF_OBJECTS = ("discarded", "duplicate")
"""Events after which nothing is owed of the whole object."""

OPENINGS = ("received", "promised", "held", "later", "released", *ENDINGS, *OF_OBJECTS, ELSEWHERE)
"""Every event that tells of an object. Others are kept to be shown, and say nothing about where it is."""

KEYS = (
    *("name", "id", "birth", "study", "series", "sop", "class", "date", "modality", "accession", "institution"),
    "physician",
)

WORDS = ("name", "id", "accession", "sender")
"""Keys whose words are looked up by how they begin."""

_NUMBER = re.compile(r"([0-9a-f]{32}|[0-9a-f]{21}|[0-9a-f]{19})(-[0-9a-f]{12})?")


def number_of(name: str) -> str:
    """The number of the object, from its own or from that of one of its promises."""
    found = _NUMBER.fullmatch(name)
    return found[1] if found else name


def put_event(db: sqlite3.Connection, file: int, offset: int, line: Mapping[str, object]) -> None:
    """Take in one line of the history: where it stands, and what it changes. What it says stays there."""
    said = {name: str(value) for name, value in line.items()}
    event, entry, outbox = said.get("event", ""), said.get("entry", ""), said.get("outbox", "")
    number = number_of(said.get("object", ""))
    db.execute("INSERT OR IGNORE INTO events VALUES (?, ?, ?)", (number, file, offset))
    if event == "replayed" and number and said.get("as"):
        # Told before it is taken in: that the other one exists is for its own lines to say.
        _join(db, number, number_of(said["as"]))
    if not number or event not in OPENINGS:
        return
    db.execute(
        "INSERT INTO objects (number, family, came, told) VALUES (?1, ?1, ?2, 1) ON CONFLICT DO UPDATE SET told = 1",
        (number, came(number)),
    )
    if entry:
        db.execute(
            "INSERT INTO promises (entry, number, outbox, route) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
            " outbox = iif(outbox = '', ?3, outbox), route = iif(route = '', ?4, route)",
            (entry, number, outbox, said.get("route", "")),
        )
    match event:
        case "received":
            facts = (said.get(name, "") for name in ("at", "source", "sender", "called", "address", "program"))
            db.execute(
                "UPDATE objects SET received = ?, source = ?, sender = ?, called = ?, address = ?, program = ?"
                " WHERE number = ?",
                (*facts, number),
            )
            if said.get("again"):
                _join(db, number_of(said["again"]), number)
        case "released" if said.get("as"):
            _end(db, entry, "released", said["as"])
            _join(db, number, number_of(said["as"]))
        case _ if entry and event in (*ENDINGS, *OF_OBJECTS):
            _end(db, entry, event)
            if event == "delivered" and said.get("place") and outbox.endswith(".store"):
                put_copy(db, outbox, said["place"], number)
        case _ if event in OF_OBJECTS:
            db.execute("UPDATE objects SET ending = ? WHERE number = ?", (event, number))
        case _ if event == ELSEWHERE:
            _end_open(db, number)


def put_keys(db: sqlite3.Connection, line: Mapping[str, object], found: str = "") -> None:
    """Take in one line of the keys: what an object is searched by, or where a copy of it was stored."""
    said = {name: str(value) for name, value in line.items()}
    number = number_of(said.get("object", ""))
    if not number:
        return
    if said.get("place") and said.get("outbox"):
        put_copy(db, said["outbox"], said["place"], number)
    if said.get("cleaned"):
        db.execute("INSERT OR IGNORE INTO cleaned VALUES (?, ?)", (number, said["cleaned"]))
    known = {name: said[name] for name in (*KEYS, "sender") if said.get(name)}
    if found:
        known["found"] = found
    if not known:
        return
    columns = ", ".join(known)
    marks = ", ".join("?" * len(known))
    changes = ", ".join(f"{name} = excluded.{name}" for name in known)
    db.execute(
        # The names of the columns are our own, not the line's.
        f"INSERT INTO objects (number, family, came, {columns}) VALUES (?, ?, ?, {marks})"
        f" ON CONFLICT DO UPDATE SET {changes}",
        (number, number, came(number), *known.values()),
    )
    words = _words(((kind, said.get(kind, "")) for kind in WORDS), number)
    db.executemany("INSERT OR IGNORE INTO words VALUES (?, ?, ?)", words)
    put_study(db, number, known)


def put_copy(db: sqlite3.Connection, outbox: str, place: str, number: str) -> None:
    """Note whose copy lies at this place of an archive: the last one's that came in, which a replay did not."""
    db.execute(
        "INSERT INTO copies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET number = excluded.number"
        " WHERE length(excluded.number) <> 32",
        (outbox, place, number),
    )


def forget_file(db: sqlite3.Connection, name: str) -> None:
    """Take out what one file of the history or of the keys has said, and each object of which no other speaks."""
    row = db.execute("SELECT number FROM files WHERE name = ?", (name,)).fetchone()
    if row is None:
        return
    gone = [found[0] for found in db.execute("SELECT DISTINCT object FROM events WHERE file = ?", row)]
    db.execute("DELETE FROM events WHERE file = ?", row)
    db.execute("DELETE FROM files WHERE number = ?", row)
    for number in gone:
        if db.execute("SELECT 1 FROM events WHERE object = ? LIMIT 1", (number,)).fetchone() is None:
            _forget_object(db, number)


def _forget_object(db: sqlite3.Connection, number: str) -> None:
    rows = db.execute(f"SELECT study, {', '.join(WORDS)} FROM objects WHERE number = ?", (number,)).fetchall()
    for _, *row in rows:
        db.executemany(
            "DELETE FROM words WHERE word = ? AND kind = ? AND number = ?", _words(zip(WORDS, row, strict=True), number)
        )
    for table in ("objects", "promises", "copies", "cleaned"):
        db.execute(f"DELETE FROM {table} WHERE number = ?", (number,))
    for study, *_ in rows:
        forget_study(db, study or number)


def _words(said: Iterable[tuple[str, str]], number: str) -> Iterable[tuple[str, str, str]]:
    return ((word, kind, number) for kind, text in said for same in spellings(text) for word in same)


def came(number: str) -> str:
    """When the object was received, by its number; empty where that does not say."""
    try:
        return datetime.fromtimestamp(arrival(number), UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _end(db: sqlite3.Connection, entry: str, event: str, into: str = "") -> None:
    db.execute("UPDATE promises SET ending = ?, into_number = ? WHERE entry = ?", (event, into, entry))


def _end_open(db: sqlite3.Connection, number: str) -> None:
    """What has no end of this object, and would have to be here, is elsewhere."""
    db.execute("UPDATE promises SET ending = ? WHERE number = ? AND ending = ''", (ELSEWHERE, number))
    db.execute(
        "UPDATE objects SET ending = ?1 WHERE number = ?2 AND ending = ''"
        " AND NOT EXISTS (SELECT 1 FROM promises WHERE number = ?2)",
        (ELSEWHERE, number),
    )


def _join(db: sqlite3.Connection, old: str, new: str) -> None:
    """Two numbers are one object: all of the new one's family belong to the old one's."""
    for number in (old, new):
        db.execute(
            "INSERT INTO objects (number, family, came) VALUES (?1, ?1, ?2) ON CONFLICT DO NOTHING",
            (number, came(number)),
        )
    [elder], [younger] = (
        db.execute("SELECT family FROM objects WHERE number = ?", (number,)).fetchone() for number in (old, new)
    )
    if elder != younger:
        db.execute("UPDATE objects SET family = ? WHERE family = ?", (elder, younger))
