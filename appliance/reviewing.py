"""What a page needs on which a person reviews what was cleaned, and draws regions. docs/review.md describes it.

Works beside a running appliance, on its spool, in any process. Threads may share one: pixels are worked on one after
the other. It must not know how anything is shown.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from appliance.region_text import definition
from engine import review
from engine.cleaning import Cleaning
from engine.entry import ID, Entry
from engine.errors import Never, Unclean
from engine.header import Header
from engine.object import Object
from engine.pixels import Box, FullFrame, Shown, complement
from engine.previews import LARGEST, Pictures
from engine.review import Counted, Waiting
from engine.spool import Spool
from engine.step import HOLD
from engine.worker import PixelWorker

LONGEST = 120.0
"""Seconds that one cleaning may take while a person waits for it."""

KEPT, KEPT_BYTES = 24, 48 << 20
"""Frames at full size that are kept in memory: whoever goes back and forth waits for each only once."""

Side = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that is held, as whoever looks at it needs it: no value that names a patient.

    columns, rows, frames: of its pixels, 0 where it has none. waits: for a review, else it is held for another reason.
    sides: which there are; `after` where its bytes differ from those that were received. manufacturer, model: of the
    device, as received. why: it is held. unreadable: why no more is known of it.
    """

    id: str
    object: str
    waits: bool
    why: str
    sides: tuple[Side, ...]
    columns: int
    rows: int
    frames: int
    manufacturer: str
    model: str
    cleaning: Cleaning
    unreadable: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """An image cleaned with other boxes, for a look: nothing of it is kept.

    boxes: as they were blanked, grown to what the encoding can blank; method: as in engine.pixels.Cleaned; shown: PNG
    files of a few frames.
    """

    boxes: tuple[Box, ...]
    method: str
    shown: Shown


