"""The history is written ahead: what has left the spool is told of, and what is told of may still be there."""

import json
import os
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine import files
from engine.history import History
from engine.step import HOLD
from tests.engine.spool.crash_kit import DISCARD, FORWARD, MAIL, Crash, Line, Pacs, disk, program


def events(line: Line, *wanted: str) -> list[dict[str, str]]:
    return [told for told in line.spool.history.lines() if told["event"] in wanted]


def test_the_life_of_an_object_can_be_read(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    number = line.receive("1.2.1")
    line.turn(time.time())
    told = [told for told in line.spool.history.lines() if told["object"] == number]
    assert told[0] | {"at": ""} == {
        "at": "",
        "event": "received",
        "object": number,
        "source": "dicom 1",
        "sender": "SONO1",
        "called": "STELLWERK",
        "address": "10.0.0.1",
        "program": line.digest,
    }
    assert {(t["event"], t["outbox"]) for t in told[1:]} == {
        ("promised", "archive.store"),
        ("promised", "PACS"),
        ("promised", "admin.mail"),
        ("delivered", "archive.store"),
        ("delivered", "PACS"),
    }
    [stored] = [t for t in told if t["event"] == "delivered" and t["outbox"] == "archive.store"]
    assert stored["entry"] == next(t["entry"] for t in told if t.get("outbox") == "archive.store")


def test_what_a_person_searches_by_is_apart_from_what_happened(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    number = line.receive("1.2.1", patient="Müller^Änne")
    line.turn(time.time())
    keys, copy = (
        json.loads(text) for path in line.spool.history.keys.iterdir() for text in path.read_text().splitlines()
    )
    assert keys["object"] == number
    assert (keys["name"], keys["id"], keys["sop"], keys["modality"]) == ("Müller^Änne", "4711", "1.2.1", "US")
    assert (copy["object"], copy["outbox"]) == (number, "archive.store")
    assert copy["place"] == "Praxis Süd/Müller^Änne/1.2.1.dcm"
    for path in line.spool.history.events.iterdir():
        assert not [word for word in ("Müller", "4711", "1.2.1.dcm") if word in path.read_text()]
    for path in (*line.spool.history.keys.iterdir(), *line.spool.history.events.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_discarded_object_is_told_of_with_the_line_of_the_rule(tmp_path: Path) -> None:
    rules = program()
    line = Line(tmp_path, rules, Pacs())
    line.receive("1.2.1", "OT")
    line.turn(time.time())
    [told] = events(line, "discarded")
    assert told["why"] == "rest: not wanted"
    assert told.get("rule", "") == rules.routes[1].written


def test_an_object_that_is_discarded_with_a_mail_about_it_is_told_of_as_discarded(tmp_path: Path) -> None:
    mailed = replace(program(), routes=(replace(program().routes[1], chain=(MAIL, DISCARD)),))
    line = Line(tmp_path, mailed, Pacs())
    number = line.receive("1.2.1", "OT")
    line.turn(time.time())
    assert [told["object"] for told in events(line, "discarded")] == [number]
    assert [told["outbox"] for told in events(line, "promised")] == ["admin.mail"]


def test_an_on_failure_that_discards_says_so_with_its_rule(tmp_path: Path) -> None:
    main = replace(program(failure=True).routes[0], chain=(FORWARD,), failure=(DISCARD,), written="house.rules:7")
    pacs = Pacs()
    pacs.refuse = {"1.2.1"}
    line = Line(tmp_path, replace(program(), routes=(main,)), pacs)
    number = line.receive("1.2.1")
    line.turn(time.time())
    failed, discarded = events(line, "failed", "discarded")
    assert failed["object"] == discarded["object"] == number
    assert discarded["why"] == "main: its `on failure` discards what PACS has refused"
    assert discarded["rule"] == "house.rules:7"
    assert not list((tmp_path / "spool").rglob("*.dcm"))


def test_a_release_through_the_rules_says_under_which_number_the_object_goes_on(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    number = line.receive("1.2.1", "XA")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    [released] = events(line, "released")
    again = events(line, "received")[-1]
    assert released["object"] == number
    assert released["as"] == again["object"]
    assert again["again"] == number


@pytest.mark.parametrize(("failure", "refuse"), [(False, False), (False, True), (True, True)])
def test_nothing_leaves_the_spool_untold_wherever_it_crashes(tmp_path: Path, failure: bool, refuse: bool) -> None:
    """Every object that was taken in is in the spool, or its last line says what became of it."""

    def live(root: Path, told: list[str]) -> None:
        pacs = Pacs()
        pacs.refuse = {"1.2.1"} if refuse else set()
        line = Line(root, program(failure=failure), pacs)
        for uid, modality in (("1.2.1", "US"), ("1.2.2", "US"), ("1.2.3", "OT")):
            told.append(line.receive(uid, modality))
        line.turn(time.time())

    (tmp_path / "count").mkdir()
    with disk() as done:
        live(tmp_path / "count", [])
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        root.mkdir()
        numbers: list[str] = []
        with disk(crash_at=point), pytest.raises(Crash):
            live(root, numbers)
        ended = {told["entry"] for told in _lines(root) if told["event"] in ("delivered", "failed")}
        discarded = {told["object"] for told in _lines(root) if told["event"] == "discarded"}
        there = {path.stem for ending in ("dcm", "arriving") for path in (root / "spool").rglob(f"*.{ending}")}
        promised = {told["entry"] for told in _lines(root) if told["event"] in ("promised", "held")}
        assert promised <= ended | there, f"a promise has gone untold, point {point}"
        for number in numbers:
            known = any(name.startswith(number) for name in (*there, *ended, *discarded))
            assert known, f"an object has gone untold, point {point}"


def test_a_line_that_a_crash_has_torn_spoils_no_other(tmp_path: Path) -> None:
    one = History(tmp_path)
    one.tell("received", "1")
    [path] = one.events.iterdir()
    path.write_bytes(path.read_bytes() + b'{"event": "rec')
    two = History(tmp_path)
    two.tell("received", "2")
    assert [line["object"] for line in two.lines()] == ["1", "2"]


def test_what_is_recorded_is_flushed_once_and_what_is_told_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path)
    history.tell("received", "1")
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    history.tell("received", "2")
    history.sync()
    assert not synced
    history.record("delivered", "1")
    history.record("delivered", "2")
    history.sync()
    history.sync()
    assert synced == list(history.events.iterdir())


def test_a_full_disk_stops_no_telling_but_every_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, _data: bytes) -> None:
        raise OSError(28, os.strerror(28))

    history = History(tmp_path)
    monkeypatch.setattr(files, "append", full)
    history.tell("received", "1")
    with pytest.raises(OSError, match="space"):
        history.record("delivered", "1")


def _lines(root: Path) -> list[dict[str, str]]:
    return list(History(root / "spool").lines())
