"""Times that rules speak of: windows, times of day, how long something lasts. When is one open, when was it last?

Pure: the moment comes in as an argument, as local time without a zone, for a practice's night is the clock on its wall.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Self

from engine.parameters import Time
from engine.signature import Argument, Misfit, Signature
from engine.values import Duration, clock

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
GROUPS: Mapping[str, tuple[int, ...]] = {"weekdays": (0, 1, 2, 3, 4), "weekends": (5, 6)}


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day."""

    time: time

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """`20:00`. Raises Misfit."""
        found = clock(argument.text) if argument.kind == "clock" else None
        if found is None:
            raise Misfit(argument, "a time of day, like 20:00")
        return cls(found)


@dataclass(frozen=True, slots=True)
class WeekDays:
    """Days of the week, Monday being 0."""

    days: tuple[int, ...]

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """`monday`, `weekdays`, `weekends`, one or a list. Raises Misfit."""
        found: set[int] = set()
        for item in argument.items or (argument,):
            word = item.text.lower() if item.kind == "word" else ""
            word = word if word in GROUPS else word.removesuffix("s")
            if word not in DAYS and word not in GROUPS:
                raise Misfit(item, "days of the week, like monday, weekdays or weekends")
            found.update(GROUPS[word] if word in GROUPS else (DAYS.index(word),))
        return cls(tuple(sorted(found)))


@dataclass(frozen=True, slots=True)
class Since:
    """A moment that comes again and again: a time of day, or the beginning of a day of the week (Monday being 0)."""

    at: time = time(0)
    day: int | None = None

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """`06:00`, or `monday`. Raises Misfit."""
        if argument.kind == "clock" and (at := clock(argument.text)) is not None:
            return cls(at)
        word = argument.text.lower() if argument.kind == "word" else ""
        if word not in DAYS:
            raise Misfit(argument, "a time of day or a day of the week, like 06:00 or monday")
        return cls(day=DAYS.index(word))

    def before(self, moment: datetime) -> datetime:
        """When it was last, before this moment."""
        dates = (moment.date() - timedelta(days=back) for back in range(9))
        times = (datetime.combine(day, self.at) for day in dates if self.day in (None, day.weekday()))
        return next(one for one in times if one < moment)


SIGNATURE = Signature.of("schedule START until END [on DAYS]", {"start": Clock, "end": Clock, "days": WeekDays})


@dataclass(frozen=True, slots=True)
class Daily:
    """A time of day, on some days of the week (Monday being 0): `every day at 03:00 on weekdays`."""

    at: time
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def latest(self, moment: datetime) -> datetime:
        """When it was the last time, this moment included."""
        dates = (moment.date() - timedelta(days=back) for back in range(8))
        times = (datetime.combine(day, self.at) for day in dates if day.weekday() in self.days)
        return next(one for one in times if one <= moment)

    def __str__(self) -> str:
        days = "" if len(self.days) == len(DAYS) else f" {''.join(map(str, self.days))}"
        return f"{self.at:%H:%M}{days}"

    def in_words(self) -> str:
        """As a rule says it."""
        days = "" if len(self.days) == len(DAYS) else f" on {', '.join(DAYS[day] for day in self.days)}"
        return f"every day at {self.at:%H:%M}{days}"

    @classmethod
    def of(cls, text: str) -> Self:
        """What `str` wrote. Raises ValueError."""
        match = re.fullmatch(r"(\d\d):(\d\d)(?: ([0-6]+))?", text)
        if match is None:
            raise ValueError("not a time of day")
        return cls(time(int(match[1]), int(match[2])), _days(match[3]))

    @classmethod
    def bound(cls, arguments: Mapping[str, Argument]) -> Self:
        """From the bound arguments of `every day at TIME [on DAYS]`."""
        days = WeekDays.of(arguments["days"]).days if "days" in arguments else _days(None)
        return cls(Clock.of(arguments["time"]).time, days)


@dataclass(frozen=True, slots=True)
class OnTrouble:
    """`trouble [lasting 15 minutes]`: what ends sooner was none, and what comes back sooner has not been away."""

    lasting: Duration = Duration(5, "minute")

    def __str__(self) -> str:
        return f"trouble {self.lasting}"

    def in_words(self) -> str:
        """As a rule says it."""
        return f"trouble lasting {self.lasting}"

    @classmethod
    def of(cls, text: str) -> Self:
        """What `str` wrote. Raises ValueError."""
        word, _, lasting = text.partition(" ")
        if word != "trouble":
            raise ValueError("not on trouble")
        return cls(Duration.of(lasting))

    @classmethod
    def bound(cls, arguments: Mapping[str, Argument]) -> Self:
        """From the bound arguments of `trouble [lasting LASTING]`."""
        return cls(Time.of(arguments["lasting"]).duration) if "lasting" in arguments else cls()


def occasion(text: str) -> Daily | OnTrouble:
    """What `str` wrote of either. Raises ValueError."""
    return OnTrouble.of(text) if text.startswith("trouble") else Daily.of(text)


def _days(digits: str | None) -> tuple[int, ...]:
    """Days of the week from their digits; all where there are none."""
    return tuple(map(int, digits)) if digits else tuple(range(len(DAYS)))


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` until `end`, over midnight where the end is not later; `days` are those on which it begins."""

    start: time
    end: time
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)

    def is_open(self, moment: datetime) -> bool:
        """Whether this moment lies in it. The start does, the end does not."""
        return any(begin <= moment < end for begin, end in self._around(moment))

    def next_opening(self, moment: datetime) -> datetime:
        """When it opens next, after this moment."""
        return min(begin for begin, _ in self._around(moment) if begin > moment)

    def _around(self, moment: datetime) -> list[tuple[datetime, datetime]]:
        over_midnight = timedelta(days=self.end <= self.start)
        found = []
        for shift in range(-1, 8):
            day = moment.date() + timedelta(days=shift)
            if day.weekday() in self.days:
                begin = datetime.combine(day, self.start)
                found.append((begin, datetime.combine(day, self.end) + over_midnight))
        return found

    def __str__(self) -> str:
        days = "" if len(self.days) == len(DAYS) else f" {''.join(map(str, self.days))}"
        return f"{self.start:%H:%M}-{self.end:%H:%M}{days}"

    @classmethod
    def of(cls, text: str) -> Self:
        """What `str` wrote. Raises ValueError."""
        match = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)(?: ([0-6]+))?", text)
        if match is None:
            raise ValueError("not a window of time")
        return cls(time(int(match[1]), int(match[2])), time(int(match[3]), int(match[4])), _days(match[5]))


@dataclass(frozen=True, slots=True)
class Schedule:
    """`schedule NAME = 20:00 until 06:00 on weekdays`."""

    name: str
    window: Window

    @classmethod
    def of(cls, name: str, arguments: Mapping[str, Argument]) -> Self:
        """From bound arguments."""
        days = WeekDays.of(arguments["days"]).days if "days" in arguments else _days(None)
        return cls(name, Window(Clock.of(arguments["start"]).time, Clock.of(arguments["end"]).time, days))
