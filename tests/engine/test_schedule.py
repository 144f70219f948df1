"""Windows of time: when one is open, when it opens next, and what waits for it."""

import time as clock
from datetime import datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.compile import compile_text
from engine.program import Program
from engine.pump import Pump
from engine.schedule import Daily, OnTrouble, Since, Window, occasion
from engine.signature import Argument, Misfit
from engine.vocabulary import vocabulary
from tests.engine.spool.crash_kit import Line, Pacs

NIGHTS = Window(time(20), time(6))
WORKNIGHTS = Window(time(20), time(6), (0, 1, 2, 3, 4))
NOON = Window(time(12), time(13), (6,))


def moment(text: str) -> datetime:
    """2026-11-23 is a Monday."""
    return datetime.fromisoformat(f"2026-11-{text}")


@pytest.mark.parametrize(
    ("window", "at", "is_open"),
    [
        (NIGHTS, "23 20:00", True),
        (NIGHTS, "23 19:59:59", False),
        (NIGHTS, "24 05:59:59", True),
        (NIGHTS, "24 06:00", False),
        (NIGHTS, "24 00:00", True),
        (WORKNIGHTS, "27 23:00", True),  # Friday night …
        (WORKNIGHTS, "28 05:00", True),  # … lasts into Saturday
        (WORKNIGHTS, "28 23:00", False),
        (WORKNIGHTS, "30 05:00", False),  # Sunday's night is none of them
        (NOON, "29 12:30", True),
        (NOON, "28 12:30", False),
        (Window(time(0), time(0)), "23 13:00", True),
        (Window(time(8), time(8), (0,)), "24 07:59", True),
        (Window(time(8), time(8), (0,)), "24 08:00", False),
    ],
)
def test_a_window_begins_on_its_days_and_may_last_over_midnight(window: Window, at: str, is_open: bool) -> None:
    assert window.is_open(moment(at)) is is_open


@pytest.mark.parametrize(
    ("window", "at", "opens"),
    [
        (NIGHTS, "23 12:00", "23 20:00"),
        (NIGHTS, "23 20:00", "24 20:00"),
        (WORKNIGHTS, "28 12:00", "30 20:00"),
        (NOON, "29 12:00", "29 12:00"),
    ],
)
def test_it_opens_next(window: Window, at: str, opens: str) -> None:
    expected = moment(opens)
    if expected <= moment(at):
        expected += timedelta(days=7)
    assert window.next_opening(moment(at)) == expected


windows = st.builds(
    Window,
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.sets(st.integers(0, 6), min_size=1).map(lambda days: tuple(sorted(days))),
)


@pytest.mark.parametrize(
    ("daily", "at", "latest"),
    [
        (Daily(time(3)), "25T03:00", "25T03:00"),
        (Daily(time(3)), "25T02:59", "24T03:00"),
        (Daily(time(3), (0,)), "29T23:00", "23T03:00"),
        (Daily(time(3), (0,)), "23T02:00", "16T03:00"),
        (Daily(time(0), (5, 6)), "27T12:00", "22T00:00"),
    ],
)
def test_a_time_of_day_was_the_last_time(daily: Daily, at: str, latest: str) -> None:
    assert daily.latest(moment(at)) == moment(latest)
    assert Daily.of(str(daily)) == daily


@given(windows, st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)))
def test_it_is_open_when_it_opens_and_that_is_within_a_week(window: Window, at: datetime) -> None:
    opening = window.next_opening(at)
    assert at < opening <= at + timedelta(days=7)
    assert window.is_open(opening)
    assert opening.time() == window.start
    assert opening.weekday() in window.days
    assert Window.of(str(window)) == window


# --- what is sent during one


def program(start: datetime, end: datetime) -> Program:
    """Everything goes to PACS, between two times of the day."""
    text = (
        f'destination PACS = dicom "PACS@10.0.0.5:104"\nschedule soon = {start:%H:%M} until {end:%H:%M}\n'
        "on port 1 → forward PACS during soon"
    )
    compiled = compile_text(text, name="test.rules", vocabulary=vocabulary(), read=lambda _: "").program
    assert compiled is not None
    assert Program.from_json(compiled.to_json()) == compiled
    return compiled


