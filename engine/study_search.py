"""Looking for studies in the journal: the newest that fit, a page at a time, in bounded time however many there are.

A page begins behind the last study of the one before, by its number: nothing is counted or skipped. What few studies
have is read by its words; what very many have is found by going back in time from one study to the next. Where that
takes longer than it may, the answer says how far back it has looked, and the next page goes on from there.

It answers with patients' data. It must not know how anything is shown.
"""

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.journal import Journal
from engine.journal_studies import PARTS, SMALL, whole
from engine.journal_tables import came, number_of
from engine.journal_words import spellings

SECONDS = 0.12
"""So long may a page be looked for."""

MANY_WORDS = 2000
"""Words that fit, as when any part of a name is looked for; of more, studies are looked through instead."""

FEW_STUDIES = 3000
"""Studies that fit one condition and are looked at one by one."""

SHORT = 3
"""In the one line, what has fewer signs is sought only where a word of an institution or a physician begins: `us`, a
modality, is in every `Krankenhaus`."""

_TITLES = re.compile(r"(dr|prof)\.?|(med|dres)\.")
"""Titles are in few headers, and are typed all the same."""

_CHUNK, _IDS = 5000, 500
_COLUMNS = "s.id, s.uid, s.name, s.patient, s.birth, s.date, s.accession, s.institution, s.physician, s.sender, s.said"
_LAST = "\U0010ffff"
_MOST = 1 << 62


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for; all that is given must fit. Cases and accents do not count."""

    words: str = ""
    """Each a part of the name, the institution or the referring physician; the beginning of an ID, an accession number
    or a sender; a modality; a day; a UID; a number of ours. Titles (Dr., Prof.) count only where nothing else is given,
    here and with physicians."""
    name: str = ""
    """Parts of the patient's name."""
    institution: str = ""
    """Parts of the Institution Name (0008,0080)."""
    physician: str = ""
    """Parts of the Referring Physician's Name (0008,0090)."""
    referring: str = ""
    """Each a part of one or the other."""
    id: str = ""
    """How the patient ID begins; the same for these:"""
    accession: str = ""
    sender: str = ""
    birth: str = ""
    """The day of birth, or its year (20010203, 2001-02-03, 03.02.2001, 2001)."""
    first_day: str = ""
    """The study's day or later; and the same or before:"""
    last_day: str = ""
    modality: str = ""
    """One or several, by commas."""
    uid: str = ""
    """Of the study, a series or an object; or our number of an object."""
    since: str = ""
    """The first of it came at this moment or later, ISO 8601; and before:"""
    until: str = ""


@dataclass(frozen=True, slots=True)
class Study:
    """One study as the journal has it. uid: its UID, or the number of an object that names none."""

    id: int
    uid: str
    name: str
    patient: str
    birth: str
    date: str
    accession: str
    institution: str
    physician: str
    """The referring one."""
    sender: str
    """The one that has sent the last of it."""
    modalities: tuple[str, ...]
    senders: int
    series: int
    objects: int
    first: str
    """When the first of it came, ISO 8601 in UTC; and the last:"""
    last: str


@dataclass(frozen=True, slots=True)
class Found:
    """A page. next: what the next one is asked with; 0 where there is none. whole: not ended for want of time."""

    studies: tuple[Study, ...]
    next: int
    whole: bool
    back_to: str = ""
    """How far back it has looked, where it is not whole."""


@dataclass(frozen=True, slots=True)
class _Way:
    """One way in which a condition may hold. how: part, begins, is, range (then `until` is its last word)."""

    kind: str
    how: str
    text: str
    until: str = ""


@dataclass(frozen=True, slots=True)
class _Clause:
    """A condition: one of the ways, or one of the studies of these numbers."""

    ways: tuple[_Way, ...] = ()
    ids: tuple[int, ...] | None = None


