"""Rules by the clock in the running appliance: what is purged, what is made up for, and what a person is told."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from appliance.chores import Caretaker, timetable
from appliance.cli import main
from appliance.settings import Settings
from appliance.telling import Telling
from dsl.compile import compile_text
from engine.destinations.archive import Archive
from engine.heard import Heard
from engine.program import Program
from engine.spool import Spool
from engine.vocabulary import vocabulary
from tests.appliance.running import Running
from tests.appliance.test_telling import Well
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.engine.test_archive import entry
from tests.ports import free_port

RULES = """on port 11112 → store by PatientID → store in "teaching" by StudyDate
route tidy on every day at 03:00 → purge "teaching" older 90 days → purge archive older 10 years
"""


def program(text: str) -> Program:
    """What the rules mean."""
    result = compile_text(text, name="practice.rules", vocabulary=vocabulary(), read=Path.read_text)
    assert result.program is not None, result.findings
    return result.program


def test_what_is_old_goes_from_the_folder_that_the_rule_names_and_the_history_says_by_which_rule(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path)
    spool = Spool(settings.spool)
    for folder in ("archive", "teaching"):
        stored = entry(tmp_path, "1.2.3")
        Archive(settings.archive_folder(folder)).send([stored], lambda *_: None, lambda: False)
    now = datetime.now()
    telling = Telling(spool, Heard(tmp_path), None, "en", Program, Well())
    caretaker = Caretaker(settings, telling, lambda: False, lambda: now.timestamp())
    table = timetable(spool, caretaker, lambda: now)
    table.use(program(RULES).chores)
    table.turn()
    now += timedelta(days=89)
    table.turn()
    assert (tmp_path / "teaching/Praxis/Doe^Jane/1.2.3.dcm").exists()
    now += timedelta(days=2)
    table.turn()
    assert list((tmp_path / "teaching").iterdir()) == []
    assert (tmp_path / "archive/Praxis/Doe^Jane/1.2.3.dcm").exists()
    told = [line["why"] for line in spool.history.lines() if line["event"] == "chore"]
    assert told[-2:] == [
        "practice.rules:2: 1 copy removed from teaching, older than 90 days",
        "practice.rules:2: 0 copies removed from archive, older than 10 years",
    ]


def test_check_counts_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ringing = 'contact admin = "it@praxis.example"\non trouble → alarm admin\n'
    (tmp_path / "a.rules").write_text(RULES + ringing, encoding="utf-8")
    assert main(["check", str(tmp_path / "a.rules")]) == 0
    assert "fine; 1 route, 1 by the clock, 1 on trouble, ports 11112" in capsys.readouterr().out


def test_a_time_that_went_by_while_it_was_off_is_made_up_for_at_the_next_start(tmp_path: Path) -> None:
    port = free_port()
    # Some hours ago, so that the time does not come while the test runs.
    at = datetime.now() - timedelta(hours=2)
    rules = (
        f'on port {port} → store in "teaching" by StudyDate\n'
        f'on every day at {at:%H:%M} → purge "teaching" older 90 days\n'
    )
    line = Running(tmp_path, rules, port)
    notes = line.data / "spool" / "every"
    line.wait_for(lambda: notes.is_dir() and len(list(notes.iterdir())) == 1, "it does not keep what it has done")
    image = tmp_path / "image.dcm"
    write_instance(image, new_uid())
    line.deliver(image)
    assert line.stop() == 0
    assert "copies removed" not in line.said()
    for note in notes.iterdir():
        note.write_text((datetime.now() - timedelta(days=2)).isoformat())
    line.start()
    line.wait_for(lambda: "0 copies removed" in line.said(), "the time that went by is forgotten")
    assert re.search(r"test\.rules:2: 0 copies removed from teaching, older than 90 days", line.said())
    assert len(list((line.data / "teaching").rglob("*.dcm"))) == 1, "it was not old enough"
    today = f"{datetime.now():%Y-%m-%d}"
    # Between the work and the note a crash repeats the work; this one comes behind both.
    line.wait_for(lambda: all(note.read_text().startswith(today) for note in notes.iterdir()), "it is not noted")
    line.kill()
    line.start()
    line.deliver(image)
    line.stop()
    assert line.said().count("copies removed") == 1, "it is done once"
