"""What is held and released is owed as before: with its note, and with the bytes as they came."""

import time
from pathlib import Path

from pydicom import dcmread

from engine.step import HOLD
from tests.engine.spool.crash_kit import Line, Pacs, program


def taken_out(root: Path) -> tuple[Line, str]:
    """A line with one object, changed by its route, that a person has taken out of the PACS's outbox."""
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(root, program(failure=True), pacs)
    line.receive("1.2.1")
    line.turn(time.time())
    home = line.spool.outbox("PACS")
    for entry in home.claim_these(home.all()):
        home.hold(entry, "a person took it out of the outbox")
    [held] = line.spool.outbox(HOLD).all()
    return line, held.id


def test_what_a_person_took_out_and_released_takes_on_failure_as_it_was_received(tmp_path: Path) -> None:
    line, number = taken_out(tmp_path)
    line.spool.release(number)
    line.pacs.away, line.pacs.refuse = set(), {"1.2.1"}
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    assert held.position == "f.1"
    assert dcmread(held.file).InstitutionName == "Praxis Süd"
    assert line.owed("PACS") == []


def test_what_was_kept_as_received_goes_with_what_is_deleted(tmp_path: Path) -> None:
    line, number = taken_out(tmp_path)
    line.spool.delete(number)
    assert not [path for path in line.spool.held.iterdir() if not path.name.startswith(".")]


def test_what_was_released_leaves_nothing_in_the_hold(tmp_path: Path) -> None:
    line, number = taken_out(tmp_path)
    line.spool.release(number)
    assert not [path for path in line.spool.held.iterdir() if not path.name.startswith(".")]
    assert [path.name for path in line.spool.outbox("PACS").received.iterdir()] == [f"{number}.dcm"]
