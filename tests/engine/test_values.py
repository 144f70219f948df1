"""Numbers, dates, clocks, ages and durations: what is one, and what is not."""

from datetime import date, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.values import Duration, age_in_days, as_dicom, clock, day, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("+1", "1"),
        ("-0.5", "-0.5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        (" 7 ", "7"),
        ("0.1", "0.1"),
    ],
)
def test_a_number_is_read_exactly(text: str, value: str) -> None:
    assert number(text) == Decimal(value)


@pytest.mark.parametrize(
    "text", ["", "x", "1,5", "NaN", "Infinity", "1_0", "١", "1 2", "--1", "0x10", "1e9999999999999999999999"]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert number(text) is None


@pytest.mark.parametrize(
    ("text", "days"),
    [("018Y", 18 * 365.25), ("006M", 6 * 30.4375), ("003W", 21), ("010D", 10), (" 018Y ", 18 * 365.25)],
)
def test_an_age_has_a_unit(text: str, days: float) -> None:
    assert age_in_days(text) == days


@pytest.mark.parametrize("text", ["", "18", "Y", "018y", "0018Y", "-18Y", "18 years"])
def test_what_is_no_age_is_none(text: str) -> None:
    assert age_in_days(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20260331", date(2026, 3, 31)),
        ("2026.03.31", date(2026, 3, 31)),
        ("2026-03-31", date(2026, 3, 31)),
        ("20260331235959.123456+0200", date(2026, 3, 31)),
        ("20240229", date(2024, 2, 29)),
    ],
)
def test_a_date_is_read_in_each_of_its_spellings(text: str, value: date) -> None:
    assert day(text) == value


@pytest.mark.parametrize("text", ["", "2026", "202603", "20260229", "20261301", "00000000", "31.03.2026", "gestern"])
def test_what_is_no_date_is_none(text: str) -> None:
    assert day(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", time(20)),
        ("2015", time(20, 15)),
        ("201530", time(20, 15, 30)),
        ("201530.999999", time(20, 15, 30)),
        ("20:15", time(20, 15)),
        ("20:15:30", time(20, 15, 30)),
        ("8:15", time(8, 15)),
        ("235960", time(23, 59, 59)),
    ],
)
def test_a_time_is_read_in_each_of_its_spellings(text: str, value: time) -> None:
    assert clock(text) == value


@pytest.mark.parametrize("text", ["", "8", "815", "2460", "2500", "201561", "20 15", "mittags"])
def test_what_is_no_time_is_none(text: str) -> None:
    assert clock(text) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90 seconds", 90), ("1 minute", 60), ("10min", 600), ("2 hours", 7200), ("3 days", 259200), ("1 week", 604800)],
)
def test_a_duration_is_as_long_as_it_says(text: str, seconds: float) -> None:
    duration = Duration.of(text)
    assert duration.seconds == pytest.approx(seconds)
    assert duration.delta == timedelta(seconds=seconds)


def test_twelve_months_are_a_year() -> None:
    assert Duration.of("12 months").days == Duration.of("1 year").days == 365.25


@pytest.mark.parametrize("text", ["", "2", "minutes", "-2 minutes", "2 fortnights", "1.5 hours", "2 minutes ago"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        Duration.of(text)


@given(st.integers(0, 10**6), st.sampled_from(["second", "minute", "hour", "day", "week", "month", "year"]))
def test_a_duration_reads_back_from_its_own_spelling(amount: int, unit: str) -> None:
    assert Duration.of(str(Duration(amount, unit))) == Duration(amount, unit)


@given(st.text(max_size=30))
def test_no_text_makes_a_reader_raise(text: str) -> None:
    for read in (number, age_in_days, day, clock):
        read(text)


@pytest.mark.parametrize(
    ("kind", "text", "held"),
    [
        ("age", "18 years", "018Y"),
        ("age", "3 months", "003M"),
        ("age", "018Y", "018Y"),
        ("date", "2026-03-31", "20260331"),
        ("date", "2026.03.31", "20260331"),
        ("date", "20260331", "20260331"),
        ("moment", "2026-03-31", "20260331"),
        ("moment", "202603311200", "202603311200"),
        ("time", "08:00", "0800"),
        ("time", "8:00", "0800"),
        ("time", "080000.5", "080000.5"),
        ("text", "18 years", "18 years"),
        ("number", "512", "512"),
    ],
)
def test_what_a_rule_writes_is_held_as_dicom_writes_it(kind, text, held):
    assert as_dicom(kind, text) == held
