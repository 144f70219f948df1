"""What a person has paused: a file for each such outbox in DATA/paused, which outlives a restart.

That a file is there is what counts; what it says is who and when. It must not know pumps.
"""

import json
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from engine import files


@dataclass(frozen=True, slots=True)
class Pause:
    """by: the user; empty where the file does not say. since: in seconds since 1970."""

    since: float
    by: str = ""

    def words(self) -> str:
        """For whoever asks why nothing is sent."""
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(self.since))
        return f"paused by {self.by or 'a person'} since {at}: resume it in the console, under Destinations"


class Pauses:
    """One appliance's. Threads may share one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known = {path.name: _read(path) for path in _paths(folder)}

    def of(self, name: str) -> Pause | None:
        """The pause of this outbox, if somebody has paused it."""
        return self._known.get(name)

    def add(self, name: str, by: str) -> None:
        """Pause an outbox, durably. Raises OSError."""
        with self._lock:
            if name in self._known:
                return
            pause = Pause(time.time(), by)
            files.make_folder(self._folder)
            files.write(self._folder / name, json.dumps(asdict(pause)).encode())
            files.sync(self._folder)
            self._known = {**self._known, name: pause}

    def remove(self, name: str) -> None:
        """Let it go on, durably. Raises OSError."""
        with self._lock:
            if name not in self._known:
                return
            files.remove(self._folder / name)
            files.sync(self._folder)
            self._known = {other: pause for other, pause in self._known.items() if other != name}


def _paths(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []


def _read(path: Path) -> Pause:
    """It pauses whatever it says."""
    try:
        said = json.loads(path.read_bytes())
        return Pause(float(said["since"]), str(said["by"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Pause(0.0)
