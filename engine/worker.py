"""The pixel worker: all work on pixels in a process of its own: a codec that crashes or hangs takes nothing along.

A crash or a time-out is an answer like any other: the object is unclean and is held. The process is started at the
first object and again after it has died; it ends by itself when its parent is gone.
"""

import contextlib
import logging
import multiprocessing
import shutil
import signal
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from engine.errors import Later, Unclean
from engine.pixels import Anonymized, Box, FullFrame, Shown, Transcoded, anonymize, show, show_frame, transcode
from engine.text.find import find_text

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

LONGEST = 1800.0
"""Seconds that one object may take; a cine of 10,000 frames takes a few minutes, in JPEG 2000 a quarter of an hour."""

HEARS = 0.2
"""Seconds after which it hears, at the latest, that it should stop."""

T = TypeVar("T")
_Job = tuple[Callable[..., object], tuple[object, ...]]


class PixelWorker:
    """One process that works on one object at a time. Threads may share it."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._process: SpawnProcess | None = None
        self._line: Connection | None = None

    def clean(self, source: Path, target: Path, boxes: Sequence[Box], *, same_uid: bool = False) -> Anonymized:
        """engine.pixels.anonymize in the other process. Raises Unclean, also when that dies or hangs; or OSError."""
        work = partial(anonymize, same_uid=same_uid)
        return self._done(work, source, target, (tuple(boxes),), doing="cleaning", does="cleans pixels")

    def transcode(
        self, source: Path, target: Path, syntax: str, stop: Callable[[], bool] = lambda: False
    ) -> Transcoded:
        """engine.pixels.transcode in the other process, until `stop` says so. Raises as `clean` does."""
        return self._done(transcode, source, target, (syntax,), stop, doing="transcoding", does="transcodes pixels")

    def find_text(self, source: Path, scratch: Path, rounds: int = 1) -> tuple[Box, ...]:
        """engine.text.find.find_text in the other process. Raises as `clean` does."""
        return self._done(find_text, source, scratch, (rounds,), doing="looking for text", does="looks for text")

    def show(self, source: Path, scratch: Path) -> Shown:
        """engine.pixels.show in the other process. Raises as `clean` does."""
        return self._done(show, source, scratch, doing="drawing", does="draws pictures")

    def show_frame(self, source: Path, scratch: Path, frame: int) -> FullFrame:
        """engine.pixels.show_frame in the other process. Raises as `clean` does."""
        return self._done(show_frame, source, scratch, (frame,), doing="drawing", does="draws pictures")

    def _done(
        self,
        work: Callable[..., T],
        source: Path,
        target: Path,
        what: tuple[object, ...] = (),
        stop: Callable[[], bool] = lambda: False,
        *,
        doing: str,
        does: str,
    ) -> T:
        with self._lock:
            self._go_on(stop)
            line = self._ready()
            try:
                line.send((work, (source, target, *what)))
                end = time.monotonic() + self._longest
                while not line.poll(HEARS):
                    self._go_on(stop)
                    if time.monotonic() > end:
                        raise Unclean(f"{doing} it took longer than {self._longest:.0f} seconds and was stopped")
                answer: T | Unclean | OSError = line.recv()
            except (EOFError, ConnectionError):
                self._abandon(target)
                raise Unclean(f"the program that {does} crashed on it") from None
            except (Unclean, Later):
                self._abandon(target)
                raise
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _go_on(self, stop: Callable[[], bool]) -> None:
        if self._closed.is_set() or stop():
            raise Later("the service was stopped while its pixels were worked on; it is begun anew")

    @property
    def is_busy(self) -> bool:
        """Whether it works for somebody now."""
        return self._lock.locked()

    def close(self) -> None:
        """End the process. What it works on is given up with Later, and so is all that comes afterwards."""
        self._closed.set()
        with self._lock:
            self._end()

    def _abandon(self, target: Path) -> None:
        """End the process, and remove what it has begun: its file, and the folders that are called after that."""
        self._end()
        target.unlink(missing_ok=True)
        for folder in target.parent.glob(f"{target.stem}-*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _ready(self) -> Connection:
        if self._line is None or self._process is None or not self._process.is_alive():
            self._end()
            spawn = multiprocessing.get_context("spawn")
            self._line, other = spawn.Pipe()
            self._process = spawn.Process(target=_serve, args=(other,), name="pixels", daemon=True)
            self._process.start()
            # Only the child holds its end now, so that each hears when the other is gone.
            other.close()
        return self._line

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._line is not None:
            self._line.close()
        self._process = self._line = None


def _serve(line: Connection) -> None:
    """The other process: answer jobs until the parent is gone."""
    # Ctrl-C goes to the whole group; the parent says when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # pydicom's warnings and log lines may quote an image's values.
    warnings.simplefilter("ignore")
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            job: _Job = line.recv()
            try:
                work, arguments = job
                answer: object = work(*arguments)
            except (Unclean, OSError) as trouble:
                answer = trouble
            line.send(answer)
