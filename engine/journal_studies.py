"""Studies in the journal: one row for each, numbered by when its first image came, and the words it is found by.

A word points to studies in the order of their numbers, so that the newest that have it are read without the others.
What has few different words (names, institutions, senders, days …) has them in `vocabulary`, too, where any part is
looked for. It is a patient's data. It must not know files or folders, nor how anything is looked for.
"""

import sqlite3
from collections.abc import Iterable, Mapping

from engine.journal_words import spellings
from engine.numbers import arrival_ns

TABLES = """
CREATE TABLE studies (
    id INTEGER PRIMARY KEY, uid TEXT NOT NULL UNIQUE, name TEXT NOT NULL DEFAULT '', patient TEXT NOT NULL DEFAULT '',
    birth TEXT NOT NULL DEFAULT '', date TEXT NOT NULL DEFAULT '', accession TEXT NOT NULL DEFAULT '',
    institution TEXT NOT NULL DEFAULT '', physician TEXT NOT NULL DEFAULT '', sender TEXT NOT NULL DEFAULT '',
    names TEXT NOT NULL DEFAULT ' ', institutions TEXT NOT NULL DEFAULT ' ', physicians TEXT NOT NULL DEFAULT ' ',
    said TEXT NOT NULL DEFAULT '');
CREATE TABLE study_words (kind TEXT NOT NULL, word TEXT NOT NULL, study INTEGER NOT NULL,
    PRIMARY KEY (kind, word, study)) WITHOUT ROWID;
CREATE TABLE vocabulary (kind TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (kind, word)) WITHOUT ROWID;
"""
"""uid: the Study Instance UID; of an object that has none, its number. names: every word of every name, between spaces,
and so of every institution and referring physician. said: every other word, a line for each, that begins and ends with
a line's end: `kind word`."""

SPELLED = ("name", "id", "accession", "institution", "physician")
"""Kinds whose values are taken apart into words, as they are looked up."""

WHOLE = ("birth", "date", "modality", "sender", "series")
"""Kinds whose values are one word each, whatever is in them."""

SMALL = ("name", "institution", "physician", "birth", "date", "modality", "sender")
"""Kinds with few different words."""

PARTS = {"name": "names", "institution": "institutions", "physician": "physicians"}
"""Kinds of which any part of a word is looked for, and the column in which a study has all its words."""

_SHOWN = {"name": "name", "id": "patient", "birth": "birth", "date": "date", "accession": "accession"}
_SHOWN |= {"institution": "institution", "physician": "physician", "sender": "sender"}
"""By its key, the column that shows what was said last."""

_LARGEST = (1 << 63) - 1

_COLUMNS = ("said", *PARTS.values(), *_SHOWN.values())
_ROW = f"id, {', '.join(_COLUMNS)}"


def uid_of(number: str, known: Mapping[str, str]) -> str:
    """By what an object's study is known; nothing where its header says nothing at all."""
    return known.get("study") or (number if any(known.get(kind) for kind in ("name", "id", "sop")) else "")


def put_study(db: sqlite3.Connection, number: str, known: Mapping[str, str]) -> None:
    """Take in what one object says of its study. Most of a study's objects say nothing new."""
    uid = uid_of(number, known)
    if not uid:
        return
    row = db.execute(f"SELECT {_ROW} FROM studies WHERE uid = ?", (uid,)).fetchone()
    if row is None:
        new = _new(db, uid, number)
        row = db.execute(f"SELECT {_ROW} FROM studies WHERE id = ?", (new,)).fetchone()
    study, said, *rest = row
    said = said or "\n"
    parts, shown = dict(zip(PARTS, rest, strict=False)), rest[len(PARTS) :]
    missing = [(kind, word) for kind, word in words_of(known) if not _has(kind, word, parts, said)]
    now = [known.get(key) or was for key, was in zip(_SHOWN, shown, strict=True)]
    if not missing and now == shown:
        return
    for kind, word in missing:
        if kind in parts:
            parts[kind] += f"{word} "
        else:
            said += f"{kind} {word}\n"
    db.executemany("INSERT OR IGNORE INTO study_words VALUES (?, ?, ?)", ((*one, study) for one in missing))
    db.executemany("INSERT OR IGNORE INTO vocabulary VALUES (?, ?)", (one for one in missing if one[0] in SMALL))
    db.execute(
        f"UPDATE studies SET {', '.join(f'{column} = ?' for column in _COLUMNS)} WHERE id = ?",
        (said, *parts.values(), *now, study),
    )


def words_of(known: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Kind and word of all that a study may be looked up by."""
    for kind in SPELLED:
        for same in spellings(known.get(kind, "")):
            yield from ((kind, word) for word in same)
    for kind in WHOLE:
        if known.get(kind):
            yield kind, whole(known[kind])


def whole(text: str) -> str:
    """A value that is one word, as it is looked up."""
    return " ".join(text.casefold().split())


def forget_study(db: sqlite3.Connection, uid: str) -> None:
    """Take out a study of which no object is left, with the words that no other has."""
    row = db.execute(f"SELECT {_ROW} FROM studies WHERE uid = ?", (uid,)).fetchone()
    if row is None or db.execute("SELECT 1 FROM objects WHERE study = ? LIMIT 1", (uid,)).fetchone() is not None:
        return
    study, said, *rest = row
    words = [(kind, word) for kind, text in zip(PARTS, rest, strict=False) for word in text.split()]
    words += [(kind, word) for kind, _, word in (line.partition(" ") for line in said.split("\n") if line)]
    db.execute("DELETE FROM studies WHERE id = ?", (study,))
    db.executemany(
        "DELETE FROM study_words WHERE kind = ? AND word = ? AND study = ?", ((*one, study) for one in words)
    )
    for one in words:
        if db.execute("SELECT 1 FROM study_words WHERE kind = ? AND word = ? LIMIT 1", one).fetchone() is None:
            db.execute("DELETE FROM vocabulary WHERE kind = ? AND word = ?", one)


def _new(db: sqlite3.Connection, uid: str, number: str) -> int:
    """A number for a study, by the arrival of the object that was first known of it."""
    study = min(arrival_ns(number), _LARGEST - 1000)
    while db.execute("INSERT OR IGNORE INTO studies (id, uid) VALUES (?, ?)", (study, uid)).rowcount != 1:
        study += 1
    return study


def _has(kind: str, word: str, parts: Mapping[str, str], said: str) -> bool:
    return f" {word} " in parts[kind] if kind in parts else f"\n{kind} {word}\n" in said
