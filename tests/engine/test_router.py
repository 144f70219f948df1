"""The router: one object that it cannot deal with never stands in the way of the next."""

import time
from pathlib import Path

import pytest

from engine import files
from engine.arrivals import Arrival
from engine.duplicates import Seen
from engine.object import Object
from engine.plan import Plan
from engine.program import Contact, Program
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
        if Path(source).name.startswith(f"{broken}."):
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
        if Path(source).name.startswith(f"{large}."):
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


OLD = Program(contacts=(Contact("office", ("office@praxis.example",)),))
"""Other rules than those that run."""


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"{}", b'"x"', b"\xff"], ids=["empty", "torn", "list", "bare", "word", "no text"]
)
def test_rules_that_the_disk_has_not_kept_hold_what_came_under_them_and_nothing_else(line: Line, text: bytes) -> None:
    old, now = line.spool.keep_program(OLD), line.digest
    line.digest = old
    line.receive("1.1")
    line.digest = now
    line.receive("1.2")
    (line.spool.programs / f"{old}.json").write_bytes(text)
    line.turn(time.time())
    assert (line.stored(), line.held()) == (["1.2"], ["1.1"])
    [held] = line.spool.outbox(HOLD).all()
    assert "the rules by which it came in can no longer be read" in held.why
    line.spool.release(held.id)
    line.turn(time.time())
    assert (line.stored(), line.held()) == (["1.1", "1.2"], []), "released, it went by the rules that run"


def test_what_was_refused_and_came_under_rules_that_are_torn_is_held_with_both_reasons(line: Line) -> None:
    line.pacs.refuse = {"1.1"}
    line.receive("1.1")
    line.router.turn()
    (line.spool.programs / f"{line.digest}.json").write_bytes(b"{")
    other = Line(line.root, OLD, line.pacs)  # a start, with other rules
    other.archive.mkdir(exist_ok=True)
    other.turn(time.time())
    [held] = other.spool.outbox(HOLD).all()
    assert held.note["refused by"] == "PACS"
    assert held.why.startswith("it refuses; ")
    assert "can no longer be read" in held.why
    assert "fault of the software" not in held.why


def test_rules_that_run_and_are_torn_on_the_disk_are_written_anew(line: Line) -> None:
    path = line.spool.programs / f"{line.digest}.json"
    whole = path.read_bytes()
    path.write_bytes(whole[:10])
    line.receive("1.1")
    line.turn(time.time())
    assert line.stored() == ["1.1"], "what runs is in memory"
    line.spool.keep_program(line.plan.program)
    assert path.read_bytes() == whole
