"""The intake: received files get the name that counts, several at once, so that they share what the disk takes longest for.

A flush costs milliseconds, whether it is for one file or for many. So whoever comes first commits for all that wait, and
those that come meanwhile wait for the next round: nobody waits for company, and alone it costs nothing. It must not
know what is in the files, nor who sent them.
"""

import errno
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine import files

_MOST = 64
"""Files in one round: each needs two open files, and the first would wait for the last."""


@dataclass(slots=True, eq=False)
class _Arriving:
    file: Path
    note: Path
    target: Path
    turn: threading.Event = field(default_factory=threading.Event)
    """Set when it is done, or is to lead the next round."""
    done: bool = False
    error: OSError | None = None


class Intake:
    """The way into one folder. Threads share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._waiting: list[_Arriving] = []
        self._busy = False

    def take(self, file: Path, note: Path, target: Path) -> None:
        """Make a file and its note durable, rename the file to `target`, and make that durable.

        Raises OSError: what there is of it then is to be removed, as the name may be there already.
        """
        mine = _Arriving(file, note, target)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._busy
            self._busy = True
        if not leads:
            mine.turn.wait()
        if not mine.done:
            self._lead()
        if mine.error is not None:
            raise mine.error

    def _lead(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        for one in batch:  # until the opposite is known
            one.error = OSError(errno.EINTR, os.strerror(errno.EINTR))
        try:
            self._commit(batch)
        finally:
            for one in batch:
                one.done = True
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._busy = successor is not None
            if successor is not None:
                successor.turn.set()
            for one in batch:
                one.turn.set()

    def _commit(self, batch: Sequence[_Arriving]) -> None:
        try:
            failed = files.sync_together([path for one in batch for path in (one.file, one.note)])
        except OSError as error:
            failed = {one.file: error for one in batch}
        named: list[_Arriving] = []
        for one in batch:
            one.error = failed.get(one.file) or failed.get(one.note)
            if one.error is None:
                try:
                    files.move(one.file, one.target)  # the name that counts
                    named.append(one)
                except OSError as error:
                    one.error = error
        try:
            if named:
                files.sync(self._folder)
        except OSError as error:
            for one in named:
                one.error = error