class Reviewing:
    """The reviews of one spool. Raises OSError where the disk fails. `close` it in the end."""

    def __init__(self, spool: Path) -> None:
        self._spool = Spool(spool)
        self._worker = PixelWorker(LONGEST)
        self._lock = threading.Lock()
        self._frames: OrderedDict[tuple[object, ...], FullFrame] = OrderedDict()
        self._seen: dict[tuple[str, int], tuple[Box, ...]] = {}

    def close(self) -> None:
        """End the process for pixels."""
        self._worker.close()

    def waiting(self) -> Iterator[Waiting]:
        """What waits for a review, oldest first, without any patient's data."""
        return review.waiting(self._spool)

    def pictures(self, number: str) -> Pictures | None:
        """Before and after, as PNG files, and boxes; made where they are missing. None where nothing of it is held.

        Also of what is held as it could not be cleaned: then there is no after. Raises Never where it cannot be read.
        """
        return review.pictures(self._spool, number, self._worker)

    def image(self, number: str) -> Image:
        """What is held under this id. Raises KeyError where nothing is, and OSError."""
        entry = self._entry(number)
        cleaned = (self._spool.held / f"{entry.id}.received").exists()
        sides: tuple[Side, ...] = ("before", "after") if cleaned else ("before",)
        why = entry.why or entry.note.get("why", "")
        facts = (entry.id, entry.object, entry.waits_for_review, why, sides)
        header = Header.read(self._received(entry))
        try:
            columns, rows, frames = (_number(header.first(tag)) for tag in ("Columns", "Rows", "NumberOfFrames"))
            maker, model = (header.first(tag).strip() for tag in ("Manufacturer", "ManufacturerModelName"))
        except Never as refusal:
            return Image(*facts, 0, 0, 0, "", "", review.cleaning_of(entry), refusal.reason)
        size = (columns, rows, max(frames, 1)) if columns and rows else (0, 0, 0)
        return Image(*facts, *size, maker, model, review.cleaning_of(entry))

    def frame(self, number: str, side: Side, frame: int) -> FullFrame:
        """A frame (from 1), pixel by pixel, as it was received (`before`) or as it goes on (`after`).

        Raises KeyError where nothing is held so, or has no such side; Unclean where it cannot be drawn; and OSError.
        """
        entry = self._entry(number)
        received = self._spool.held / f"{entry.id}.received"
        if side == "after" and not received.exists():
            raise KeyError(number)
        file = entry.file if side == "after" else self._received(entry)
        try:
            found = file.stat()
        except FileNotFoundError:
            raise KeyError(number) from None  # it has gone on meanwhile
        if found.st_size > LARGEST:
            raise Unclean(f"it is larger than {LARGEST >> 20} MB")
        key = (entry.id, side, frame, found.st_ino, found.st_mtime_ns)
        with self._lock:
            kept = self._frames.get(key)
            if kept is not None:
                self._frames.move_to_end(key)
                return kept
        drawn = self._worker.show_frame(file, self._spool.new_work_file(), frame)
        with self._lock:
            self._frames[key] = drawn
            while len(self._frames) > KEPT or sum(len(one.png) for one in self._frames.values()) > KEPT_BYTES:
                self._frames.popitem(last=False)
        return drawn

    def text(self, number: str) -> tuple[Box, ...]:
        """Where text is seen in it as it goes on, or, where it was not cleaned, as it came. None seen is no proof.

        Raises KeyError where nothing is held so; Unclean where nobody can look, or the extra `stellwerk[text]` is not
        installed; and OSError.
        """
        file = self._entry(number).file
        try:
            key = (number, file.stat().st_mtime_ns)
        except FileNotFoundError:
            raise KeyError(number) from None  # it has gone on meanwhile
        if key not in self._seen:
            while len(self._seen) >= 100:
                self._seen.pop(next(iter(self._seen)))
            self._seen[key] = self._worker.find_text(file, self._spool.new_work_file())
        return self._seen[key]

    def approve(self, number: str, by: str = "") -> None:
        """Let it go on. by: who says so, for the history. Raises KeyError where it does not wait for a review."""
        review.approve(self._spool, number, by)

    def reject(self, number: str, why: str, by: str = "") -> None:
        """Leave it in the hold for good, as it was received. Raises KeyError where it does not wait for a review."""
        review.reject(self._spool, number, why, by)

    def again(self, number: str, by: str = "") -> None:
        """Take it through the rules that run now, as it was received. Raises KeyError as `approve` does."""
        review.again(self._spool, number, by)

    def devices(self) -> Iterator[Counted]:
        """The devices that are counted for `review first`, and how many of their images were approved."""
        return review.devices(self._spool)

    def begin_anew(self, device: str) -> bool:
        """Look at the first images of a device once more; whether any were counted. device: its key."""
        return review.begin_anew(self._spool, device)

    def try_boxes(self, number: str, boxes: Sequence[Box], *, keep: bool = False) -> Tried:
        """Clean something held with these boxes (pixels from the left and top), as it was received.

        keep: they are all that stays. Raises KeyError where nothing of it is held, and Unclean where it cannot be
        cleaned or proved so, or where these boxes blank nothing.
        """
        source, scratch = self._received(self._entry(number)), self._spool.new_work_file()
        if keep:
            size = Header.read(source)
            boxes = complement(boxes, _number(size.first("Columns")), _number(size.first("Rows")))
        try:
            done = self._worker.clean(source, scratch, boxes, same_uid=True)
            if done.cleaned is None:
                raise Unclean("it has no pixels")
            shown = self._worker.show(scratch, self._spool.new_work_file())
            return Tried(done.cleaned.boxes, done.cleaned.method, shown)
        finally:
            scratch.unlink(missing_ok=True)

    def definition(self, number: str, name: str, boxes: Sequence[Box], *, keep: bool) -> str:
        """Rule text: what is kept, or blanked, in images of this model and size. For a person to put into the rules.

        Raises KeyError where nothing of it is held, Never where it does not say its size, and ValueError where no
        definition can be called so, or there are no boxes.
        """
        if not boxes:
            raise ValueError("a definition needs boxes")
        return definition(self.as_received(number), name, boxes, keep=keep)

    def as_received(self, number: str) -> Object:
        """Something held, as it was received: for the conditions of rules. Raises KeyError where nothing of it is."""
        entry = self._entry(number)
        file = self._received(entry)
        return Object(number, file, Header.read(file), entry.origin)

    def _entry(self, number: str) -> Entry:
        entry = self._spool.outbox(HOLD).entry(number) if ID.fullmatch(number) else None
        if entry is None:
            raise KeyError(number)
        return entry

    def _received(self, entry: Entry) -> Path:
        kept = self._spool.held / f"{entry.id}.received"
        return kept if kept.exists() else entry.file


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
