"""The arrivals: which objects have come, by SOP Instance UID and digest, so that a duplicate is known as one.

A small SQLite file beside the folders of the spool. Derived and disposable: without it a duplicate is routed again,
which loses nothing. What it says counts only while it is true: an object is written down before anything is promised
for it, and struck out when what was promised no longer stands (a person deleted it, a delivery failed for good).

It must not know what rules do with a duplicate. It never leaves the machine: UIDs are what a patient is found by.
"""

import hashlib
import json
import logging
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from engine.duplicates import NEW, Seen
from engine.errors import Never
from engine.likeness import Likeness, difference, likeness
from engine.object import Object, Origin

log = logging.getLogger("stellwerk.arrivals")

DAY = 86400.0
"""Within it an identical object is dropped: what was lost elsewhere can be sent again on the next day."""

RETENTION = 30 * DAY
"""How long an arrival is remembered."""

_REMEMBERED = 1000
_SWEEP, _SWEPT_AT_ONCE = 3600.0, 5000
_PATIENCE = 30.0
"""Seconds to wait for another process that is writing; a transaction here lasts milliseconds."""

_EDITION = 2
"""Of what stands in it: what tells pixels apart was another checksum in the first."""
_COLUMNS = "object, uid, digest, way, program, day, at, stands, routes, likeness"
_SCHEMA = """
create table if not exists arrivals (
  object text primary key, uid text not null, digest blob not null, way text not null, program text not null,
  day text not null, at real not null, stands integer not null, routes text not null, likeness blob not null
) without rowid;
create table if not exists copies (object text, path text, primary key (object, path)) without rowid;
create index if not exists arrivals_by_uid on arrivals (uid);
create index if not exists arrivals_by_time on arrivals (at);
"""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One object that has come, as far as a later one is compared with it.

    way: how it came, with every fact that rules may ask. day: when, for programs that ask for the day; else empty.
    stands: whether what was promised for it still holds. routes: those that took it.
    """

    object: str
    uid: str
    digest: bytes
    way: str
    program: str
    day: str
    at: float
    stands: bool
    routes: tuple[str, ...]
    likeness: bytes


class Arrivals:
    """The index of one spool. One thread asks and writes (the router's); others only strike out."""

    def __init__(self, root: Path) -> None:
        self.path = root / "arrivals.sqlite"
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._unwritten: dict[str, Arrival] = {}
        self._disowned: deque[str] = deque(maxlen=_REMEMBERED)
        self._swept = 0.0

    def look(
        self, obj: Object, at: float, program: str, dated: bool, known: bytes = b""
    ) -> tuple[Seen, Arrival | None]:
        """What is known of earlier arrivals of the object, and itself, to be written down once its routes are known.

        None where it has no SOP Instance UID, or nobody can read which. at: when it was accepted, seconds since 1970.
        dated: whether the rules ask for the day. known: the digest of its data set, where whoever received it has
        computed it. Raises OSError where its bytes cannot be read now.
        """
        try:
            # First of all: a value that pydicom has been asked for is no longer there as it is encoded.
            alike, digest = likeness(obj.header, obj.payload, known)
            uid = obj.header.first("SOPInstanceUID")
        except Never:
            return NEW, None
        if not uid:
            return NEW, None
        day = obj.origin.received[:10] if dated else ""
        mine = Arrival(obj.id, uid, digest, way(obj.origin), program, day, at, True, (), alike.to_bytes())
        earlier = [one for one in self._of(uid) if one.object != obj.id and at - one.at < RETENTION]
        found = _seen(mine, earlier)
        while found.same and not self._is_still_there(found.same):
            # Its copy has gone from the archive, whoever took it: what is sent again is to be stored again.
            self.no_longer_stands(found.same)
            earlier = [replace(one, stands=one.stands and one.object != found.same) for one in earlier]
            found = _seen(mine, earlier)
        return found, mine

    def write(self, arrival: Arrival, routes: Collection[str]) -> None:
        """Note an object that is about to be promised to these routes; one more of its UID is compared with it now."""
        with self._lock:
            if arrival.object not in self._disowned:
                self._unwritten[arrival.object] = replace(arrival, routes=tuple(sorted(routes)))

    def commit(self, now: float) -> None:
        """Write down what was noted, in one transaction; now and then, take out what has been there long enough."""
        with self._lock:
            rows = [_row(arrival) for arrival in self._unwritten.values()]
            self._unwritten.clear()
        marks = ", ".join("?" * len(_COLUMNS.split(", ")))
        old = now - self._swept > _SWEEP

        def write(db: sqlite3.Connection) -> int:
            with db:
                db.executemany(f"insert or replace into arrivals ({_COLUMNS}) values ({marks})", rows)
                if not old:
                    return 0
                some = "select object from arrivals where at < ? limit ?"
                old_ones = (now - RETENTION, _SWEPT_AT_ONCE)
                db.execute(f"delete from copies where object in ({some})", old_ones)
                found = db.execute(f"delete from arrivals where object in ({some})", old_ones)
                return found.rowcount

        if (rows or old) and self._safely(write, 0) < _SWEPT_AT_ONCE and old:
            self._swept = now

    def stored(self, copies: Sequence[tuple[str, Path]]) -> None:
        """Note where in an archive objects have been stored: they are known as long as their copies are there."""
        rows = [(number, str(path)) for number, path in copies]

        def write(db: sqlite3.Connection) -> None:
            with db:
                db.executemany("insert or replace into copies values (?, ?)", rows)

        self._safely(write, None)

    def _is_still_there(self, number: str) -> bool:
        """Whether every copy of an object that was stored still is."""

        def find(db: sqlite3.Connection) -> list[Path]:
            return [Path(path) for (path,) in db.execute("select path from copies where object = ?", (number,))]

        nothing: list[Path] = []
        return all(path.exists() for path in self._safely(find, nothing))

    def strike_out(self, number: str) -> None:
        """A person has deleted the object, or sends it through the rules anew: it is as if it had never come."""
        with self._lock:
            self._unwritten.pop(number, None)
            self._change("delete from arrivals where object = ?", number)

    def disown(self, number: str) -> None:
        """The object was not taken in after all, whatever the router has seen of it meanwhile: its sender keeps it."""
        with self._lock:
            self._disowned.append(number)
            self.strike_out(number)

    def no_longer_stands(self, number: str) -> None:
        """What was promised for the object has failed: should it be sent again, that is done again."""
        self._change("update arrivals set stands = 0 where object = ?", number)

    def earlier(self, uid: str, number: str) -> tuple[Arrival, ...]:
        """All arrivals of this UID before this one."""
        return tuple(one for one in self._of(uid) if one.object < number)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def _of(self, uid: str) -> list[Arrival]:
        """Every arrival under a UID, oldest first."""

        def find(db: sqlite3.Connection) -> list[Arrival]:
            return [_arrival(row) for row in db.execute(f"select {_COLUMNS} from arrivals where uid = ?", (uid,))]

        nothing: list[Arrival] = []
        found = {one.object: one for one in self._safely(find, nothing)}
        with self._lock:
            found |= {one.object: one for one in self._unwritten.values() if one.uid == uid}
        return sorted(found.values(), key=lambda one: one.object)

    def _change(self, statement: str, number: str) -> None:
        if not self.path.exists():
            return

        def change(db: sqlite3.Connection) -> None:
            with db:
                db.execute(statement, (number,))

        self._safely(change, None, vital=True)

    def _safely(self, ask: Callable[[sqlite3.Connection], T], otherwise: T, *, vital: bool = False) -> T:
        """What the file answers. A broken one is thrown away: then everything is new, which loses nothing.

        vital: so is one that merely cannot be used now, for what it goes on to say would be wrong.
        """
        with self._lock:
            try:
                return ask(self._open())
            except (sqlite3.OperationalError, OSError) as error:
                log.error("the index of arrivals cannot be used now (%s)", type(error).__name__)
                if vital:
                    self._throw_away()
            except (sqlite3.Error, ValueError) as error:
                log.error("the index of arrivals is broken (%s), and begun anew", type(error).__name__)
                self._throw_away()
            return otherwise

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and _inode(self.path) != self._inode:
            # Somebody has thrown it away, and relies on its being forgotten.
            self.close()
        if self._connection is None:
            # Nobody else may read it: a patient can be found by a UID. SQLite's other files take after this one.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            db = sqlite3.connect(self.path, timeout=_PATIENCE, check_same_thread=False)
            self._connection, self._inode = db, _inode(self.path)
            db.execute("pragma journal_mode = wal")
            db.execute("pragma synchronous = normal")
            edition = int(db.execute("pragma user_version").fetchone()[0])
            if edition not in (0, _EDITION):
                raise ValueError("an index of another edition")
            db.executescript(f"{_SCHEMA} pragma user_version = {_EDITION};")
        return self._connection

    def _throw_away(self) -> None:
        try:
            self.close()
        except sqlite3.Error:
            self._connection = None
        for ending in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)


