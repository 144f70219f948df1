"""The index of arrivals, and duplicates where the disk or the machine fails: nothing is lost, nothing done twice."""

import json
import os
import stat
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from engine import arrivals, files, router
from engine.errors import Never
from engine.object import Origin
from engine.program import Call
from engine.signature import Argument
from engine.step import HOLD
from tests.data.make import forward, store
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, write_instance
from tests.engine.spool.test_duplicates import OTHER, UID, events, line_of, receive, two_routes, why

# --- the index --------------------------------------------------------------------------------------------------------


def test_nobody_else_may_read_the_index(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"))
    receive(line)
    line.turn(time.time())
    found = sorted((tmp_path / "spool").glob("arrivals.sqlite*"))
    assert len(found) == 3
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}


@pytest.mark.parametrize("damage", ["gone", "garbage", "empty", "torn", "another edition"])
def test_without_the_index_duplicates_are_routed_again_and_nothing_is_lost(tmp_path: Path, damage: str) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    receive(line)
    line.turn(time.time())
    line.spool.arrivals.close()
    path = tmp_path / "spool" / "arrivals.sqlite"
    match damage:
        case "gone":
            path.unlink()
        case "garbage":
            path.write_bytes(os.urandom(8192))
        case "empty":
            path.write_bytes(b"")
        case "torn":
            path.write_bytes(path.read_bytes()[:5000])
        case _:
            data = bytearray(path.read_bytes())
            data[60:64] = (99).to_bytes(4, "big")
            path.write_bytes(data)
    receive(line)
    receive(line)
    line.turn(time.time())
    assert line.stored() == [UID]
    assert line.pacs.got == [UID, UID], "the second as new, the third as its duplicate"
    assert line.held() == []


