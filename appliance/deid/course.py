"""The course of `stellwerk deid`: which files there are, each of them through the chain, and where it ends up.

A source is only read. What comes out is in place under its own name once it is whole and proved, or not at all; a file
that is there already stays as it is. It must not know how results are shown.
"""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from filecmp import cmp
from itertools import count
from pathlib import Path

from appliance.deid.changes import Change, changes
from appliance.deid.steps import PORT
from engine import pixels
from engine.bench import PixelBench
from engine.cleaning import Cleaning
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.pixels.rulers import png
from engine.plan import Plan
from engine.rewrite import rewrite
from engine.run import run
from engine.step import HOLD
from engine.worker import PixelWorker

_DIRECTORY = b"1.2.840.10008.1.3.10"
_UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file. Without a target it was held, and `why` is the reason."""

    number: int
    source: Path
    target: Path | None = None
    why: str = ""
    header: tuple[Change, ...] = ()
    pixels: Cleaning | None = None
    """How they were cleaned, where it has a picture."""


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


class Course:
    """Takes files through a chain, into a folder."""

    def __init__(self, plan: Plan, folder: Path, scratch: Path, worker: PixelWorker, identities: Identities) -> None:
        self._plan, self._folder, self._scratch = plan, folder, scratch
        self._names = count()
        self._bench = PixelBench(plan.program, self._new_file, worker, identities)

    def _new_file(self) -> Path:
        return self._scratch / f"{next(self._names)}"

    def take(self, number: int, source: Path) -> Result:
        """One file. Raises OSError where it cannot be read, or nothing can be written."""
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
        done = clean.cleaning if clean.cleaning is not None and clean.cleaning.frames else None
        return Result(number, source, target, header=changes(source, made), pixels=done)


@contextmanager
def course(plan: Plan, folder: Path, data: Path | None) -> Iterator[Course]:
    """A course into this folder, with a process for pixels and a place for what is not finished.

    data: the data folder whose key and tables are used; without one, a key that nobody has afterwards.
    """
    folder.mkdir(parents=True, exist_ok=True)
    worker = PixelWorker()
    try:
        # In the same folder, so that a finished file needs only its name.
        with (
            tempfile.TemporaryDirectory(prefix=".deid-", dir=folder) as scratch,
            tempfile.TemporaryDirectory(prefix="stellwerk-") as passing,
        ):
            identities = Identities.of(Path(passing) if data is None else data)
            yield Course(plan, folder, Path(scratch), worker, identities)
    finally:
        worker.close()


def draw(result: Result, folder: Path) -> None:
    """The first frame before and after, as PNG files. Raises Unclean where it cannot be shown, and OSError."""
    if result.target is None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    for when, path in (("before", result.source), ("after", result.target)):
        (folder / f"{result.target.stem}.{when}.png").write_bytes(png(pixels.preview(path)))