def pump(line: Line) -> Pump:
    """The pump of PACS."""
    return Pump(line.spool.outbox("PACS"), lambda: line.pacs, line.router.refuse)


def test_outside_its_window_a_delivery_waits_untried_and_goes_when_it_opens(tmp_path: Path) -> None:
    now = datetime.now()
    opening = (now + timedelta(hours=2)).replace(second=0, microsecond=0)
    pacs = Pacs()
    line = Line(tmp_path, program(opening, opening + timedelta(hours=1)), pacs)
    line.receive("1.1")
    line.turn(clock.time())
    assert pacs.got == []
    [entry] = line.spool.outbox("PACS").all()
    assert entry.why == f"waits for soon, from {opening:%H:%M}"
    assert entry.tries == 0
    pump(line).turn(opening.timestamp() - 60)
    assert pacs.got == []
    pump(line).turn(opening.timestamp() + 1)
    assert pacs.got == ["1.1"]


def test_inside_its_window_it_goes_at_once(tmp_path: Path) -> None:
    now = datetime.now()
    pacs = Pacs()
    line = Line(tmp_path, program(now - timedelta(hours=1), now + timedelta(hours=1)), pacs)
    line.receive("1.1")
    line.turn(clock.time())
    assert pacs.got == ["1.1"]


def test_the_patience_does_not_count_while_the_window_is_closed(tmp_path: Path) -> None:
    now = datetime.now()
    opening = (now + timedelta(hours=2)).replace(second=0, microsecond=0)
    pacs = Pacs()
    line = Line(tmp_path, program(opening, opening + timedelta(hours=1)), pacs)
    line.receive("1.1")
    line.turn(clock.time())
    [entry] = line.spool.outbox("PACS").all()
    assert entry.closed == pytest.approx((opening - now).total_seconds(), abs=5)


def test_what_waits_for_its_window_waits_after_a_restart_too(tmp_path: Path) -> None:
    opening = datetime.now() + timedelta(hours=2)
    rules = program(opening, opening + timedelta(hours=1))
    line = Line(tmp_path, rules, Pacs())
    line.receive("1.1")
    line.turn(clock.time())
    line.spool.recover()
    pump(line).turn(clock.time())
    assert line.pacs.got == []
    assert line.owed("PACS") == ["1.1"]


# --- since, and on trouble --------------------------------------------------------------------------------------------


def since(kind: str, text: str) -> Since:
    return Since.of(Argument(kind, text))


def test_since_is_the_last_such_moment_before_now() -> None:
    ten = moment("25T10:00")  # a Wednesday
    assert since("clock", "06:00").before(ten) == moment("25T06:00")
    assert since("clock", "22:00").before(ten) == moment("24T22:00")
    assert since("clock", "10:00").before(ten) == moment("24T10:00"), "a whole day, not none"
    assert since("word", "monday").before(ten) == moment("23T00:00")
    assert since("word", "Wednesday").before(ten) == moment("25T00:00")
    assert since("word", "thursday").before(ten) == moment("19T00:00")


@pytest.mark.parametrize(
    ("kind", "text"), [("word", "weekdays"), ("duration", "4 hours"), ("clock", "25:00"), ("text", "monday")]
)
def test_since_takes_a_time_of_day_or_a_day_of_the_week(kind: str, text: str) -> None:
    with pytest.raises(Misfit):
        since(kind, text)


def test_trouble_lasts_for_five_minutes_where_nothing_is_said() -> None:
    assert OnTrouble.bound({}).lasting.seconds == 300
    said = OnTrouble.bound({"lasting": Argument("duration", "15 minutes")})
    assert (str(said), said.in_words()) == ("trouble 15 minutes", "trouble lasting 15 minutes")
    assert occasion(str(said)) == said
    assert occasion("03:00 56") == Daily(time(3), (5, 6))
    with pytest.raises(ValueError, match="not on trouble"):
        OnTrouble.of("troubled 3 minutes")
