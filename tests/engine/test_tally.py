"""What a report counts: what has happened, from the history, and how things stand, from the folders."""

import json
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.pump import Pump
from engine.tally import Tally, events, held, standing, tally
from tests.engine.spool.crash_kit import Line, Pacs, program


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, mail; OT is discarded."""
    return Line(tmp_path / "line", program(), Pacs())


def counted(line: Line) -> Tally:
    """Everything that has happened in it."""
    return tally(line.root / "spool/history", time.time() - 3600, time.time() + 3600)


def test_what_was_received_delivered_held_and_discarded_is_counted(line: Line) -> None:
    line.pacs.refuse = {"1.2"}
    for uid in ("1.1", "1.2", "1.3"):
        line.receive(uid)
    line.receive("1.4", "OT")
    line.receive("1.5", "CT")
    line.turn(time.time())
    found = counted(line)
    assert found.received == 5
    assert found.delivered == {"archive.store": 3, "PACS": 2}
    assert sum(found.discarded.values()) == 1
    assert found.held == 2
    [number] = [entry.id for entry in line.spool.outbox("hold").all() if entry.note.get("refused by")]
    line.spool.delete(number)
    assert counted(line).deleted == 1


def test_what_later_editions_note_is_counted_too() -> None:
    found = Tally()
    for event in (
        {"event": "received", "source": "port 1"},
        {"event": "received", "again": "01"},
        {"event": "duplicate", "first": "01", "why": "the same bytes"},
        {"event": "failed", "outbox": "PACS", "why": "it refuses"},
        {"event": "discarded", "why": "no localizers", "rule": "a.rules:3"},
        {"event": "collected", "outbox": "study.collect"},
        {"event": "chore", "why": "a.rules:4: mailed admin"},
        {},
    ):
        found.add(event)
    assert (found.received, found.duplicates) == (1, 1)
    assert found.failed == {"PACS": 1}
    assert found.discarded == {"no localizers (a.rules:3)": 1}


def written(folder: Path, *moments: str) -> Path:
    """A history with something at each of these moments, in UTC."""
    folder.mkdir(exist_ok=True)
    for moment in moments:
        line = json.dumps({"at": f"{moment}.000+00:00", "event": "received", "object": moment})
        with (folder / f"{moment[:10]}.jsonl").open("a") as stream:
            stream.write(line + "\n")
    return folder


def seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def test_it_counts_from_one_moment_to_another_over_midnight(tmp_path: Path) -> None:
    moments = ("2026-03-30T06:59:59", "2026-03-30T07:00:00", "2026-03-30T23:59:59", "2026-03-31T00:00:00")
    folder = written(tmp_path / "history", *moments, "2026-03-31T07:00:00", "2026-04-02T07:00:00")
    found = events(folder, seconds("2026-03-30T07:00:00"), seconds("2026-03-31T07:00:00"))
    assert [event["object"] for event in found] == list(moments[1:])


def test_two_reports_one_after_the_other_count_each_thing_once(tmp_path: Path) -> None:
    moments = [f"2026-03-{day:02}T{hour:02}:30:00" for day in range(1, 8) for hour in range(0, 24, 5)]
    folder = written(tmp_path / "history", *moments)
    cuts = [seconds(f"2026-03-{day:02}T07:00:00") for day in range(1, 8)]
    spans = zip([seconds("2026-02-01T00:00:00"), *cuts], [*cuts, seconds("2026-04-01T00:00:00")], strict=True)
    assert sum(tally(folder, since, until).received for since, until in spans) == len(moments)


def test_a_torn_line_and_a_day_that_was_deleted_are_left_out(tmp_path: Path) -> None:
    folder = written(tmp_path / "history", "2026-03-31T08:00:00")
    with (folder / "2026-03-31.jsonl").open("ab") as stream:
        stream.write(b'{"at": "2026-03-31T09:00\n[1]\n\xff\xfe\n')
    found = tally(folder, seconds("2026-03-01T00:00:00"), seconds("2026-04-01T00:00:00"))
    assert found.received == 1
    assert tally(tmp_path / "none", 0, 9e8) == Tally()


def test_a_large_day_is_not_loaded_into_memory(tmp_path: Path) -> None:
    folder = tmp_path / "history"
    folder.mkdir()
    line = json.dumps({"at": "2026-03-31T08:00:00.000+00:00", "event": "received", "object": "0" * 19}) + "\n"
    (folder / "2026-03-31.jsonl").write_text(line * 100_000)
    tracemalloc.start()
    found = tally(folder, seconds("2026-03-31T00:00:00"), seconds("2026-04-01T00:00:00"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.received == 100_000
    assert peak < 1 << 20


def test_what_waits_says_since_when_and_why(line: Line) -> None:
    line.pacs.away = {"1.1", "1.2"}
    before = time.time()
    line.receive("1.1")
    line.turn(time.time())
    line.receive("1.2")
    line.turn(time.time())
    line.receive("1.3")
    now = standing(line.spool)
    assert now.unrouted == 1
    waiting = {one.outbox: one for one in now.waiting}
    assert set(waiting) == {"PACS", "admin.mail"}
    assert (waiting["PACS"].count, waiting["PACS"].why) == (2, "it is away")
    assert before <= waiting["PACS"].since <= time.time()
    assert now.held == {}


def test_what_is_held_is_counted_by_reason(line: Line) -> None:
    line.pacs.refuse = {"1.1", "1.2"}
    for uid in ("1.1", "1.2"):
        line.receive(uid)
    line.receive("1.3", "CT")
    line.turn(time.time())
    found = held(line.spool)
    assert list(found.values()) == [2, 1]
    assert next(iter(found)) == "PACS: it refuses"


def test_what_is_held_and_says_nothing_readable_is_left_out_of_the_reasons(line: Line) -> None:
    for uid in ("1.1", "1.2", "1.3", "1.4"):
        line.receive(uid, "CT")
    line.turn(time.time())
    notes = sorted(line.spool.outbox("hold").entries.glob("*.json"))
    for note, text in zip(notes, (b"{", b"[]", b'{"note": 1, "why": ""}'), strict=False):
        note.write_bytes(text)
    assert list(held(line.spool).values()) == [1]


def test_an_outbox_that_nobody_reads_is_no_reason_to_fail(line: Line) -> None:
    line.receive("1.1")
    line.turn(time.time())
    Pump(line.spool.outbox("PACS"), lambda: None, line.router.refuse)
    for note in (line.root / "spool/outbox/admin.mail/entries").iterdir():
        note.write_bytes(b"{")
    [waiting] = standing(line.spool).waiting
    assert (waiting.outbox, waiting.count, waiting.since) == ("admin.mail", 1, 0.0)