def test_an_index_that_is_thrown_away_under_a_running_router_is_begun_anew(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"))
    receive(line)
    line.turn(time.time())
    (tmp_path / "spool" / "arrivals.sqlite").unlink()
    receive(line)
    receive(line)
    line.turn(time.time())
    assert line.pacs.got == [UID, UID]


def test_arrivals_are_forgotten_after_a_month(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"))
    receive(line)
    line.turn(time.time())
    index = line.spool.arrivals
    assert len(index.earlier(UID, "~")) == 1
    index.commit(time.time() + arrivals.RETENTION + 10)
    assert index.earlier(UID, "~") == ()


def test_what_was_not_taken_in_after_all_is_no_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The router is quick, and has seen it when the disk fails the last step of taking it in."""
    line = line_of(tmp_path, forward("PACS"))
    sync = files.sync

    def failing(path: Path) -> None:
        if path == line.spool.incoming:
            [number] = line.spool.waiting()
            _, arrival = line.router._repeats.look(line.plan, line.spool.load(number))
            assert arrival is not None
            line.spool.arrivals.write(arrival, ["main"])
            line.spool.arrivals.commit(time.time())
            raise OSError(28, "No space left on device")
        sync(path)

    monkeypatch.setattr(files, "sync", failing)
    with pytest.raises(OSError, match="No space"):
        receive(line)
    monkeypatch.undo()
    receive(line)
    line.turn(time.time())
    assert line.pacs.got == [UID]


def test_what_the_disk_fails_is_no_first_and_its_duplicate_is_routed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(tmp_path, forward("PACS"))
    broken = receive(line)
    receive(line)
    link = files.link

    def failing(source: Path, target: Path) -> None:
        if Path(source).stem == broken:
            raise OSError(5, "Input/output error")
        link(source, target)

    monkeypatch.setattr(files, "link", failing)
    line.turn(time.time())
    assert line.pacs.got == [UID]
    monkeypatch.undo()
    line.router._not_before.clear()
    line.turn(time.time())
    assert line.pacs.got == [UID]
    assert [event["object"] for event in events(line, "duplicate")] == [broken]


def test_what_has_been_overtaken_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(tmp_path, forward("PACS"), duplicate="replace")
    broken = receive(line)
    newer = receive(line, OTHER)
    link = files.link

    def failing(source: Path, target: Path) -> None:
        if Path(source).stem == broken:
            raise OSError(5, "Input/output error")
        link(source, target)

    monkeypatch.setattr(files, "link", failing)
    line.turn(time.time())
    assert line.pacs.got == [UID]
    monkeypatch.undo()
    line.router._not_before.clear()
    line.turn(time.time())
    assert (line.pacs.got, line.held()) == ([UID], [UID])
    assert f"SOP Instance UID of {newer}" in why(line)


def test_replace_withdraws_nothing_where_the_newer_object_cannot_be_written(tmp_path: Path) -> None:
    broken = Call("set", {"tag": Argument("word", "PatientComments"), "value": Argument("text", "x")})
    line = line_of(tmp_path, broken, forward("PACS"), duplicate="replace")
    line.pacs.away = {UID}
    older = receive(line)
    line.turn(time.time())
    receive(line, OTHER)
    rewrite = router.rewrite

    def failing(_source: Path, _target: Path, _changes: Mapping[str, str | None]) -> None:
        raise Never("it cannot be written")

    router.rewrite = failing
    try:
        line.turn(time.time())
    finally:
        router.rewrite = rewrite
    assert [entry.object for entry in line.spool.outbox("PACS").all()] == [older]
    assert line.held() == [UID]


def test_sequences_that_differ_are_named_and_values_that_cannot_be_read_are_no_trouble(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"))
    for code in ("A", "B"):
        path = line.spool.new_work_file()
        write_instance(path, UID)
        dataset = dcmread(path)
        item = Dataset()
        item.CodeValue = code
        item.is_undefined_length_sequence_item = True
        dataset.ProcedureCodeSequence = [item]
        dataset["ProcedureCodeSequence"].is_undefined_length = True
        dataset.add_new("PatientAge", "AS", "abc")
        dataset.save_as(path)
        path.write_bytes(path.read_bytes().replace(b"abc ", b"\xff\xfe\xfd "))
        line.spool.accept(path, Origin("dicom", 1), line.digest)
    line.turn(time.time())
    assert "content: ProcedureCodeSequence differ; compare" in why(line)


# --- crashes ----------------------------------------------------------------------------------------------------------


def live(root: Path, policy: str, told: list[str]) -> None:
    """An object, itself again, other bytes, those again; the PACS is away at first."""
    line = Line(root, two_routes(policy, policy), Pacs())
    line.pacs.away = {UID}
    for patient in ("Müller^Änne", "Müller^Änne"):
        receive(line, patient)
        told.append(patient)
    line.turn(time.time())
    for patient in (OTHER, "Müller^Änne", OTHER):
        receive(line, patient)
        told.append(patient)
    line.turn(time.time())
    line.pacs.away = set()
    line.turn(time.time() + 4000)


@pytest.mark.parametrize("policy", ["", "replace"])
def test_a_crash_at_any_operation_loses_nothing_and_doubles_nothing(tmp_path: Path, policy: str) -> None:
    (tmp_path / "count").mkdir()
    with disk() as done:
        live(tmp_path / "count", policy, [])
    points = len(done)
    assert points > 60
    for point in range(1, points + 1):
        root = tmp_path / str(point)
        root.mkdir()
        told: list[str] = []
        with disk(crash_at=point), suppress(Crash):
            live(root, policy, told)
        for path in (root / "archive").rglob("*.dcm"):
            assert dcmread(path).PatientName in ("Müller^Änne", OTHER), f"not whole, point {point}"
        line = Line(root, two_routes(policy, policy), Pacs())
        for _ in range(4):
            line.turn(time.time() + 4000)
        names = [str(dcmread(path).PatientName) for path in line.archive.rglob("*.dcm")]
        held = [str(dcmread(entry.file).PatientName) for entry in line.spool.outbox(HOLD).all()]
        assert line.spool.unfinished() == 0, f"point {point}"
        assert len(names) == len(set(names)), f"stored twice, point {point}"
        match policy:
            case "":
                assert set(told) <= {*names, *held}, f"lost, point {point}"
                assert set(held) <= {OTHER}, f"point {point}"
                assert len(held) <= 1, f"held twice, point {point}"
            case "replace":
                assert not told or names, f"lost, point {point}"


def test_a_full_disk_gives_back_what_was_to_be_replaced(tmp_path: Path) -> None:
    root = tmp_path
    line = line_of(root, forward("PACS"), duplicate="replace")
    line.pacs.away = {UID}
    older = receive(line)
    line.turn(time.time())
    receive(line, OTHER)
    move = files.move

    def full(source: Path, target: Path) -> None:
        if target.parent.name == "routed":
            raise OSError(28, "No space left on device")
        move(source, target)

    files.move = full
    try:
        line.router.turn()
    finally:
        files.move = move
    assert len(list(line.spool.waiting())) == 1, "it did not fit, and rests where it is"
    line.router._not_before.clear()
    assert [entry.object for entry in line.spool.outbox("PACS").all()] == [older]
    assert line.spool.outbox("PACS").count()["active"] == 0
    line.pacs.away = set()
    line.turn(time.time() + 4000)
    assert line.owed("PACS") == []
    assert len(line.pacs.got) in (1, 2)


def test_a_digest_in_the_note_is_believed_and_not_computed_again(tmp_path: Path) -> None:
    """Whoever receives an object may have it at hand."""
    line = line_of(tmp_path, forward("PACS"))
    for _ in range(2):
        note = line.spool.incoming / f"{receive(line)}.json"
        told = {**json.loads(note.read_text()), "digest": "0f" * 16}
        note.unlink()  # it may be a name of the note of others, too
        note.write_text(json.dumps(told))
    receive(line)
    assert [line.spool.load(number).digest for number in sorted(line.spool.waiting())] == [b"\x0f" * 16] * 2 + [b""]
    line.turn(time.time())
    assert line.pacs.got == [UID], "the second is a duplicate, and the third is held"
    assert line.held() == [UID]
