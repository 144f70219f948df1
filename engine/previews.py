"""Previews: a few frames of what is held for its pixels, before and after cleaning, for a person to look at.

    previews/<id>/before-<frame>.png, after-<frame>.png    frames from 1, at most 1024 pixels wide and high
                 /facts.json      size, frames shown, boxes, who said where, why there are no pictures

A part of the spool, beside the hold. A crash may lose them, and nothing waits for them: they are made by a thread of
its own, and again when they are asked for. They show patients' data, as what is held does, and go when that goes.
"""

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.cleaning import PIXELS, Cleaning
from engine.entry import ID, Entry
from engine.errors import Later, Never, Unclean
from engine.spool import Spool
from engine.step import HOLD
from engine.window import entries, unhurried
from engine.worker import PixelWorker

log = logging.getLogger("stellwerk.previews")

MOST = 1000
"""Previews that are kept; of what is held besides, they are made when somebody asks for them."""

LARGEST = 1 << 30
"""Bytes of a file of which one is made: all of it is read."""

LONGEST = 60.0
"""Seconds that one may take."""

PAUSE, LOOK = 1.0, 60.0
"""Seconds between two looks into the hold, which may hold very many: at least, and at most."""

REST = 0.1
"""Seconds after each portion of a look: the first one after a start reads the note of everything held."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """A preview. before, after: PNG files, in the same order; `after` is empty where it was not cleaned.

    columns, rows: of the object, in whose pixels the boxes are. frames: which are shown, from 1, of how many.
    why: why there are no pictures.
    """

    before: tuple[Path, ...]
    after: tuple[Path, ...]
    columns: int
    rows: int
    frames: tuple[int, ...]
    of: int
    cleaning: Cleaning
    why: str = ""


def pictures(spool: Spool, number: str, worker: PixelWorker | None = None) -> Pictures | None:
    """The preview of something held; made, where there is none, if there is a worker. None where nothing is held so.

    Raises OSError, and Never where it cannot be read.
    """
    entry = spool.outbox(HOLD).entry(number) if ID.fullmatch(number) else None
    if entry is None:
        return None
    folder = spool.previews / number
    if worker is not None and not (folder / "facts.json").exists():
        make(spool, entry, worker)
    try:
        said = json.loads((folder / "facts.json").read_bytes())
        frames = tuple(int(one) for one in said["frames"])
        sides = {side: tuple(folder / _name(side, frame) for frame in frames) for side in said["sides"]}
        cleaning = Cleaning.of_text(json.dumps(said["cleaning"]))
        size = (int(said["columns"]), int(said["rows"]), frames, int(said["of"]))
        return Pictures(sides.get("before", ()), sides.get("after", ()), *size, cleaning, str(said["why"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise Never("its preview cannot be read; the next look at it makes it anew") from None


def make(spool: Spool, entry: Entry, worker: PixelWorker) -> None:
    """Make the preview of something held. Raises OSError, and Later where the worker was stopped."""
    text = entry.note.get(PIXELS, "")
    said: dict[str, object] = {"columns": 0, "rows": 0, "frames": [], "of": 0, "sides": [], "why": ""}
    said["cleaning"] = json.loads(text or Cleaning().to_text())
    received = spool.held / f"{entry.id}.received"
    whole = {"before": received, "after": entry.file} if received.exists() else {"before": entry.file}
    drawn: dict[str, bytes] = {}
    try:
        for side, file in whole.items():
            if file.stat().st_size > LARGEST:
                raise Unclean(f"it is larger than {LARGEST >> 20} MB")
            shown = worker.show(file, spool.new_work_file())
            drawn |= {_name(side, frame): png for frame, png in shown.frames}
            said |= {"columns": shown.columns, "rows": shown.rows, "of": shown.of}
            said["frames"] = [frame for frame, _ in shown.frames]
        said["sides"] = list(whole)
    except Unclean as refusal:
        drawn, said["why"] = {}, refusal.reason
    except FileNotFoundError:
        return  # it has gone meanwhile
    _put(spool, entry.id, drawn | {"facts.json": json.dumps(said, ensure_ascii=False).encode()})


def _put(spool: Spool, number: str, contents: dict[str, bytes]) -> None:
    """All of it at once, so that no reader sees a part; for this account alone."""
    made, place = spool.new_work_file(""), spool.previews / number
    made.mkdir(0o700)
    for name, data in contents.items():
        files.put(made / name, data, 0o600)
    files.sync_all([made / name for name in contents])
    files.remove_folder(place)
    files.move(made, place)
    if not spool.outbox(HOLD).has(number):
        files.remove_folder(place)  # it has gone meanwhile, and nobody would come to remove this


def _name(side: str, frame: int) -> str:
    return f"{side}-{frame}.png"


class Previews:
    """The thread that makes them. `wake` it when something is held."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._looked: set[str] = set()
        """What is held and was looked at."""
        self._worker: PixelWorker | None = None
        self._bell, self._stopping = threading.Event(), threading.Event()

    def wake(self) -> None:
        """Look now."""
        self._bell.set()

    def stop(self) -> None:
        """End the loop, and what is being made."""
        self._stopping.set()
        self._bell.set()
        self._end()

    def loop(self) -> None:
        """Make what is missing and remove what is left over, until stopped. Raises OSError."""
        while not self._stopping.is_set():
            self._bell.clear()
            self.turn()
            self._stopping.wait(PAUSE)
            if not self._bell.wait(LOOK):
                self._end()  # the process would lie in memory for what is rarely needed

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()

    def turn(self) -> None:
        """One look. Raises OSError."""
        hold, kept = self._spool.outbox(HOLD), set(entries(self._spool.previews))
        there = {name[:-4] for name in entries(hold.root) if name.endswith(".dcm")}
        for number in kept - there:
            self._spool.forget_preview(number)
        kept &= there
        self._looked &= there
        for number in unhurried(sorted(there - self._looked), lambda: self._stopping.wait(REST)):
            if self._stopping.is_set():
                return
            entry = hold.entry(number)
            if entry is not None and PIXELS in entry.note and number not in kept and len(kept) < MOST:
                if self._worker is None:
                    self._worker = PixelWorker(LONGEST)
                try:
                    make(self._spool, entry, self._worker)
                except Later:
                    return  # we are to stop
                kept.add(number)
            self._looked.add(number)