def find(
    journal: Journal,
    asked: Asked,
    before: int = 0,
    most: int = 50,
    seconds: float = SECONDS,
    only: Sequence[int] | None = None,
) -> Found:
    """The newest that fit, of those in front of `before` (0: of all). only: of these few, by their numbers."""
    end = time.monotonic() + seconds
    clauses = list(_clauses(journal, asked))
    if only is not None:
        clauses.append(_Clause(ids=tuple(only)))
    top = min(before or _MOST, _ns(asked.until) if asked.until else _MOST)
    bottom = _ns(asked.since) if asked.since else -1
    found: list[tuple[object, ...]] = []
    tests, values = _tests(clauses)
    at, whole_page = top, True
    for ids in _candidates(journal, clauses, top, bottom):
        lowest, exact = ids
        within = "s.id BETWEEN ? AND ?" if exact is None else f"s.id IN ({', '.join('?' * len(exact))})"
        span: Sequence[int] = (lowest, at - 1) if exact is None else exact
        rows = journal.db.execute(
            f"SELECT {_COLUMNS} FROM studies s WHERE {within}{tests} ORDER BY s.id DESC LIMIT ?",
            (*span, *values, most + 1 - len(found)),
        ).fetchall()
        found += rows
        at = lowest
        if len(found) > most:
            break
        if time.monotonic() > end:
            whole_page = False
            break
    studies = tuple(_study(journal, row) for row in found[:most])
    if len(found) > most:
        return Found(studies, studies[-1].id, True)
    if whole_page:
        return Found(studies, 0, True)
    return Found(studies, at, False, came(f"{at:016x}"))


def study(journal: Journal, uid: str) -> Study | None:
    """One study, by what it is known by."""
    row = journal.db.execute(f"SELECT {_COLUMNS} FROM studies s WHERE s.uid = ?", (uid,)).fetchone()
    return None if row is None else _study(journal, row)


def numbered(journal: Journal, number: int) -> Study | None:
    """One study by its number (`Study.id`); None where it has none, also since the journal was built anew.

    A number stays through that as long as the history of the study's first image is kept.
    """
    if not 0 <= number < 1 << 63:
        return None
    row = journal.db.execute(f"SELECT {_COLUMNS} FROM studies s WHERE s.id = ?", (number,)).fetchone()
    return None if row is None else _study(journal, row)


def words_known(journal: Journal, kind: str, most: int) -> list[str]:
    """The different words of a kind of which there are few (engine.journal_studies.SMALL), in their order."""
    rows = journal.db.execute("SELECT word FROM vocabulary WHERE kind = ? ORDER BY word LIMIT ?", (kind, most))
    return [str(row[0]) for row in rows]


def objects_of(journal: Journal, uid: str, most: int) -> list[str]:
    """The objects of a study, each by the number that it had first, oldest first."""
    rows = journal.db.execute(
        "SELECT DISTINCT family FROM objects WHERE study = ?1 OR number = ?1 ORDER BY family LIMIT ?2", (uid, most)
    )
    return [str(row[0]) for row in rows]


def _clauses(journal: Journal, asked: Asked) -> Iterator[_Clause]:
    for word in _untitled(asked.words):
        yield from _any_of(journal, word)
    referring = " ".join(_untitled(asked.referring))
    parts = {("name",): asked.name, ("institution",): asked.institution, ("institution", "physician"): referring}
    parts[("physician",)] = " ".join(_untitled(asked.physician))
    for kinds, text in parts.items():
        for same in spellings(text):
            yield _Clause(tuple(_Way(kind, "part", word) for word in same for kind in kinds))
    for kind in ("id", "accession"):
        for same in spellings(str(getattr(asked, kind))):
            yield _Clause(tuple(_Way(kind, "begins", word) for word in same))
    if asked.sender.strip():
        yield _Clause((_Way("sender", "begins", whole(asked.sender)),))
    if asked.birth.strip():
        yield _Clause((_Way("birth", "begins", day_of(asked.birth) or whole(asked.birth)),))
    if asked.first_day.strip() or asked.last_day.strip():
        first, last = day_of(asked.first_day) or "0", day_of(asked.last_day) or "99999999"
        yield _Clause((_Way("date", "range", first, last),))
    if asked.modality.strip():
        wanted = (whole(one) for one in asked.modality.split(",") if one.strip())
        yield _Clause(tuple(_Way("modality", "is", one) for one in wanted))
    if asked.uid.strip():
        yield _Clause(ids=_by_uid(journal, asked.uid.strip()))


