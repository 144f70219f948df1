"""The journal follows the history line by line, each once, and can be thrown away at any time."""

import json
import os
import sqlite3
import stat
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine import journal as journals
from engine.history import History
from engine.indexer import Indexer
from engine.journal import Journal, JournalTrouble
from engine.step import HOLD
from tests.engine.spool.crash_kit import Line, Pacs, program

NUMBER = "18af0b5cf0a1c2d3abc"


def event(number: str = NUMBER, what: str = "received", **more: str) -> bytes:
    line = {"at": "2026-03-01T10:00:00.000+00:00", "event": what, "object": number, **more}
    return json.dumps(line).encode() + b"\n"


@pytest.fixture
def day(tmp_path: Path) -> Path:
    """A day of the history."""
    (tmp_path / "history").mkdir()
    return tmp_path / "history" / "2026-03-01.jsonl"


def events(journal: Journal) -> list[tuple[str, str]]:
    """Number and event of every line that is known."""
    numbers = journal.db.execute("SELECT DISTINCT object FROM events ORDER BY object DESC").fetchall()
    return [(number, str(line["event"])) for (number,) in numbers for line in journal.events(number)]


def test_each_line_is_taken_in_once(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event())
    with Journal(tmp_path) as journal:
        assert journal.catch_up() == 1
        assert journal.catch_up() == 0
        with day.open("ab") as stream:
            stream.write(event(what="discarded", why="not wanted"))
        assert journal.catch_up() == 1
        assert events(journal) == [(NUMBER, "received"), (NUMBER, "discarded")]
    with Journal(tmp_path) as journal:
        assert journal.catch_up() == 0


def test_a_line_without_an_end_waits_until_it_is_whole(tmp_path: Path, day: Path) -> None:
    whole = event()
    day.write_bytes(whole + whole[:30])
    with Journal(tmp_path) as journal:
        assert journal.catch_up() == 1
        assert journal.catch_up() == 0
        day.write_bytes(whole + whole)
        assert journal.catch_up() == 1
        assert journal.torn() == 0


def test_a_torn_line_is_counted_and_the_next_one_read(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event() + event()[:30] + b"\n" + event(what="discarded"))
    with Journal(tmp_path) as journal:
        journal.catch_up()
        assert journal.torn() == 1
        assert [what for _, what in events(journal)] == ["received", "discarded"]


def test_what_was_written_behind_half_a_line_is_read(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event()[:40] + event(what="discarded") + b"\n" + b"nonsense\n" + b"[1]\n")
    with Journal(tmp_path) as journal:
        journal.catch_up()
        assert [what for _, what in events(journal)] == ["discarded"]
        assert journal.torn() == 2


