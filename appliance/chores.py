"""What works without an object: the timetable of the program that runs, and what its steps may ask for.

It must not know a step: it hands each the arguments of its rule.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from appliance.settings import Settings
from appliance.telling import Telling
from engine.destinations.purge import purge
from engine.program import Call, Chore
from engine.schedule import OnTrouble, Since
from engine.sources.every import Timetable
from engine.spool import Spool
from engine.steps import CHORES


class Caretaker:
    """Does the steps of chores, on this data folder."""

    def __init__(
        self,
        settings: Settings,
        telling: Telling,
        stopping: Callable[[], bool],
        now: Callable[[], float] = time.time,
    ) -> None:
        self.settings, self.telling, self.stopping, self.now = settings, telling, stopping, now

    def work(self, chore: Chore, call: Call, due: datetime) -> str:
        """Do one step of what was due at this moment, or is on trouble. Raises engine.errors.Later."""
        return CHORES[call.step].of(call.arguments).work(_Occasion(self, chore, due))


class _Occasion:
    """What a step may ask for (engine.step.Caretaker), for one time at which its rule is worked off."""

    def __init__(self, caretaker: Caretaker, chore: Chore, due: datetime) -> None:
        self._caretaker, self._chore, self._due = caretaker, chore, due

    def purge(self, folder: str, older: float) -> str:
        """Remove old copies from a folder of the archive."""
        care = self._caretaker
        removed = purge(care.settings.archive_folder(folder), care.now() - older, care.stopping)
        return f"{removed} {'copy' if removed == 1 else 'copies'}"

    def report(self, contacts: Sequence[str]) -> str:
        """Mail what has happened."""
        return self._caretaker.telling.report(contacts, self._due) or "they have had theirs"

    def alarm(self, contacts: Sequence[str]) -> str:
        """Mail what does not work."""
        telling, when = self._caretaker.telling, self._chore.when
        if isinstance(when, OnTrouble):
            return telling.trouble(contacts, self._chore.name, when.lasting.seconds)
        return telling.alarm(contacts, self._chore.name, self._due) or "they know"

    def alarm_unless(self, contacts: Sequence[str], senders: Sequence[str], since: Since) -> str:
        """Mail who is silent."""
        return self._caretaker.telling.alarm_unless(contacts, senders, since, self._chore.name, self._due)


def timetable(spool: Spool, caretaker: Caretaker, now: Callable[[], datetime] = datetime.now) -> Timetable:
    """The timetable of an appliance; what it does is in the history."""
    return Timetable(spool.root / "every", caretaker.work, lambda chore, said: tell(spool, chore, said), now)


def tell(spool: Spool, chore: Chore, said: str) -> None:
    """Note in the history what was done."""
    spool.tell("chore", "", why=f"{chore.written}: {said}")