def _untitled(text: str) -> list[str]:
    """Its words, without titles; where there is nothing else, these."""
    words = text.split()
    return [word for word in words if not _TITLES.fullmatch(word.casefold())] or words


def _any_of(journal: Journal, word: str) -> Iterator[_Clause]:
    """One word that may be anything by which a study is known; of one like `A-77` all parts must fit."""
    day = day_of(word)
    if day:
        yield _Clause((_Way("birth", "is", day), _Way("date", "is", day)))
        return
    if re.fullmatch(r"[0-9]+(\.[0-9]+){3,}|[0-9a-f]{19,32}(-[0-9a-f]{12})?", word):
        yield _Clause(ids=_by_uid(journal, word))
        return
    whole_word = (_Way("sender", "begins", whole(word)), _Way("modality", "is", whole(word)))
    parts = list(spellings(word))
    for same in parts:
        ways: list[_Way] = []
        for text in same:
            ways += [_Way("name", "part", text), _Way("id", "begins", text), _Way("accession", "begins", text)]
            how = "begins" if len(text) < SHORT else "part"
            ways += [_Way("institution", how, text), _Way("physician", how, text)]
        yield _Clause((*ways, *whole_word))
    if not parts:
        # Signs alone are no word, and nothing fits them.
        yield _Clause(ids=())


def _by_uid(journal: Journal, uid: str) -> tuple[int, ...]:
    rows = journal.db.execute(
        "SELECT id FROM studies WHERE uid = ?1 UNION SELECT study FROM study_words WHERE kind = 'series' AND word = ?1"
        " UNION SELECT s.id FROM objects o JOIN studies s ON s.uid = o.study OR s.uid = o.number WHERE o.sop = ?1"
        " UNION SELECT s.id FROM objects o JOIN studies s ON s.uid = o.study OR s.uid = o.number WHERE o.number = ?2",
        (uid, number_of(uid)),
    )
    return tuple(int(row[0]) for row in rows)


def _candidates(
    journal: Journal, clauses: Sequence[_Clause], top: int, bottom: int
) -> Iterator[tuple[int, Sequence[int] | None]]:
    """Studies that may fit, newest first, in portions: the lowest number, and which they are; None: all down to it."""
    resolved = [(clause, _words(journal, clause)) for clause in clauses]
    exact = [clause.ids for clause in clauses if clause.ids is not None]
    for _, words in resolved:
        few = _few(journal, words, top) if words is not None else None
        if few is not None:
            exact.append(few)
    if exact:
        ids = sorted((one for one in min(exact, key=len) if bottom <= one < top), reverse=True)
        for start in range(0, len(ids), _IDS):
            some = ids[start : start + _IDS]
            yield some[-1], some
        return
    alone = (words[0] for _, words in resolved if words is not None and len(words) == 1)
    single: tuple[str, ...] = next(alone, ())
    if not single:
        query, most = "SELECT id FROM studies WHERE id < ? AND id >= ? ORDER BY id", _CHUNK
    else:
        query, most = (
            "SELECT study FROM study_words WHERE kind = ? AND word = ? AND study < ? AND study >= ? ORDER BY study",
            _IDS,
        )
    while True:
        some = [int(row[0]) for row in journal.db.execute(f"{query} DESC LIMIT ?", (*single, top, bottom, most))]
        if some:
            yield some[-1], (some if single else None)
            top = some[-1]
        if len(some) < most:
            return