def test_two_that_follow_at_the_same_time_take_each_line_in_once(
    tmp_path: Path, day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "MOST", 7)
    day.write_bytes(b"".join(event(f"{number:019x}") for number in range(500)))

    def follow() -> None:
        with Journal(tmp_path) as journal:
            journal.catch_up()

    threads = [threading.Thread(target=follow) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Journal(tmp_path) as journal:
        assert journal.catch_up() == 0
        assert len(events(journal)) == 500
        assert journal.db.execute("SELECT count(*) FROM objects").fetchone() == (500,)


def test_an_interruption_leaves_neither_lines_without_their_place_nor_a_place_without_its_lines(
    tmp_path: Path, day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day.write_bytes(event() + event(what="discarded"))
    with Journal(tmp_path) as journal:
        put = journals.put_event

        def stops(db: sqlite3.Connection, file: int, offset: int, line: dict[str, object]) -> None:
            if offset:
                raise KeyboardInterrupt
            put(db, file, offset, line)

        monkeypatch.setattr(journals, "put_event", stops)
        with pytest.raises(KeyboardInterrupt):
            journal.catch_up()
        assert not events(journal)
        monkeypatch.setattr(journals, "put_event", put)
        assert journal.catch_up() == 2


@pytest.mark.parametrize("spoil", ["nonsense", "edition", "middle", "gone"])
def test_a_journal_that_cannot_be_used_is_built_anew(tmp_path: Path, day: Path, spoil: str) -> None:
    day.write_bytes(b"".join(event(f"{number:019x}") for number in range(2000)))
    path = tmp_path / "journal.sqlite"
    with Journal(tmp_path) as journal:
        journal.catch_up()
        journal.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    if spoil == "nonsense":
        path.write_bytes(b"no database" * 1000)
    elif spoil == "edition":
        db = sqlite3.connect(path)
        db.execute("PRAGMA user_version = 99")
        db.close()
    elif spoil == "middle":
        with path.open("r+b") as stream:
            stream.seek(4096)
            stream.write(os.urandom(path.stat().st_size - 4096))
    else:
        path.unlink()
    with Journal(tmp_path) as journal:
        with day.open("ab") as stream:
            stream.write(event())
        journal.catch_up()
        assert len(events(journal)) == 2001


def test_files_that_are_no_longer_the_same_are_read_anew(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event() * 3)
    with Journal(tmp_path) as journal:
        journal.catch_up()
        day.write_bytes(event(what="discarded"))
        journal.catch_up()
        assert [what for _, what in events(journal)] == ["discarded"]
        day.write_bytes(event(what="received", why="longer than before") * 3)
        journal.catch_up()
        assert [what for _, what in events(journal)] == ["received"] * 3


def test_one_that_another_process_has_built_anew_is_opened_again(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event())
    with Journal(tmp_path) as one, Journal(tmp_path) as other:
        one.catch_up()
        other.catch_up(rebuild=True)
        with day.open("ab") as stream:
            stream.write(event(what="discarded"))
        assert one.catch_up() == 1
        assert other.catch_up() == 0
        assert len(events(other)) == len(events(one)) == 2


def test_it_is_for_this_account_alone(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event())
    with Journal(tmp_path) as journal:
        journal.catch_up()
        files = list(tmp_path.glob("journal.sqlite*"))
        assert len(files) > 1
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_one_that_cannot_be_used_says_so_in_words_and_quotes_nothing(
    tmp_path: Path, day: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "PATIENCE", 0.1)
    day.write_bytes(event())
    with Journal(tmp_path) as journal:
        other = sqlite3.connect(journal.path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalTrouble, match=r"cannot be used now \(SQLITE_BUSY\)"):
            journal.catch_up()
        other.close()
        assert journal.catch_up() == 1


def test_a_line_that_says_what_no_edition_says_is_kept_to_be_shown(tmp_path: Path, day: Path) -> None:
    day.write_bytes(event(what="admired", by="many") + event("", "chore", why="3 copies"))
    with Journal(tmp_path) as journal:
        journal.catch_up()
        assert events(journal) == [(NUMBER, "admired"), ("", "chore")]
        assert journal.db.execute("SELECT count(*) FROM objects").fetchone() == (0,)


# ── how long it lasts ───────────────────────────────────────────────────────────────────────────────────────────────


def indexer(line: Line, days: int) -> Indexer:
    return Indexer(line.spool.root, days, line.spool.waiting, line.spool.history.drop)


def test_after_its_days_the_history_goes_with_its_rows(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1", "OT")
    line.turn(time.time())
    later = datetime.now(UTC) + timedelta(days=11)
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        assert indexer(line, 12).tidy(journal, later) == []
        assert indexer(line, 0).tidy(journal, later) == []
        assert len(indexer(line, 10).tidy(journal, later)) == 1
        for table in ("events", "objects", "promises", "words", "copies", "files"):
            assert journal.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert not list(line.spool.history.events.iterdir())
    assert not list(line.spool.history.keys.iterdir())


def test_what_is_in_the_spool_keeps_its_history_however_old(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1", "XA")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        # Under its first number too, though it lies there under another.
        days = indexer(line, 1).tidy(journal, datetime.now(UTC) + timedelta(days=9))
        assert days == []
        assert journal.family(held.object) == sorted([held.object, *line.spool.waiting()])


def test_the_indexer_follows_and_stops(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.tell("received", NUMBER)
    one = Indexer(tmp_path, 1, list, history.drop)
    thread = threading.Thread(target=one.loop)
    thread.start()
    end = time.monotonic() + 10
    with Journal(tmp_path) as journal:
        while not events(journal) and time.monotonic() < end:
            time.sleep(0.02)
        assert events(journal) == [(NUMBER, "received")]
    one.stop()
    thread.join(5)
    assert not thread.is_alive()
