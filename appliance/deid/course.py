"""The course of `stellwerk deid`: which files there are, each of them through the chain, and where it ends up.

A source is only read. What comes out is in place under its own name once it is whole and proved, or not at all; a file
that is there already stays as it is. It must not know how results are shown.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from filecmp import cmp
from itertools import count
from pathlib import Path

from appliance.deid.changes import Change, changes
from appliance.deid.steps import PORT
from engine import pixels
from engine.bench import PixelBench
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.pixels import Anonymized, Box
from engine.pixels.rulers import png
from engine.plan import Plan
from engine.program import Program, Rectangle
from engine.rewrite import rewrite
from engine.run import run
from engine.step import HOLD
from engine.worker import PixelWorker

_DIRECTORY = b"1.2.840.10008.1.3.10"
_UID = re.compile(r"[0-9.]{1,64}")

PROOFS = {
    "native": "read again: one value inside, every sample outside as it was",
    "deflated": "inflated and read again: one value inside, every sample outside as it was",
    "jpeg-coefficients": "decoded again: one value inside, everything outside as it was",
    "decoded": "decoded again: one value inside, every sample outside as it was",
}
"""What was proved of each way to blank (engine.pixels.Cleaned.method)."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """What was blanked: in how many frames, in which boxes (pixels), who said so, in which way; and what else went."""

    frames: int
    boxes: tuple[Box, ...]
    sources: tuple[str, ...]
    method: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file. Without a target it was held, and `why` is the reason."""

    number: int
    source: Path
    target: Path | None = None
    why: str = ""
    header: tuple[Change, ...] = ()
    pixels: Pixels | None = None


@dataclass
class Watch:
    """What the steps have done to the pixels of one object."""

    sources: tuple[str, ...] = ()
    done: Anonymized | None = None


def objects(source: Path) -> tuple[list[Path], int]:
    """The DICOM files of a folder, in the order of their names, and how many other files were left out.

    A DICOMDIR is one of those: it is a list of patients. Links to folders are not followed.
    """
    if source.is_file():
        return [source], 0
    files = sorted(path for path in source.rglob("*") if path.is_file())
    found = [path for path in files if _is_object(path)]
    return found, len(files) - len(found)


def _is_object(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1024)
    return head[128:132] == b"DICM" and _DIRECTORY not in head


class _Worker(PixelWorker):
    """The process for pixels, with what it says it has done."""

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch

    def clean(self, source: Path, target: Path, boxes: Sequence[Box], *, same_uid: bool = False) -> Anonymized:
        """As that, and noted."""
        self._watch.done = done = super().clean(source, target, boxes, same_uid=same_uid)
        return done


@dataclass(frozen=True)
class _Bench(PixelBench):
    """The appliance's own workbench, with who said where to blank."""

    watch: Watch = field(default_factory=Watch)

    def clean(self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, same_uid: bool) -> Object:
        """As that, and noted."""
        self.watch.sources = _sources(self.program, [*blank, *keep])
        return PixelBench.clean(self, obj, blank, keep, same_uid=same_uid)


def _sources(program: Program, asked: Sequence[Rectangle]) -> tuple[str, ...]:
    """Whose rectangles these are: the very ones of a definition, for two may look alike."""
    if not asked:
        return ("the regions that the device declares",)
    mine = {id(one) for one in asked}
    found = [one for one in program.regions if any(id(box) in mine for box in one.boxes)]
    mine -= {id(box) for one in found for box in one.boxes}
    return (*(f"regions {one.name}" for one in found), *(("text that was seen",) if mine else ()))


class Course:
    """Takes files through a chain, into a folder."""

    def __init__(
        self, plan: Plan, folder: Path, scratch: Path, worker: PixelWorker, identities: Identities, watch: Watch
    ) -> None:
        self._plan, self._folder, self._scratch, self._watch = plan, folder, scratch, watch
        self._names = count()
        self._bench = _Bench(plan.program, self._new_file, worker, identities, watch)

    def _new_file(self) -> Path:
        return self._scratch / f"{next(self._names)}"

    def take(self, number: int, source: Path) -> Result:
        """One file. Raises OSError where it cannot be read, or nothing can be written."""
        self._watch.sources, self._watch.done = (), None
        try:
            return self._taken(number, source)
        except Never as refusal:
            return Result(number, source, why=refusal.reason)
        finally:
            for path in self._scratch.iterdir():
                path.unlink()

    def _taken(self, number: int, source: Path) -> Result:
        obj = Object("deid", source, Header.read(source), Origin("dicom", PORT))
        deliveries = run(self._plan, obj, self._bench).deliveries
        held = next((one for one in deliveries if one.outbox == HOLD), None)
        if held is not None:
            raise Never(held.note.get("why", "it was held"))
        clean = deliveries[0].obj
        made = self._new_file()
        rewrite(clean.payload, made, clean.changes)
        name = Header.read(made).first("SOPInstanceUID")
        if not _UID.fullmatch(name):
            raise Never("it has no SOP Instance UID that could be the name of its file")
        target = self._folder / f"{name}.dcm"
        try:
            os.link(made, target)
        except FileExistsError:
            if not cmp(made, target, shallow=False):
                raise Never("another object of the same SOP Instance UID is there already, and is left there") from None
        return Result(number, source, target, header=changes(source, made), pixels=self._pixels())

    def _pixels(self) -> Pixels | None:
        done = self._watch.done
        if done is None or done.cleaned is None:
            return None
        blanked = done.cleaned
        return Pixels(blanked.frames, blanked.boxes, self._watch.sources, blanked.method, done.removed)


@contextmanager
def course(plan: Plan, folder: Path, data: Path | None) -> Iterator[Course]:
    """A course into this folder, with a process for pixels and a place for what is not finished.

    data: the data folder whose key and tables are used; without one, a key that nobody has afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    watch = Watch()
    worker = _Worker(watch)
    try:
        # In the same folder, so that a finished file needs only its name.
        with (
            tempfile.TemporaryDirectory(prefix=".deid-", dir=folder) as scratch,
            tempfile.TemporaryDirectory(prefix="stellwerk-") as passing,
        ):
            identities = Identities.of(Path(passing) if data is None else data)
            yield Course(plan, folder, Path(scratch), worker, identities, watch)
    finally:
        worker.close()


def draw(result: Result, folder: Path) -> None:
    """The first frame before and after, as PNG files. Raises Unclean where it cannot be shown, and OSError."""
    if result.target is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for when, path in (("before", result.source), ("after", result.target)):
        (folder / f"{result.target.stem}.{when}.png").write_bytes(png(pixels.preview(path)))
