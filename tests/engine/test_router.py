"""The router: one object that it cannot deal with never stands in the way of the next."""

import time
from pathlib import Path

import pytest

from engine import files
from engine.arrivals import Arrival
from engine.duplicates import Seen
from engine.object import Object
from engine.plan import Plan
from engine.repeats import Repeats
from engine.spool import Accepted, Spool
from engine.step import HOLD
from tests.engine.spool.crash_kit import Line, Pacs, program


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, mail."""
    return Line(tmp_path, program(), Pacs())


def test_an_object_that_the_disk_will_not_give_waits_and_the_next_goes_on(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = line.receive("1.1")
    line.receive("1.2")
    load = Spool.load

    def failing(spool: Spool, number: str) -> tuple[Object, str]:
        if number == broken:
            raise OSError(5, "Input/output error")
        return load(spool, number)

    monkeypatch.setattr(Spool, "load", failing)
    line.turn(time.time())
    assert line.stored() == ["1.2"]
    assert list(line.spool.waiting()) == [broken]
    monkeypatch.undo()
    assert not line.router.turn(), "it rests before it is tried again"
    line.router._not_before.clear()
    line.turn(time.time())
    assert line.stored() == ["1.1", "1.2"]


@pytest.mark.parametrize("note", [None, b"", b"{", b"[]", b"{}"], ids=["gone", "empty", "torn", "other", "bare"])
def test_an_accepted_object_whose_note_cannot_be_read_is_held_and_the_next_goes_on(
    line: Line, note: bytes | None
) -> None:
    number = line.receive("1.1")
    path = line.spool.incoming / f"{number}.json"
    if note is None:
        path.unlink()
    else:
        path.write_bytes(note)
    line.receive("1.2")
    line.turn(time.time())
    assert line.stored() == ["1.2"]
    assert line.held() == ["1.1"]
    [held] = line.spool.outbox(HOLD).all()
    assert "cannot be read" in held.why


def test_a_payload_that_cannot_be_read_waits_and_its_batch_goes_on(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = line.receive("1.1")
    line.receive("1.2")
    line.receive("1.3")
    link = files.link

    def failing(source: Path, target: Path) -> None:
        if source.stem == broken:
            raise OSError(5, "Input/output error")
        link(source, target)

    monkeypatch.setattr(files, "link", failing)
    line.turn(time.time())
    assert line.stored() == ["1.2", "1.3"]
    assert list(line.spool.waiting()) == [broken]


def test_a_full_disk_stops_the_router_as_a_whole(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.receive("1.1")
    line.receive("1.2")

    def full(*_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "link", full)
    with pytest.raises(OSError, match="No space"):
        line.router.turn()
    monkeypatch.undo()
    line.router._not_before.clear()
    line.turn(time.time())
    assert line.stored() == ["1.1", "1.2"]


def test_one_object_that_does_not_fit_on_the_disk_does_not_stop_those_that_do(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = line.receive("1.1")
    line.receive("1.2")
    link = files.link

    def full_for_some(source: Path, target: Path) -> None:
        if source.stem == large:
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr(files, "link", full_for_some)
    line.turn(time.time())
    assert line.stored() == ["1.2"]
    assert list(line.spool.waiting()) == [large]
    monkeypatch.undo()
    line.router._not_before.clear()
    line.turn(time.time())
    assert line.stored() == ["1.1", "1.2"]


def test_an_object_that_the_software_stumbles_over_is_held_and_the_next_goes_on(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = line.receive("1.1")
    line.receive("1.2")
    look = Repeats.look

    def stumbling(repeats: Repeats, plan: Plan, accepted: Accepted) -> tuple[Seen, Arrival | None]:
        if accepted.obj.id == broken:
            raise RuntimeError("PatientName Müller^Änne")
        return look(repeats, plan, accepted)

    monkeypatch.setattr(Repeats, "look", stumbling)
    line.turn(time.time())
    assert (line.stored(), line.held()) == (["1.2"], ["1.1"])
    [held] = line.spool.outbox(HOLD).all()
    assert "fault of the software" in held.why
    assert "RuntimeError" in held.why
    assert "Müller" not in held.why
