"""What is in trouble, from the folders and from what the parts of the appliance say."""

import os
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from appliance.health import archives, free, of_hold, of_outbox
from engine.program import Case, Choose, Program, Route
from engine.schedule import Window
from engine.step import HOLD
from tests.data.make import equals, store
from tests.engine.spool.crash_kit import Line, Pacs, program


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, mail."""
    return Line(tmp_path / "line", program(), Pacs())


def test_a_destination_that_is_away_is_trouble_only_while_something_is_owed_to_it(line: Line) -> None:
    home = line.spool.outbox("PACS")
    assert of_outbox(home, "it does not answer") is None
    line.receive("1.1")
    line.router.turn()
    assert of_outbox(home, "") is None
    found = of_outbox(home, "it does not answer")
    assert found is not None
    assert found.words == "it does not answer"


def test_after_a_start_what_waits_for_its_next_try_says_that_nothing_is_well_yet(line: Line) -> None:
    line.pacs.away = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    found = of_outbox(line.spool.outbox("PACS"), "")
    assert found is not None
    assert found.words == "it is away"
    line.pacs.away = set()
    line.turn(time.time() + 3600)
    assert of_outbox(line.spool.outbox("PACS"), "") is None


def test_what_waits_for_its_window_of_time_is_no_trouble(line: Line) -> None:
    line.pacs.away = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    home = line.spool.outbox("PACS")
    [entry] = home.all()
    now = datetime.now()
    past, soon = ((now + timedelta(hours=hours)).time().replace(second=0, microsecond=0) for hours in (-3, -2))
    note = home.entries / f"{entry.id}.json"
    note.write_bytes(replace(entry, note={"window": str(Window(past, soon))}).to_bytes())
    assert of_outbox(home, "") is None
    note.write_bytes(replace(entry, note={"window": str(Window(soon, past))}).to_bytes())
    assert of_outbox(home, "") is not None


def test_what_is_held_says_when_the_newest_of_it_came(line: Line) -> None:
    assert of_hold(line.spool) is None
    line.receive("1.1", "CT")
    line.receive("1.2", "CT")
    line.turn(time.time())
    notes = sorted(line.spool.outbox(HOLD).entries.glob("*.json"))
    for note, at in zip(notes, (1000, 2000), strict=True):
        os.utime(note, (at, at))
    found = of_hold(line.spool)
    assert found is not None
    assert (found.words[:6], found.german[:8], found.newest) == ("2 wait", "2 warten", 2000)


def test_every_folder_that_the_rules_store_in_is_watched() -> None:
    inner = Choose((Case(equals("Modality", "US"), (store(folder="teaching"),)),), (store(),))
    rules = Program(routes=(Route("a", "port 1", None, (inner,), (store(folder="rest"),)),))
    assert list(archives(rules)) == ["teaching", "archive", "rest"]


def test_folders_on_one_disk_are_told_of_once(tmp_path: Path) -> None:
    found = free({"spool": tmp_path, "archive": tmp_path / "not there yet"})
    assert list(found) == ["spool, archive"]
