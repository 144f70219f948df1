"""The timetable: when something by the clock is due, what a missed time means, and what becomes of a failure."""

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from engine.errors import Later
from engine.program import Call, Chore
from engine.schedule import Daily
from engine.sources.every import Timetable
from tests.data.make import word
from tests.engine.test_schedule import moment

PURGE = Call("purge", {"folder": word("teaching")})
OTHER = Call("purge", {"folder": word("archive")})


def chore(at: str = "03:00", *chain: Call, name: str = "nightly") -> Chore:
    """`route nightly on every day at 03:00 → purge teaching`."""
    return Chore(name, Daily.of(at), chain or (PURGE,), "practice.rules:8")


class Desk:
    """A timetable whose clock is set by hand; `refuses` names the folders that cannot be purged now."""

    def __init__(self, root: Path, at: str, *chores: Chore) -> None:
        self.root, self.at = root, moment(at)
        self.done: list[str] = []
        self.told: list[str] = []
        self.refuses: set[str] = set()
        self.table = Timetable(
            root / "every", self._work, lambda chore, said: self.told.append(f"{chore.name} {said}"), lambda: self.at
        )
        self.table.use(chores)

    def _work(self, chore: Chore, call: Call, due: datetime) -> str:
        folder = call.arguments["folder"].text
        if folder in self.refuses:
            raise Later("the disk is away")
        self.done.append(folder)
        return "3 copies removed"

    def look(self, at: str) -> list[str]:
        """What is done at this moment."""
        self.at, self.done = moment(at), []
        self.table.turn()
        return self.done


def test_it_is_done_once_when_its_time_has_come(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore())
    assert desk.look("23T12:00") == []
    assert desk.look("24T02:59") == []
    assert desk.look("24T03:00") == ["teaching"]
    assert desk.look("24T03:00") == desk.look("24T23:00") == []
    assert desk.look("25T03:01") == ["teaching"]
    assert desk.told == ["nightly 3 copies removed"] * 2


def test_a_new_rule_does_not_make_up_for_a_time_before_it_was_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore())
    assert desk.look("23T12:00") == []
    assert desk.look("23T12:01") == []


def test_a_time_that_went_by_while_nothing_ran_is_made_up_for_once(tmp_path: Path) -> None:
    Desk(tmp_path, "23T12:00", chore()).look("23T12:00")
    again = Desk(tmp_path, "28T09:00", chore())
    assert again.look("28T09:00") == ["teaching"]
    assert again.look("28T09:01") == []


def test_on_other_days_it_is_not_done(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "27T12:00", chore("03:00 01234"))  # a Friday
    desk.look("27T12:00")
    assert desk.look("28T12:00") == desk.look("29T12:00") == []
    assert desk.look("30T03:00") == ["teaching"]


def test_what_fails_is_told_and_tried_again_after_five_minutes_with_its_whole_chain(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore("03:00", PURGE, OTHER))
    desk.look("23T12:00")
    desk.refuses = {"teaching"}
    assert desk.look("24T03:00") == ["archive"], "the second does not suffer for the first"
    assert desk.table.trouble == "practice.rules:8: purge: the disk is away"
    desk.refuses = set()
    assert desk.look("24T03:04") == []
    assert desk.table.trouble
    assert desk.look("24T03:05") == ["teaching", "archive"]
    assert not desk.table.trouble


def test_what_goes_on_failing_is_tried_less_and_less_but_every_hour(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore("03:00", PURGE, OTHER))
    desk.look("23T12:00")
    desk.refuses = {"teaching"}
    tried = [at for at in range(0, 4 * 60, 5) if desk.look(f"24T{3 + at // 60:02}:{at % 60:02}")]
    assert tried == [0, 5, 15, 35, 75, 135, 195]


def test_a_step_is_told_which_time_it_is_done_for(tmp_path: Path) -> None:
    told: list[datetime] = []
    at = [moment("23T12:00")]
    table = Timetable(tmp_path, lambda _chore, _call, due: told.append(due) or "", lambda *_: None, lambda: at[0])
    table.use([chore()])
    table.turn()
    at[0] = moment("25T09:00")
    table.turn()
    assert told == [moment("25T03:00")]


def test_what_failed_is_owed_after_a_restart_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore())
    desk.look("23T12:00")
    desk.refuses = {"teaching"}
    desk.look("24T03:00")
    assert Desk(tmp_path, "24T03:05", chore()).look("24T03:05") == ["teaching"]


def test_new_rules_take_over(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore())
    desk.look("23T12:00")
    desk.table.use([chore("05:00", OTHER)])
    desk.look("23T12:01")
    assert desk.look("24T03:00") == []
    assert desk.look("24T05:00") == ["archive"]
    desk.table.use([])
    assert desk.look("25T05:00") == []


def test_a_note_that_a_crash_has_torn_means_that_its_first_time_is_yet_to_come(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore())
    desk.look("23T12:00")
    for note in (tmp_path / "every").iterdir():
        note.write_text("2026-1")
    assert desk.look("24T03:00") == []
    assert desk.look("25T03:00") == ["teaching"]


def test_a_clock_that_was_set_back_does_nothing_twice(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "23T12:00", chore())
    desk.look("23T12:00")
    assert desk.look("24T03:00") == ["teaching"]
    assert desk.look("24T02:00") == desk.look("24T03:00") == []
    assert desk.look("25T03:00") == ["teaching"]


@pytest.mark.parametrize("days", ["", " 0123456"])
def test_its_thread_is_woken_at_the_minute_and_ends_when_told(tmp_path: Path, days: str) -> None:
    started = datetime.now()
    at = started + timedelta(minutes=1)
    desk = Desk(tmp_path, "23T12:00", chore(f"{at:%H:%M}{days}"))
    [job] = desk.table._scheduler.get_jobs()
    fires = job.trigger.get_next_fire_time(None, started.astimezone())
    assert (fires.hour, fires.minute, fires.second) == (at.hour, at.minute, 0)
    assert 0 <= (fires - started.astimezone()).total_seconds() <= 61
    desk.table.stop()
    begun = time.monotonic()
    desk.table.loop()
    assert time.monotonic() - begun < 5
