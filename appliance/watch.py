"""Keeping watch: is there room, can it be written, who was heard, what is in trouble, what is to be tidied.

One thread that looks every now and then, and one that mails: a relay that does not answer may take a minute for each
mail, and the disk is tried meanwhile. Nothing that moves images waits for either.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import datetime

from appliance.chores import Caretaker, tell
from appliance.health import Health
from engine.errors import Later
from engine.heard import Heard
from engine.program import Call, Chore
from engine.schedule import OnTrouble
from engine.spool import Spool

log = logging.getLogger("stellwerk.watch")

LOOK, PROBE = 15.0, 60.0
"""Seconds between two looks; between two tries whether the disk can be written."""

AGAIN, LONGEST = 60.0, 600.0
"""Seconds until a mail is tried again that could not go: twice as long each time, up to the longest."""


class Watch:
    """Looks after one appliance."""

    def __init__(self, spool: Spool, health: Health, heard: Heard, caretaker: Caretaker) -> None:
        self.mailing = ""
        """Why an alarm could not be mailed; empty when all is well."""
        self._spool, self._health, self._heard, self._caretaker = spool, health, heard, caretaker
        self._chores: tuple[tuple[Chore, OnTrouble], ...] = ()
        self._logged: set[str] = set()
        self._stopping = threading.Event()
        now = time.monotonic()
        self._probe_at, self._mail_at = now, now
        self._rest = AGAIN

    def use(self, chores: Sequence[Chore]) -> None:
        """These from now on; those that are done at a time of day are none of ours."""
        self._chores = tuple((chore, chore.when) for chore in chores if isinstance(chore.when, OnTrouble))

    def loop(self) -> None:
        """Look until stopped. Raises what the disk raises; a supervisor starts it again."""
        while not self._stopping.is_set():
            self._tend()
            self._stopping.wait(LOOK)

    def mail_loop(self) -> None:
        """Tell whoever is to be told, until stopped."""
        while not self._stopping.is_set():
            self._ring_in_time()
            shortest = min((when.lasting.seconds / 2 for _, when in self._chores), default=LOOK)
            self._stopping.wait(min(LOOK, max(1.0, shortest)))

    def look(self) -> None:
        """Look once, and tell whoever is to be told."""
        self._tend()
        self._ring_in_time()

    def _ring_in_time(self) -> None:
        now = time.monotonic()
        if now >= self._mail_at:
            self._ring(now)

    def _tend(self) -> None:
        now = time.monotonic()
        if now >= self._probe_at:
            self._probe_at = now + PROBE
            self._health.disk.probe()
        self._log()
        try:
            self._heard.keep()
        except OSError as error:
            # It is done again; that the disk cannot be written is told above.
            log.error("who was heard could not be written down (%s)", error.strerror)

    def stop(self) -> None:
        """End the loop."""
        self._stopping.set()

    def _log(self) -> None:
        """Say it once when a disk gets into trouble, and when it is out of it; the rest speaks for itself."""
        disks = {
            name: one for name, one in self._health.trouble().items() if name == "the disk" or name.startswith("disk ")
        }
        for name in disks.keys() - self._logged:
            log.warning("%s", disks[name].words)
        for name in self._logged - disks.keys():
            log.info("%s: all is well again", name)
        self._logged = set(disks)

    def _ring(self, now: float) -> None:
        """Tell whoever is to be told; what cannot be mailed is looked at again after a rest."""
        refused = [why for chore, _ in self._chores for call in chore.chain if (why := self._tell(chore, call))]
        try:
            self._caretaker.telling.all_clear()
        except Later as refusal:
            refused.append(refusal.reason)
        self.mailing = next(iter(refused), "")
        if refused:
            log.error("%s; tried again in %.0f s", self.mailing, self._rest)
            self._mail_at = now + self._rest
        self._rest = min(self._rest * 2, LONGEST) if refused else AGAIN

    def _tell(self, chore: Chore, call: Call) -> str:
        """Do one step; why it could not be done, or nothing."""
        try:
            said = self._caretaker.work(chore, call, datetime.now())
        except Later as refusal:
            return f"{chore.written}: {call.step}: {refusal.reason}"
        if said:
            log.info("%s: %s", chore.written, said)
            tell(self._spool, chore, said)
        return ""
