"""What a page needs on which a person reviews what was cleaned, and draws regions. docs/review.md describes it.

Works beside a running appliance, on its spool, in any process. Threads may share one: pixels are worked on one after
the other. It must not know how anything is shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.region_text import definition
from engine import review
from engine.entry import ID, Entry
from engine.errors import Unclean
from engine.header import Header
from engine.object import Object
from engine.pixels import Box, Shown
from engine.previews import Pictures
from engine.review import Counted, Waiting
from engine.spool import Spool
from engine.step import HOLD
from engine.worker import PixelWorker

LONGEST = 120.0
"""Seconds that one cleaning may take while a person waits for it."""


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

    def try_boxes(self, number: str, boxes: Sequence[Box]) -> Tried:
        """Clean something held with these boxes (pixels from the left and top), as it was received.

        Raises KeyError where nothing of it is held, and Unclean where it cannot be cleaned or proved so.
        """
        source, scratch = self._received(self._entry(number)), self._spool.new_work_file()
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
        entry = self._entry(number)
        file = self._received(entry)
        return definition(Object(number, file, Header.read(file), entry.origin), name, boxes, keep=keep)

    def _entry(self, number: str) -> Entry:
        entry = self._spool.outbox(HOLD).entry(number) if ID.fullmatch(number) else None
        if entry is None:
            raise KeyError(number)
        return entry

    def _received(self, entry: Entry) -> Path:
        kept = self._spool.held / f"{entry.id}.received"
        return kept if kept.exists() else entry.file
