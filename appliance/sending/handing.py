"""Handing files to the running appliance: into the folder of a destination, where its rules and its queues take over.

What is handed over lies complete in a folder before that gets the name under which it is taken. It must not know rules.
"""

import os
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from appliance.sending.committing import Committed
from appliance.sending.ways import NoWay, Report
from engine import files as durable
from engine.dicom import Done
from engine.dicom.commitment import Instance
from engine.errors import Later
from engine.sources.settling import DONE, STATUS, is_left_alone
from engine.sources.telling import verdict

_LONGEST = 180
EVERY = 0.5


class OutboxWay:
    """The folder of one destination, or one of the rules' own."""

    confirm = False
    """The appliance asks for that itself."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NoWay(f"there is no folder {folder}: the appliance makes it when it starts; is this its data?")
        self.folder = folder
        self.drops: list[str] = []
        """The names under which something was handed over."""

    def __str__(self) -> str:
        return f"the folder {self.folder}"

    @property
    def key(self) -> str:
        """The folder."""
        return f"outbox:{self.folder.resolve()}"

    def send(self, files: Sequence[Path], report: Report, stop: Callable[[], bool]) -> None:
        """Copy them, and let them be taken. Handed over is all of it or nothing."""
        name = f"send-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}-{len(self.drops) + 1}"
        draft = self.folder / f".{name}"
        try:
            durable.make_folder(draft)
            for number, file in enumerate(files, 1):
                if stop():
                    durable.remove_folder(draft)
                    return
                durable.copy(file, draft / f"{number:06}-{_safe(file.name)}")
            durable.sync(draft)
            durable.move(draft, self.folder / name)
            durable.sync(self.folder)
        except OSError as error:
            durable.remove_folder(draft)
            for file in files:
                report(file, Later(f"it cannot be put into {self.folder} ({error.strerror or error})"))
            return
        self.drops.append(name)
        for file in files:
            report(file, Done())

    def count(self, study: str) -> int | None:
        """A folder does not say."""
        return None

    def commit(self, instances: Sequence[Instance], stop: Callable[[], bool]) -> Committed:
        """It is not asked."""
        return Committed()

    def wait(self, seconds: float, stop: Callable[[], bool]) -> dict[str, tuple[str, str]]:
        """By drop: what became of it (`done`, `held`, or empty while it is under way), and the text that says so."""
        told = dict.fromkeys(self.drops, ("", ""))
        end = time.monotonic() + seconds
        while True:
            for name, (state, _) in told.items():
                if not state:
                    text = self._status(name)
                    told[name] = (verdict(text), text)
            if stop() or time.monotonic() > end or all(state for state, _ in told.values()):
                return told
            time.sleep(EVERY)

    def _status(self, name: str) -> str:
        try:
            return (self.folder / DONE / f"{name}{STATUS}").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return ""


def _safe(name: str) -> str:
    """The name, as far as a folder's watcher takes it for that of a finished file."""
    short = os.fsdecode(os.fsencode(name)[-_LONGEST:])
    return f"{short}.dcm" if is_left_alone(short) or is_left_alone(f"0{short}") else short