def _words(journal: Journal, clause: _Clause) -> list[tuple[str, str]] | None:
    """The words that fit; None where there are too many, or where it is not a matter of words."""
    if clause.ids is not None:
        return None
    found: list[tuple[str, str]] = []
    values: tuple[str, ...]
    for way in clause.ways:
        table = "vocabulary" if way.kind in SMALL else "study_words"
        match way.how:
            case "is":
                found.append((way.kind, way.text))
                continue
            case "part":
                where, values = "instr(word, ?)", (way.text,)
            case "begins":
                where, values = "word >= ? AND word < ?", (way.text, way.text + _LAST)
            case _:
                where, values = "word >= ? AND word <= ?", (way.text, way.until)
        rows = journal.db.execute(
            f"SELECT DISTINCT word FROM {table} WHERE kind = ? AND {where} LIMIT ?", (way.kind, *values, MANY_WORDS + 1)
        )
        found += [(way.kind, str(row[0])) for row in rows]
        if len(found) > MANY_WORDS:
            return None
    return list(dict.fromkeys(found))


def _few(journal: Journal, words: Sequence[tuple[str, str]], top: int) -> tuple[int, ...] | None:
    """The studies that have one of these words; None where there are too many to look at each."""
    ids: list[int] = []
    for kind, word in words:
        rows = journal.db.execute(
            "SELECT study FROM study_words WHERE kind = ? AND word = ? AND study < ? ORDER BY study DESC LIMIT ?",
            (kind, word, top, FEW_STUDIES + 1 - len(ids)),
        )
        ids += [int(row[0]) for row in rows]
        if len(ids) > FEW_STUDIES:
            return None
    return tuple(set(ids))


def _tests(clauses: Sequence[_Clause]) -> tuple[str, list[str | int]]:
    """The same conditions asked of one row of a study."""
    texts: list[str] = []
    values: list[str | int] = []
    for clause in clauses:
        if clause.ids is not None:
            texts.append(f"s.id IN ({', '.join('?' * len(clause.ids))})")
            values += list(clause.ids)
            continue
        ways = []
        for way in clause.ways:
            if way.how == "range":
                ways.append("s.date BETWEEN ? AND ?")
                values += [way.text, way.until]
            else:
                column, begin, end = PARTS.get(way.kind, ""), " ", " "
                if not column:
                    column, begin, end = "said", f"\n{way.kind} ", "\n"
                begin, end = "" if way.how == "part" else begin, end if way.how == "is" else ""
                ways.append(f"instr(s.{column}, ?)")
                values.append(f"{begin}{way.text}{end}")
        texts.append(f"({' OR '.join(ways)})")
    return "".join(f" AND {text}" for text in texts), values


def _study(journal: Journal, row: Sequence[object]) -> Study:
    number, uid, *shown, said = row
    lines = [line.partition(" ") for line in str(said).split("\n") if line]
    # An object counts by the number that it had first.
    [(count, last)] = journal.db.execute(
        "SELECT count(*), max(family) FROM objects WHERE study = ? AND family = number", (uid,)
    )
    [(only,)] = journal.db.execute("SELECT count(*) FROM objects WHERE number = ? AND study = ''", (uid,))
    name, patient, birth, date, accession, institution, physician, sender = map(str, shown)
    return Study(
        int(str(number)),
        str(uid),
        name,
        patient,
        birth,
        date,
        accession,
        institution,
        physician,
        sender,
        tuple(sorted(word.upper() for kind, _, word in lines if kind == "modality")),
        sum(kind == "sender" for kind, _, _ in lines),
        sum(kind == "series" for kind, _, _ in lines),
        int(count or only),
        came(f"{int(str(number)):016x}"),
        came(str(last or uid)),
    )


def day_of(text: str) -> str:
    """A day as people write it (1.4.2026, 01.04.2026, 2026-04-01), or as DICOM does; empty where it is none."""
    german = re.fullmatch(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})", text.strip())
    text = f"{german[3]}{german[2]:0>2}{german[1]:0>2}" if german else text.strip()
    for form, length in (("%Y%m%d", 8), ("%Y-%m-%d", 10)):
        try:
            # strptime takes 2001123 for a day, too.
            if len(text) == length:
                return datetime.strptime(text, form).strftime("%Y%m%d")
        except ValueError:
            continue
    return ""


def _ns(moment: str) -> int:
    """A moment as studies are numbered. Raises ValueError."""
    return int(datetime.fromisoformat(moment).astimezone().timestamp() * 1e9)
