"""The journal: the history made searchable, in SQLite. Derived from the lines of engine.history, and disposable.

Each file of lines is read on from where we stopped, and that place is kept in the same transaction as what was read:
each line counts once, however often we are interrupted. A journal that is missing, broken, of another edition, or that
speaks of files which are no longer the same, is deleted and built anew. Nothing of the appliance depends on it. It
must not know what an event means.
"""

import contextlib
import errno
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from engine.history import History
from engine.journal_lines import Line, head, lines_at, whole_lines
from engine.journal_tables import EDITION, TABLES, forget_file, number_of, put_event, put_keys

MOST = 5000
"""Lines taken in together: others that write wait no longer than for these."""

PATIENCE = 30.0
"""Seconds to wait for another process that writes."""

_FILE = "journal.sqlite"

_SOME = 500
"""Numbers that are asked for at once."""

_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class JournalTrouble(OSError):
    """The journal cannot be read or written now; the text says why, and quotes nothing of it."""

    def __init__(self, words: str) -> None:
        super().__init__(errno.EIO, words)


class _Stale(Exception):
    """It speaks of files that are no longer the same."""


class Journal:
    """The journal of one spool, open. For one thread; several processes may each have one at the same time."""

    def __init__(self, spool: Path) -> None:
        """Raises JournalTrouble."""
        self.root = spool
        self.path = spool / _FILE
        self._history = History(spool)
        self._rest = 0.0
        with _in_words():
            self._open()

    def close(self) -> None:
        """Let go of it."""
        self.db.close()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def catch_up(self, *, rebuild: bool = False, rest: float = 0.0) -> int:
        """Take in all that has been written since; how many lines. Raises JournalTrouble.

        rest: seconds between two portions, for whoever has time: a whole journal must not keep images waiting.
        """
        self._rest = rest
        with _in_words():
            for attempt in (1, 2):
                try:
                    if rebuild and attempt == 1:
                        raise _Stale
                    self._renew()
                    return sum(self._read(folder, path) for folder, path in self._changed())
                except _Stale:
                    self._anew()
                except sqlite3.DatabaseError as error:
                    if attempt == 2 or _code(error) not in _BROKEN:
                        raise
                    self._anew()
            return sum(self._read(folder, path) for folder, path in self._changed())

    def renew(self) -> None:
        """Open it again where another process has built it anew. Raises JournalTrouble."""
        with _in_words():
            self._renew()

    def behind(self) -> tuple[int, int]:
        """How many bytes of lines are not taken in yet, and how many there are. Raises JournalTrouble."""
        with _in_words():
            self._renew()
            places = self._places()
            found = [(size, places.get(f"{folder}/{name}", 0)) for folder, name, size in self._sizes()]
        rest, whole = sum(max(0, size - place) for size, place in found), sum(size for size, _ in found)
        return rest, whole

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, for what is found in other places than the history. Raises JournalTrouble."""
        with _in_words(), self._transaction():
            yield self.db

    def torn(self) -> int:
        """How many lines could not be read."""
        [(count,)] = self.db.execute("SELECT coalesce(sum(torn), 0) FROM files")
        return int(count)

    def expired(self, before: datetime, there: Callable[[], Iterable[str]]) -> list[str]:
        """The days before this moment of which nothing is needed any more: no object of theirs is still `there`."""
        days = {path.stem for _, path in self._files() if path.stem < f"{before.astimezone(UTC):%Y-%m-%d}"}
        kept = {relative for name in there() for relative in self.family(number_of(name))} if days else set()
        return sorted(day for day in days if kept.isdisjoint(self._numbers_of(day)))

    def forget(self, day: str) -> None:
        """Take out the rows of a day whose files are gone. Raises JournalTrouble."""
        with self.writing():
            for folder in ("history", "keys"):
                forget_file(self.db, f"{folder}/{day}.jsonl")

    def family(self, number: str) -> list[str]:
        """Every number that this object has had; at least this one."""
        rows = self.db.execute(
            "SELECT number FROM objects WHERE family = (SELECT family FROM objects WHERE number = ?)", (number,)
        )
        return [str(row[0]) for row in rows] or [number]

    def events(self, number: str) -> Iterator[Line]:
        """Every line of the history that tells of this number, as it was written."""
        rows = self.db.execute(
            "SELECT f.name, e.offset FROM events e JOIN files f ON f.number = e.file WHERE e.object = ?"
            " ORDER BY f.name, e.offset",
            (number,),
        ).fetchall()
        for name, offset in rows:
            # A file that was removed by hand takes its words along.
            with contextlib.suppress(FileNotFoundError):
                yield from (read.line for read in whole_lines(self.root / name, offset, 1) if read.line)

    def lines_of(self, numbers: Sequence[str], most: int) -> Iterator[Line]:
        """The lines that tell of any of these, file after file: each is opened once. No more than `most`."""
        places: dict[str, list[int]] = {}
        for some, marks in portions(numbers):
            rows = self.db.execute(
                f"SELECT f.name, e.offset FROM events e JOIN files f ON f.number = e.file WHERE e.object IN {marks}",
                some,
            )
            for name, offset in rows:
                places.setdefault(str(name), []).append(int(offset))
        left = most
        for name in sorted(places):
            chosen = sorted(places[name])[:left]
            left -= len(chosen)
            with contextlib.suppress(FileNotFoundError):
                yield from lines_at(self.root / name, chosen)

    def _numbers_of(self, day: str) -> Iterator[str]:
        for (number,) in self.db.execute(
            "SELECT DISTINCT object FROM events WHERE file = (SELECT number FROM files WHERE name = ?)",
            (f"history/{day}.jsonl",),
        ):
            yield str(number)

    def _files(self) -> list[tuple[str, Path]]:
        folders = (("history", self._history.events), ("keys", self._history.keys))
        return [(name, path) for name, folder in folders for path in sorted(folder.glob("*.jsonl"))]

    def _changed(self) -> list[tuple[str, Path]]:
        """The files that are longer, or shorter, than they were read."""
        places = self._places()
        return [
            (folder, self.root / folder / name)
            for folder, name, size in self._sizes()
            if places.get(f"{folder}/{name}", -1) != size
        ]

    def _sizes(self) -> Iterator[tuple[str, str, int]]:
        """Every file: folder, name, size. Of ten years there are very many, so each costs one call of the system."""
        for folder in ("history", "keys"):
            with contextlib.suppress(FileNotFoundError), os.scandir(self.root / folder) as found:
                sizes: dict[str, int] = {}
                for one in found:
                    with contextlib.suppress(FileNotFoundError):  # its days may be over just now
                        if one.name.endswith(".jsonl"):
                            sizes[one.name] = one.stat().st_size
                yield from ((folder, name, sizes[name]) for name in sorted(sizes))

    def _places(self) -> dict[str, int]:
        return {str(name): int(place) for name, place in self.db.execute("SELECT name, offset FROM files")}

    def _read(self, folder: str, path: Path) -> int:
        """Take in the rest of one file."""
        name, count = f"{folder}/{path.name}", 0
        while True:
            try:
                size = path.stat().st_size
            except FileNotFoundError:
                return count
            if self._place(name)[0] == size:
                return count
            with self._transaction():
                read = self._read_some(folder, name, path)
            if not read:
                return count
            count += read
            time.sleep(self._rest if read == MOST else 0.0)

    def _read_some(self, folder: str, name: str, path: Path) -> int:
        # Asked again: another process may have read on until the transaction was ours.
        offset, known = self._place(name)
        found = head(path)
        if offset > path.stat().st_size or (known and known != found):
            raise _Stale
        self.db.execute(
            "INSERT INTO files (name, offset, head, torn) VALUES (?, 0, '', 0) ON CONFLICT DO NOTHING", (name,)
        )
        [(file,)] = self.db.execute("SELECT number FROM files WHERE name = ?", (name,))
        count = torn = 0
        end = offset
        for read in whole_lines(path, offset, MOST):
            if read.line is None:
                torn += 1
            elif folder == "history" and read.line:
                put_event(self.db, file, read.at, read.line)
            elif read.line:
                put_keys(self.db, read.line)
            count, end = count + 1, read.end
        self.db.execute(
            "UPDATE files SET offset = ?, head = ?, torn = torn + ? WHERE number = ?", (end, found, torn, file)
        )
        return count

    def _place(self, name: str) -> tuple[int, str]:
        row = self.db.execute("SELECT offset, head FROM files WHERE name = ?", (name,)).fetchone()
        return (int(row[0]), str(row[1])) if row else (0, "")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def _renew(self) -> None:
        if not self._is_ours():
            self.db.close()
            self._open()

    def _is_ours(self) -> bool:
        """Whether the file is the one that is open: another process may have built it anew."""
        try:
            return self.path.stat().st_ino == self._inode
        except FileNotFoundError:
            return False

    def _anew(self) -> None:
        self.db.close()
        remove_journal(self.root)
        self._open()

    def _open(self) -> None:
        with _alone(self.root):
            try:
                self.db = self._connected()
            except sqlite3.DatabaseError as error:
                if _code(error) not in _BROKEN:
                    raise
                _remove(self.root)
                self.db = self._connected()
            self._inode = self.path.stat().st_ino

    def _connected(self) -> sqlite3.Connection:
        """A connection to a journal of this edition; one of another edition is removed first."""
        for _ in (1, 2):
            # Made by us, so that it is for this account alone; SQLite gives the files beside it the same rights.
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
            db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                # What a power cut takes of it is read again from the lines.
                db.execute("PRAGMA synchronous = NORMAL")
                [(edition,)] = db.execute("PRAGMA user_version")
                if edition == EDITION:
                    return db
                [(tables,)] = db.execute("SELECT count(*) FROM sqlite_master")
                if not tables:
                    db.executescript(f"BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {EDITION}; COMMIT")
                    return db
            except BaseException:
                db.close()
                raise
            db.close()
            _remove(self.root)
        raise JournalTrouble("the journal cannot be made")


def remove_journal(spool: Path) -> None:
    """Remove it: whoever opens it next builds it anew. Whoever has it open finds that out (`Journal.renew`)."""
    with _alone(spool):
        _remove(spool)


def _remove(spool: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        (spool / f"{_FILE}{ending}").unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(spool: Path) -> Iterator[None]:
    """Only one process makes or removes the file at a time."""
    handle = os.open(spool / ".journal.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def portions(numbers: Sequence[str]) -> Iterator[tuple[Sequence[str], str]]:
    """As many of these as are asked for at once, with the marks of a list in SQL: `IN (?, ?, ?)`."""
    for start in range(0, len(numbers), _SOME):
        some = numbers[start : start + _SOME]
        yield some, f"({', '.join('?' * len(some))})"


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        # SQLite's own text for its code: that of a constraint would name a value's column, never a value.
        raise JournalTrouble(
            f"the journal cannot be used now ({getattr(error, 'sqlite_errorname', 'SQLite')})"
        ) from None


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
