"""House: one data folder, seen from beside the appliance, running or not. What every other file here is given."""

import functools
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from appliance.presence import is_running
from appliance.settings import Settings
from engine.heard import Heard
from engine.program import Program
from engine.spool import Spool

from .journals import LOOK, Journals
from .kept import Kept
from .rates import Recent

T = TypeVar("T")


class NoSpool(OSError):
    """Nothing has ever run on this data folder."""

    def __init__(self) -> None:
        super().__init__(2, "nothing has been received here yet: there is no spool")


class House:
    """One data folder. Threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.journals = Journals(settings.spool, lambda: is_running(settings))
        self.recent = Recent(settings.spool / "history")
        self._last_good = settings.data / "last-good.json"
        self._spool: Spool | None = None
        self._keeping = threading.Lock()
        self._kept: dict[str, Kept[Any]] = {}

    @property
    def spool(self) -> Spool:
        """The spool. Raises NoSpool where there is none: to look makes nothing."""
        if self._spool is None:
            if not self.settings.spool.is_dir():
                raise NoSpool
            self._spool = Spool(self.settings.spool)
        return self._spool

    def keep(self, name: str, make: Callable[[], T]) -> T:
        """What costs something to find out, kept for a moment under a name."""
        with self._keeping:
            kept = self._kept.setdefault(name, Kept(make))
        return cast(Kept[T], kept).get()

    def forget(self, name: str) -> None:
        """Something was done about it: it is found out anew when it is asked for."""
        with self._keeping:
            self._kept.pop(name, None)

    def is_running(self) -> bool:
        """Whether an appliance works on it."""
        return is_running(self.settings)

    def follow(self, stopping: threading.Event) -> None:
        """Keep the journal up to date while no appliance does, as soon as there is a spool. For a thread of its own.

        Raises OSError.
        """
        while not self.settings.spool.is_dir():
            if stopping.wait(LOOK):
                return
        self.journals.follow(stopping)

    def heard(self) -> Heard:
        """When each sender was heard last, as far as it is written down."""
        return Heard(self.settings.spool / "heard")

    def program(self) -> Program | None:
        """The program that runs, or ran last."""
        return _read(self._last_good)

    def kept(self, digest: str) -> Program | None:
        """A program that objects of the spool were taken in under; None where it is not there, or torn."""
        if not digest or not digest.isalnum():
            return None
        return _read(self.settings.spool / "programs" / f"{digest}.json")


def _read(path: Path) -> Program | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _program(path, (found.st_ino, found.st_mtime_ns, found.st_size))


@functools.lru_cache(32)
def _program(path: Path, _stamp: tuple[int, int, int]) -> Program | None:
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        return Program.from_json(json.loads(path.read_bytes()))
    return None
