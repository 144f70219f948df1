"""The plain values that rules are written in: text, numbers, dates, clocks, durations; and how texts become them.

Pure, standard library only. DICOM keeps numbers, dates and ages as text (PS3.5 section 6.2); everything here
answers None for a text that is not such a value, so that a condition on it is false instead of an error.
"""

import re
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal, InvalidOperation

DAYS = {"D": 1, "W": 7, "M": 30.4375, "Y": 365.25}
_SECONDS = {"second": 1, "minute": 60, "min": 60, "hour": 3600, "day": 86400, "week": 604800}
_AGE = re.compile(r"\s*(\d{1,3})\s*([DWMY])\s*", re.ASCII)
_DATE = re.compile(r"(\d{4})[-.]?(\d\d)[-.]?(\d\d)", re.ASCII)
_CLOCK = re.compile(r"(\d\d|\d(?=:)):?(\d\d)?:?(\d\d)?(\.\d+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time as written: `2 minutes`, `18 years`. Months and years have no fixed length in seconds."""

    amount: int
    unit: str

    @classmethod
    def of(cls, text: str) -> "Duration":
        """Read `18 years`, `10min`. Raises ValueError."""
        match = re.fullmatch(r"\s*(\d+)\s*(second|minute|min|hour|day|week|month|year)s?\s*", text)
        if match is None:
            raise ValueError(f"not a duration: {text}")
        return cls(int(match[1]), "minute" if match[2] == "min" else match[2])

    @property
    def days(self) -> float:
        """Its length in days, a month being 30.4375 and a year 365.25 of them."""
        if self.unit == "month":
            return self.amount * DAYS["M"]
        if self.unit == "year":
            return self.amount * DAYS["Y"]
        return self.amount * _SECONDS[self.unit] / 86400

    @property
    def seconds(self) -> float:
        """Its length in seconds."""
        return self.days * 86400

    @property
    def delta(self) -> timedelta:
        """The same as a timedelta."""
        return timedelta(days=self.days)

    def __str__(self) -> str:
        return f"{self.amount} {self.unit}{'' if self.amount == 1 else 's'}"


def number(text: str) -> Decimal | None:
    """A decimal or integer string (VR DS, IS) as a number, exactly."""
    text = text.strip()
    if _NUMBER.fullmatch(text) is None:
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        # An exponent beyond all numbers.
        return None


def age_in_days(text: str) -> float | None:
    """An age string (VR AS): `018Y`, `006M`, `003W`, `010D`."""
    match = _AGE.fullmatch(text)
    return int(match[1]) * DAYS[match[2]] if match else None


def day(text: str) -> date | None:
    """A date (VR DA, also the older `2026.03.31`), or the date of a date-time (VR DT)."""
    match = _DATE.match(text.strip())
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None


def clock(text: str) -> time | None:
    """A time of day (VR TM): `20`, `2015`, `201530.5`, and as rules write it, `8:15`. Fractions are dropped."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return None
    try:
        # TM allows the 60th second, the leap second.
        return time(int(match[1]), int(match[2] or 0), 59 if match[3] == "60" else int(match[3] or 0))
    except ValueError:
        return None


def as_dicom(kind: str, text: str) -> str:
    """A value of a rule as an object holds it (PS3.5 section 6.2): `18 years` as 018Y, dates and clocks as digits.

    kind: how the attribute's values compare (engine.tags.Path.kind). What is no such value stays as it is.
    """
    if kind == "age" and age_in_days(text) is None:
        try:
            duration = Duration.of(text)
        except ValueError:
            return text
        return f"{duration.amount:03d}{duration.unit[0].upper()}"
    if kind == "date":
        found = day(text)
        return text if found is None else f"{found:%Y%m%d}"
    if kind == "moment" and re.fullmatch(_DATE, text):
        return re.sub("[-.]", "", text)
    if kind == "time" and ":" in text:
        return re.sub(":", "", text.zfill(5))
    return text
