"""What works by the clock: the timetable of the program that runs, and what its steps may ask for.

It must not know a step: it hands each the arguments of its rule.
"""

import time
from collections.abc import Callable
from datetime import datetime

from appliance.settings import Settings
from engine.destinations.purge import purge
from engine.program import Call, Chore
from engine.sources.every import Timetable
from engine.spool import Spool
from engine.steps import CHORES


class Caretaker:
    """What a step by the clock may ask for (engine.step.Caretaker), on this data folder."""

    def __init__(self, settings: Settings, stopping: Callable[[], bool], now: Callable[[], float] = time.time) -> None:
        self._settings, self._stopping, self._now = settings, stopping, now

    def purge(self, folder: str, older: float) -> str:
        """Remove old copies from a folder of the archive."""
        removed = purge(self._settings.archive_folder(folder), self._now() - older, self._stopping)
        return f"{removed} {'copy' if removed == 1 else 'copies'}"

    def work(self, call: Call) -> str:
        """Do one step. Raises engine.errors.Later."""
        return CHORES[call.step].of(call.arguments).work(self)


def timetable(
    settings: Settings,
    spool: Spool,
    stopping: Callable[[], bool],
    now: Callable[[], datetime] = datetime.now,
) -> Timetable:
    """The timetable of an appliance; what it does is in the history."""

    def tell(chore: Chore, said: str) -> None:
        spool.tell("chore", "", why=f"{chore.written}: {said}")

    caretaker = Caretaker(settings, stopping, lambda: now().timestamp())
    return Timetable(spool.root / "every", caretaker.work, tell, now)