def way(origin: Origin) -> str:
    """How an object came: a digest of everything of its connection that a rule may ask for."""
    facts = origin.to_json()
    for moment in ("received", "association"):
        facts.pop(moment, None)
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=8).hexdigest()


def _seen(mine: Arrival, earlier: Sequence[Arrival]) -> Seen:
    """What the earlier arrivals, oldest first, mean for this one."""

    def is_same(one: Arrival) -> bool:
        asked = (one.digest, one.way, one.program, one.day) == (mine.digest, mine.way, mine.program, mine.day)
        return asked and one.stands and mine.at - one.at < DAY

    same = next((one for one in reversed(earlier) if is_same(one)), None)
    others = same is not None and any(
        one.object > same.object and one.digest != mine.digest and one.routes for one in earlier
    )
    taken = frozenset(name for one in earlier if one.stands for name in one.routes)
    first = earlier[0] if earlier and earlier[0].digest != mine.digest else None
    newer = next(
        (one for one in earlier if one.object > mine.object and one.digest != mine.digest and one.routes), None
    )
    first = first or newer
    words = ""
    if first is not None:
        words = difference(Likeness.from_bytes(first.likeness), Likeness.from_bytes(mine.likeness))
    return Seen(same.object if same else "", others, first.object if first else "", words, newer is not None, taken)


def _row(one: Arrival) -> tuple[object, ...]:
    routes = json.dumps(one.routes, ensure_ascii=False)
    return (
        *(one.object, one.uid, one.digest, one.way, one.program, one.day, one.at, int(one.stands)),
        *(routes, one.likeness),
    )


def _arrival(row: tuple[str, str, bytes, str, str, str, float, int, str, bytes]) -> Arrival:
    number, uid, digest, how, program, day, at, stands, routes, alike = row
    return Arrival(number, uid, digest, how, program, day, at, bool(stands), tuple(json.loads(routes)), alike)


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0
