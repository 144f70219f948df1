"""Duplicates: what has come before is dropped where that is safe, held where it differs, and never lost for it."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from engine import arrivals
from engine.condition import Compare, Field, Literal
from engine.object import Origin
from engine.program import Call, Program, Route
from engine.spool import Spool
from engine.step import HOLD
from tests.data.make import discard, forward, hold, mail, put, store
from tests.engine.spool.crash_kit import Line, Pacs, program, write_instance
from tests.engine.spool.test_collect import collect, rules, settled, us

UID = "1.2.1"
OTHER = "Meier^Ada"
"""The name of another patient: with it, an object has other bytes."""


def line_of(root: Path, *chain: Call, duplicate: str = "", failure: tuple[Call, ...] | None = None) -> Line:
    """A line with one route on port 1."""
    some = rules(*chain, failure=failure)
    return Line(root, replace(some, routes=(replace(some.routes[0], duplicate=duplicate),)), Pacs())


def two_routes(one: str, other: str) -> Program:
    """Two routes that take everything: `a` stores, `b` forwards."""
    some = rules(hold())
    routes = (
        Route("a", "port 1", None, (store("PatientID"),), None, "house.rules:1", one),
        Route("b", "port 1", None, (forward("PACS"),), None, "house.rules:2", other),
    )
    return replace(some, routes=routes)


def receive(line: Line, patient: str = "Müller^Änne", *, sender: str = "SONO1", received: str = "2026-11-23T10") -> str:
    """Take in UID once more, perhaps with other bytes or from another sender."""
    path = line.spool.new_work_file()
    write_instance(path, UID, patient=patient)
    origin = Origin("dicom", 1, sender, "STELLWERK", "10.0.0.1", f"{received}:00:00+01:00")
    return line.spool.accept(path, origin, line.digest)


def events(line: Line, name: str) -> list[dict[str, str]]:
    """The lines of this kind in the history."""
    return [event for event in line.spool.history.lines() if event["event"] == name]


def why(line: Line) -> str:
    """Why the only held object is held."""
    [held] = line.spool.outbox(HOLD).all()
    return held.why


# --- the same bytes ---------------------------------------------------------------------------------------------------


def test_the_same_object_again_is_dropped_and_the_history_says_of_which(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"))
    first = receive(line)
    line.turn(time.time())
    again = receive(line)
    line.turn(time.time())
    assert line.pacs.got == [UID]
    [event] = events(line, "duplicate")
    assert (event["object"], event["first"]) == (again, first)
    assert line.spool.unfinished() == 0
    assert line.held() == []


def test_the_same_object_in_the_same_batch_is_dropped(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    for _ in range(3):
        receive(line)
    line.turn(time.time())
    assert (line.stored(), line.pacs.got) == ([UID], [UID])
    assert len(events(line, "duplicate")) == 2


def test_the_file_meta_information_makes_no_other_object(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"))
    receive(line)
    path = line.spool.new_work_file()
    write_instance(path, UID)
    data = bytearray(path.read_bytes())
    data[:4] = b"else"
    path.write_bytes(data)
    line.spool.accept(path, Origin("dicom", 1, "SONO1", "STELLWERK", "10.0.0.1", ""), line.digest)
    line.turn(time.time())
    assert line.pacs.got == [UID]


def test_what_comes_another_way_is_routed_like_any_other(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"))
    receive(line)
    receive(line, sender="SONO2")
    line.turn(time.time())
    assert line.pacs.got == [UID, UID]
    assert line.held() == []


def test_what_comes_under_other_rules_is_routed_like_any_other(tmp_path: Path) -> None:
    receive(line := line_of(tmp_path, forward("PACS")))
    line.turn(time.time())
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    receive(line)
    line.turn(time.time())
    assert (line.stored(), line.pacs.got) == ([UID], [UID])
    assert events(line, "duplicate") == []


def test_what_comes_a_day_later_is_sent_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(tmp_path, forward("PACS"))
    receive(line)
    line.turn(time.time())
    monkeypatch.setattr(arrivals, "DAY", 0.0)
    receive(line)
    line.turn(time.time())
    assert line.pacs.got == [UID, UID]


def test_what_has_gone_from_the_archive_can_be_sent_again(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    receive(line)
    receive(line)
    line.turn(time.time())
    assert len(events(line, "duplicate")) == 1, "it is still owed to the archive"
    [copy] = line.archive.rglob("*.dcm")
    copy.unlink()
    for _ in range(2):
        receive(line)
        line.turn(time.time())
    assert line.stored() == [UID]
    assert len(events(line, "duplicate")) == 2


def test_what_was_stored_behind_a_collect_and_has_gone_can_be_sent_again(tmp_path: Path) -> None:
    line = line_of(tmp_path, collect(), store("PatientID"))
    receive(line)
    settled(line)
    [copy] = line.archive.rglob("*.dcm")
    copy.unlink()
    receive(line)
    settled(line)
    assert line.stored() == [UID]


def test_rules_that_ask_for_the_day_are_asked_again_on_the_next(tmp_path: Path) -> None:
    recent = Compare(Field("StudyDate"), "<", Literal("today", "- 30 days"))
    some = rules(hold())
    routes = (Route("old", "port 1", recent, (discard("old"),)), Route("all", "port 1", None, (forward("PACS"),)))
    line = Line(tmp_path, replace(some, routes=routes), Pacs())
    for received in ("2026-11-23T23", "2026-11-23T23", "2026-11-24T00"):
        receive(line, received=received)
    line.turn(time.time())
    assert line.pacs.got == [UID, UID]


def test_what_a_person_has_deleted_can_be_sent_again(tmp_path: Path) -> None:
    line = line_of(tmp_path, hold())
    receive(line)
    receive(line)
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    assert len(events(line, "duplicate")) == 1
    # Another process does it: the command.
    Spool(tmp_path / "spool").delete(held.id)
    receive(line)
    line.turn(time.time())
    assert line.held() == [UID]


def test_what_a_person_releases_goes_through_the_rules_and_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    line = line_of(tmp_path, hold())
    receive(line)
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    assert line.held() == [UID]
    [again] = line.spool.outbox(HOLD).all()
    line.spool.delete(again.id)
    receive(line)
    line.turn(time.time())
    assert line.held() == [UID], "it was deleted after its release"


def test_what_its_destination_has_refused_can_be_sent_again(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"), failure=(discard("not wanted there"),))
    line.pacs.refuse = {UID}
    receive(line)
    line.turn(time.time())
    line.pacs.refuse = set()
    receive(line)
    line.turn(time.time())
    assert line.pacs.got == [UID]


def test_what_no_route_takes_is_held_once(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    for _ in range(2):
        line.receive(UID, "MR")
    line.turn(time.time())
    assert line.held() == [UID]
    assert len(events(line, "duplicate")) == 1


def test_a_duplicate_is_not_collected_twice_and_the_study_waits_for_quiet_after_it(tmp_path: Path) -> None:
    line = line_of(tmp_path, collect(), forward("PACS"))
    receive(line)
    line.turn(time.time())
    receive(line)
    line.turn(time.time())
    assert line.owed("study.collect") == [UID]
    settled(line)
    assert line.pacs.got == [UID]


# --- other bytes ------------------------------------------------------------------------------------------------------


def test_other_bytes_under_a_known_uid_are_held_and_the_difference_is_named_without_values(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    first = receive(line)
    line.turn(time.time())
    receive(line, OTHER)
    line.turn(time.time())
    assert (line.stored(), line.pacs.got, line.held()) == ([UID], [UID], [UID])
    assert f"SOP Instance UID of {first}" in why(line)
    assert "PatientName differ" in why(line)
    assert "bytes before" in why(line)
    assert "Meier" not in why(line) + "".join(str(one) for one in line.spool.history.lines())


def test_pixels_that_differ_are_named(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"))
    for pixels in (b"\0\1" * 50000, b"\0\2" * 50000):
        path = line.spool.new_work_file()
        write_instance(path, UID)
        dataset = dcmread(path)
        dataset.add_new("PixelData", "OW", pixels)
        dataset.save_as(path)
        line.spool.accept(path, Origin("dicom", 1), line.digest)
    line.turn(time.time())
    assert "content: the pixels differ; compare" in why(line)


def test_other_bytes_that_come_again_are_held_once(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"))
    for patient in ("Müller^Änne", OTHER, OTHER, "Müller^Änne", OTHER):
        receive(line, patient)
    line.turn(time.time())
    assert (line.stored(), line.held()) == ([UID], [UID])
    assert len(events(line, "duplicate")) == 3


def test_what_was_held_for_its_other_bytes_is_kept_beside_the_first_when_it_is_released(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    receive(line)
    receive(line, OTHER)
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    assert (line.stored(), line.pacs.got, line.held()) == ([UID, UID], [UID, UID], [])
    assert {path.name for path in line.archive.rglob("*.dcm")} == {f"{UID}.dcm", f"{UID} (2).dcm"}


def test_other_bytes_a_month_later_are_routed_and_the_archive_refuses_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"))
    receive(line)
    line.turn(time.time())
    monkeypatch.setattr(arrivals, "RETENTION", 0.0)
    receive(line, OTHER)
    line.turn(time.time())
    assert (line.stored(), line.pacs.got, line.held()) == ([UID], [UID, UID], [UID])
    assert "the archive has another object" in why(line)


# --- what a route says ------------------------------------------------------------------------------------------------


def test_keep_does_every_arrival_in_full_and_stores_other_bytes_beside_the_first(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"), duplicate="keep")
    for patient in ("Müller^Änne", "Müller^Änne", OTHER, OTHER):
        receive(line, patient)
        line.turn(time.time())
    assert line.pacs.got == [UID] * 4
    assert line.stored() == [UID, UID]
    assert line.held() == []


def test_replace_puts_other_bytes_in_the_place_of_the_archived_copy(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), forward("PACS"), duplicate="replace")
    for patient in ("Müller^Änne", OTHER, OTHER, "Müller^Änne", "Müller^Änne"):
        receive(line, patient)
        line.turn(time.time())
    assert line.stored() == [UID]
    [copy] = line.archive.rglob("*.dcm")
    assert dcmread(copy).PatientName == "Müller^Änne"
    assert line.pacs.got == [UID] * 3
    assert len(events(line, "duplicate")) == 2


def test_replace_withdraws_what_is_still_owed_of_the_older_object(tmp_path: Path) -> None:
    line = line_of(tmp_path, forward("PACS"), duplicate="replace")
    line.pacs.away = {UID}
    older = receive(line)
    line.turn(time.time())
    newer = receive(line, OTHER)
    line.turn(time.time())
    [owed] = line.spool.outbox("PACS").all()
    assert owed.object == newer
    [event] = events(line, "left out")
    assert (event["object"], event["outbox"]) == (older, "PACS")
    assert "taken its place" in event["why"]


def test_replace_leaves_alone_what_another_route_owes(tmp_path: Path) -> None:
    line = Line(tmp_path, two_routes("replace", "keep"), Pacs())
    line.pacs.away = {UID}
    receive(line)
    line.turn(time.time())
    receive(line, OTHER)
    line.turn(time.time())
    assert line.owed("PACS") == [UID, UID]


def test_an_older_object_that_comes_to_the_archive_late_replaces_nothing(tmp_path: Path) -> None:
    line = line_of(tmp_path, store("PatientID"), duplicate="replace")
    receive(line)
    line.router.turn()
    [waits] = line.spool.outbox("archive.store").claim(1)
    time.sleep(0.02)
    receive(line, OTHER)
    line.turn(time.time())
    line.spool.outbox("archive.store").give_back(waits)
    line.turn(time.time())
    [copy] = line.archive.rglob("*.dcm")
    assert dcmread(copy).PatientName == OTHER
    assert "newer" in why(line)


def test_drop_lets_the_first_win_and_that_is_a_rule(tmp_path: Path) -> None:
    line = Line(tmp_path, two_routes("drop", "drop"), Pacs())
    receive(line)
    receive(line, OTHER)
    receive(line, sender="SONO2")
    line.turn(time.time())
    assert (line.stored(), line.pacs.got, line.held()) == ([UID], [UID], [])
    assert [event["rule"] for event in events(line, "discarded")] == ["house.rules:1", "house.rules:1"]


def test_drop_is_only_for_what_this_route_has_had(tmp_path: Path) -> None:
    some = two_routes("", "drop")
    [one, other] = some.routes
    from_one = Compare(Field("sender"), "=", Literal("text", "SONO1"))
    from_two = Compare(Field("sender"), "=", Literal("text", "SONO2"))
    routes = (replace(one, where=from_one), replace(other, where=from_two))
    line = Line(tmp_path, replace(some, routes=routes), Pacs())
    receive(line, sender="SONO1")
    receive(line, OTHER, sender="SONO2")
    line.turn(time.time())
    assert (line.stored(), line.pacs.got, line.held()) == ([UID], [UID], [])


@pytest.mark.parametrize(
    ("one", "other", "stored", "got", "held"),
    [
        ("", "", 1, 1, 1),
        ("keep", "", 2, 1, 1),
        ("", "keep", 1, 2, 1),
        ("drop", "", 1, 1, 1),
        ("drop", "keep", 1, 2, 0),
        ("replace", "drop", 1, 1, 0),
        ("keep", "replace", 2, 2, 0),
    ],
)
def test_each_route_decides_for_itself(tmp_path: Path, one: str, other: str, stored: int, got: int, held: int) -> None:
    line = Line(tmp_path, two_routes(one, other), Pacs())
    receive(line)
    line.turn(time.time())
    receive(line, OTHER)
    line.turn(time.time())
    assert (len(line.stored()), len(line.pacs.got), len(line.held())) == (stored, got, held)


def test_what_is_kept_goes_on_behind_a_collect_as_well(tmp_path: Path) -> None:
    line = line_of(tmp_path, collect(), store("PatientID"), duplicate="keep")
    receive(line)
    receive(line, OTHER)
    settled(line)
    assert line.stored() == [UID, UID]


def test_an_older_object_that_is_still_collected_is_replaced(tmp_path: Path) -> None:
    line = line_of(tmp_path, collect(), store("PatientID"), mail("admin"), duplicate="replace")
    receive(line)
    line.turn(time.time())
    receive(line, OTHER)
    settled(line)
    [copy] = line.archive.rglob("*.dcm")
    assert dcmread(copy).PatientName == OTHER
    assert len(events(line, "left out")) == 1


def test_what_a_failed_study_has_taken_along_may_be_sent_again(tmp_path: Path) -> None:
    broken = us(put("NumberOfFrames", "many"))
    line = Line(tmp_path, rules(collect(), broken, forward("PACS"), failure=(discard("no"),)), Pacs())
    line.receive("1.2.1", "MR")
    line.receive("1.2.2", "US")
    settled(line)
    assert (line.pacs.got, len(events(line, "discarded"))) == ([], 2), "all go on, or none does"
    line.receive("1.2.1", "MR")
    settled(line)
    assert line.pacs.got == ["1.2.1"]
    assert events(line, "duplicate") == []


def test_what_is_held_for_a_failed_study_is_not_sent_beside_that(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), us(put("NumberOfFrames", "many")), forward("PACS")), Pacs())
    line.receive("1.2.1", "MR")
    line.receive("1.2.2", "US")
    settled(line)
    assert line.held() == ["1.2.1", "1.2.2"]
    line.receive("1.2.1", "MR")
    settled(line)
    assert (line.pacs.got, line.held()) == ([], ["1.2.1", "1.2.2"])
    assert len(events(line, "duplicate")) == 1
