"""A backup every night, into a folder that is somewhere else: made, read back, and the oldest ones removed.

The appliance only watches the clock. The work is done by a process of its own (`stellwerk backup --nightly`): so it
costs nobody who sends anything. One that fails is tried again each hour, and is a trouble until one has been made.
"""

import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from appliance.backup.packing import make
from appliance.backup.passphrase import NoPassphrase, of_file
from appliance.backup.sealed import NoBackup, Reader, fit
from appliance.beside import Beside
from appliance.settings import Settings
from engine import files
from engine.destinations.share import Share
from engine.errors import Later
from engine.trouble import Trouble

HOUR, MINUTE = 2, 30
"""When, by this machine's clock."""

FIRST = 600.0
"""Seconds after a start, where the last one is too old: some machines are switched off every night."""
AGAIN = 3600.0
OLD = timedelta(hours=26)
NICER = 15
LOOK = 30.0
"""Seconds after which the clock is looked at again: it may be set."""

_BLOCK = 1 << 20


class NotMade(Exception):
    """No backup was made; the text says why."""


def name_of(moment: float) -> str:
    """What a backup of this machine is called that is made now."""
    return f"{_prefix()}{time.strftime('%Y-%m-%d-%H%M%S', time.localtime(moment))}.backup"


def keep(settings: Settings, now: Callable[[], float] = time.time) -> Path:
    """Make one in the folder `backup_to`, read it back, and remove the oldest; answers its file. Raises NotMade."""
    folder, key = settings.backup_to, settings.backup_passphrase_file
    if folder is None or key is None:
        raise NotMade("the settings backup_to and backup_passphrase_file go together: one of them is missing")
    try:
        passphrase = of_file(key)
        if wrong := fit(passphrase):
            raise NotMade(f"{key}: {wrong}")
        Share(folder, settings.spool / "shares").check()
        target = folder / name_of(now())
        draft = folder / f".{target.name}.part"
        try:
            with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w+b") as stream:
                make(settings, stream, passphrase)
                stream.flush()
                files.sync(draft, stream.fileno())
                stream.seek(0)
                _read_back(Reader(stream, passphrase))
            files.move(draft, target)
        finally:
            files.remove(draft)
        files.sync_share(folder)
        for old in backups_in(folder)[: -max(1, settings.backup_keep)]:
            files.remove(old)
        return target
    except NoPassphrase as error:
        raise NotMade(str(error)) from None
    except Later as error:
        raise NotMade(error.reason) from None
    except NoBackup as error:
        raise NotMade(f"{folder} has not kept what was written: {error}") from None
    except OSError as error:
        raise NotMade(f"{folder}: {error.strerror or error}") from None


def backups_in(folder: Path) -> list[Path]:
    """Those of this machine, the oldest first. Raises OSError."""
    ours = re.compile(rf"{re.escape(_prefix())}\d{{4}}-\d\d-\d\d-\d{{6}}\.backup")
    return sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))


def _prefix() -> str:
    return f"stellwerk-{re.sub(r'[^A-Za-z0-9.-]', '-', socket.gethostname())}-"


def _read_back(reader: Reader) -> None:
    while reader.read(_BLOCK):
        pass
    if not reader.is_over:
        raise NoBackup("it ends too early")


class Nightly:
    """Watches the clock for one appliance."""

    def __init__(
        self,
        settings: Settings,
        arguments: Sequence[str],
        now: Callable[[], datetime] = datetime.now,
        run: Callable[[Sequence[str]], tuple[int, str]] | None = None,
    ) -> None:
        """arguments: those for settings and rules that we were given ourselves. run: a command; its code, its words."""
        self._settings, self._arguments, self._now = settings, arguments, now
        self._beside = Beside()
        self._run = run or self._beside.stellwerk
        self._why = ""

    @property
    def trouble(self) -> Trouble | str:
        """Why the last one was not made; empty when all is well."""
        if not self._why:
            return ""
        german = f"die nächtliche Sicherung ist nicht gelungen: {self._why}; sie wird jede Stunde wieder versucht"
        return Trouble(f"the nightly backup was not made: {self._why}; it is tried again each hour", german)

    def loop(self) -> None:
        """Until it is stopped."""
        due = self.first(self._now())
        while not self._beside.stopping.wait(LOOK):
            if self._now() >= due:
                due = self.turn(self._now())

    def first(self, now: datetime) -> datetime:
        """When the first one after a start is due."""
        newest = None
        with suppress(OSError):
            found = backups_in(self._settings.backup_to) if self._settings.backup_to is not None else []
            newest = datetime.fromtimestamp(found[-1].stat().st_mtime) if found else None
        if newest is None or now - newest > OLD:
            return now + timedelta(seconds=FIRST)
        return next_night(now)

    def turn(self, now: datetime) -> datetime:
        """Make one now; when the next is due."""
        code, words = self._run(["backup", "--nightly", *self._arguments])
        self._why = "" if code == 0 else words or f"it has ended with {code}"
        return next_night(now) if code == 0 else now + timedelta(seconds=AGAIN)

    def stop(self) -> None:
        """End it, also in the middle of one."""
        self._beside.stop()


def next_night(now: datetime) -> datetime:
    """The next time that it is due after this moment."""
    today = now.replace(hour=HOUR, minute=MINUTE, second=0, microsecond=0)
    return today if today > now else today + timedelta(days=1)
