"""The history: what happened to every object, by number, one line each; and beside it what a person searches by.

    history/<day>.jsonl     events, without any patient's data
    keys/<day>.jsonl        whose image each number is, of which study, and where in an archive it lies: a patient's
                            data, for this machine alone

Written ahead: `record` and `sync` make a line durable before what it tells of leaves the spool, and keys with it. So
what became of an object is where it lies in the spool; and if it lies nowhere, its last line says it, and it is found
by its patient and study. It must not know what events mean.
"""

import contextlib
import functools
import json
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from engine import files

_text = json.encoder.encode_basestring
"""A text as JSON, whatever signs are in it. A whole line is put together by hand: every object has several."""


class History:
    """The lines of one spool. Threads and processes may share it: each line is one write at the end of its file."""

    def __init__(self, root: Path) -> None:
        self.events = root / "history"
        self.keys = root / "keys"
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._told: deque[bytes] = deque()
        """Lines of events that somebody is about to write: the one who has `_writing`, or is about to have it."""
        self._syncing = threading.Lock()
        self._whole: set[Path] = set()
        """Files that are known to end with a line's end."""
        self._recorded: set[Path] = set()
        """Files with lines that must be durable at the next `sync`."""

    def tell(self, event: str, obj: str, **facts: str) -> None:
        """Note what happened. Where the disk does not let it, nothing is noted: the spool still knows."""
        self._tell(_event(event, obj, facts))

    def tell_all(self, events: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """Note several things that happened: of each what, to which object, and the facts."""
        self._tell("".join([_event(*one) for one in events]))

    def record(self, event: str, obj: str, **facts: str) -> None:
        """Note what the spool will no longer know. Durable after `sync`. Raises OSError."""
        self.record_all([(event, obj, facts)])

    def record_all(self, events: Iterable[tuple[str, str, Mapping[str, str]]]) -> None:
        """The same of several things, as `tell_all` has them. Raises OSError; a part of them may be noted then."""
        self._record(self.events, "".join([_event(*one) for one in events]))

    def sync(self) -> None:
        """Make all durable that was recorded. Raises OSError; what it tells of must not leave the spool then."""
        # One after the other: whoever finds nothing left to flush must not go on before another has flushed it.
        with self._syncing:
            with self._lock:
                recorded, self._recorded = self._recorded, set()
            try:
                for path in recorded:
                    with contextlib.suppress(FileNotFoundError):  # a day that was dropped meanwhile
                        files.sync(path)
            except OSError:
                with self._lock:
                    self._recorded |= recorded
                raise

    def record_keys(self, keys: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Note what each of these objects may be searched by, or where in an archive it lies. Durable after `sync`.

        Where the disk does not let it, nothing is noted: a journal that is built anew finds it out from the files.
        """
        lines = [f'{{"object": {_text(obj)}{_facts(of_it)}}}\n' for obj, of_it in keys]
        if lines:
            with contextlib.suppress(OSError):
                self._record(self.keys, "".join(lines))

    def lines(self) -> Iterator[dict[str, str]]:
        """Every event, oldest first; a line that a crash has torn is left out."""
        for path in sorted(self.events.glob("*.jsonl")):
            with path.open(encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    with contextlib.suppress(ValueError):
                        yield json.loads(line)

    def drop(self, day: str) -> None:
        """Remove what was noted on a day: nothing of it is needed any more."""
        for folder in (self.events, self.keys):
            files.remove(folder / f"{day}.jsonl")

    def _tell(self, lines: str) -> None:
        self._told.append(lines.encode())
        self._write_told()

    def _write_told(self) -> None:
        """Whoever is writing writes for all, so that nobody who only tells waits for the disk.

        It is asked again after each turn: who came during it has gone on, and counts on it.
        """
        while self._told and self._writing.acquire(blocking=False):
            try:
                self._write_what_is_told()
            finally:
                self._writing.release()

    def _write_what_is_told(self) -> None:
        together: list[bytes] = []
        while self._told:
            together.append(self._told.popleft())
        if together:
            with contextlib.suppress(OSError):
                self._write(self.events, b"".join(together))

    def _record(self, folder: Path, lines: str) -> None:
        try:
            with self._writing:
                self._write_what_is_told()  # what was told before stands before
                path = self._write(folder, lines.encode())
        finally:
            self._write_told()
        with self._lock:
            self._recorded.add(path)

    def _write(self, folder: Path, data: bytes) -> Path:
        path = _of_day(folder, datetime.now(UTC).date())
        if path not in self._whole:
            files.make_folder(folder)
            if is_torn(path):
                data = b"\n" + data
        self._whole.discard(path)
        files.append(path, data)
        self._whole.add(path)
        return path


@functools.lru_cache(8)
def _of_day(folder: Path, day: date) -> Path:
    return folder / f"{day}.jsonl"


def _event(event: str, obj: str, facts: Mapping[str, str]) -> str:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    given = {name: value for name, value in facts.items() if value}
    return f'{{"at": "{now}", "event": "{event}", "object": {_text(obj)}{_facts(given)}}}\n'


def _facts(facts: Mapping[str, str]) -> str:
    return "".join([f', "{name}": {_text(value)}' for name, value in facts.items()])


def is_torn(path: Path) -> bool:
    """Whether a crash, or a full disk, has left the file within a line."""
    try:
        with path.open("rb") as stream:
            stream.seek(-1, 2)
            return stream.read() != b"\n"
    except OSError:
        return False
