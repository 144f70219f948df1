"""every: rules that are worked off at a time of day, and without an object.

What has been done is kept on disk: a time that went by while nothing ran is made up for at the next start. Whatever
a rule does, to do it twice does no harm. It must not know the steps.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from engine import files
from engine.errors import Later
from engine.program import Call, Chore
from engine.schedule import Daily

log = logging.getLogger("stellwerk.every")

AGAIN, LONGEST = timedelta(minutes=5), timedelta(hours=1)
"""After so long, what failed is tried again: twice as long each time, up to the longest."""

Work = Callable[[Chore, Call, datetime], str]
Tell = Callable[[Chore, str], None]


@dataclass(frozen=True, slots=True)
class _Failure:
    again: datetime
    rest: timedelta
    why: str


class Timetable:
    """The chores of the program that runs.

    folder: where it is kept when each was done last. work: does one step of what was due then, and says in words
    what was done; raises Later. tell: is told what was done.
    """

    def __init__(self, folder: Path, work: Work, tell: Tell, now: Callable[[], datetime] = datetime.now) -> None:
        self.trouble = ""
        """Why the last of them could not be done; empty where all is well."""
        self._folder, self._work, self._tell, self._now = folder, work, tell, now
        self._chores: tuple[tuple[Chore, Daily], ...] = ()
        self._failed: dict[str, _Failure] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler()

    def use(self, chores: Sequence[Chore]) -> None:
        """These from now on; those that are not done at a time of day are none of ours."""
        self._chores = tuple((chore, chore.when) for chore in chores if isinstance(chore.when, Daily))
        self._failed.clear()
        self._scheduler.remove_all_jobs()
        for _, when in self._chores:
            self._scheduler.add_job(self._wake.set, _trigger(when))
        self._wake.set()

    def loop(self) -> None:
        """Work off what is due, until stopped."""
        if not self._scheduler.running:
            self._scheduler.start()
        while not self._stopping.is_set():
            # The scheduler knows the minute; looking now and then finds what a clock that was set has made due.
            self._wake.wait(60.0)
            self._wake.clear()
            self.turn()

    def turn(self) -> None:
        """Work off what is due now."""
        for chore, when in self._chores:
            if self._done(chore) is None:
                self._note(chore)  # it is new here: its first time is yet to come
            if not self._stopping.is_set() and self._is_due(chore, when):
                self._do(chore, when.latest(self._now()))
        self.trouble = next((failure.why for failure in self._failed.values()), "")

    def _is_due(self, chore: Chore, when: Daily) -> bool:
        """Whether its time has come since it was done last."""
        failed = self._failed.get(chore.name)
        if failed is not None and self._now() < failed.again:
            return False
        done = self._done(chore)
        return done is not None and done < when.latest(self._now())

    def stop(self) -> None:
        """End the loop; what has begun ends soon by itself."""
        self._stopping.set()
        self._wake.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def _do(self, chore: Chore, due: datetime) -> None:
        before = self._failed.pop(chore.name, None)
        rest = AGAIN if before is None else min(before.rest * 2, LONGEST)
        for call in chore.chain:
            try:
                said = self._work(chore, call, due)
            except Later as refusal:
                why = f"{chore.written}: {call.step}: {refusal.reason}"
                self._failed[chore.name] = _Failure(self._now() + rest, rest, why)
                log.error("%s: %s: %s", chore.written, call.step, refusal.reason)
            else:
                log.info("%s: %s", chore.written, said)
                self._tell(chore, said)
        if chore.name not in self._failed:
            self._note(chore)

    def _done(self, chore: Chore) -> datetime | None:
        """When it was done last, or seen first; None where that is not known."""
        try:
            return datetime.fromisoformat(self._path(chore).read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _note(self, chore: Chore) -> None:
        files.make_folder(self._folder)
        files.write(self._path(chore), self._now().isoformat(timespec="seconds").encode())
        files.sync(self._folder)

    def _path(self, chore: Chore) -> Path:
        # Another time of day is another chore: its first time is yet to come.
        known = f"{chore.name} {chore.when}".encode()
        return self._folder / hashlib.blake2b(known, digest_size=8).hexdigest()


def _trigger(when: Daily) -> CronTrigger:
    return CronTrigger(day_of_week=",".join(map(str, when.days)), hour=when.at.hour, minute=when.at.minute)
