"""An object through the real rules: compiled from text, run as the appliance runs them, and the file that comes out."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from dsl.compile import compile_text
from engine.bench import PixelBench
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.plan import Plan, prepare
from engine.rewrite import rewrite
from engine.run import run
from engine.step import HOLD
from engine.vocabulary import vocabulary
from engine.worker import PixelWorker

RULE = "on port 26231 → anonymize-pixels → store by SOPInstanceUID\n"


def compiled(regions: str) -> Plan:
    """A plan of one route that cleans pixels in these regions, and stores."""
    result = compile_text(f"{regions}\n{RULE}", name="corpus", vocabulary=vocabulary(), read=lambda _: "")
    assert result.program is not None, result.findings
    return prepare(result.program)


class Held(Exception):
    """It was held; the text is the reason."""


class Line:
    """What the router does, for one object at a time."""

    def __init__(self, plan: Plan, folder: Path, worker: PixelWorker) -> None:
        self._plan, self._folder, self._numbers = plan, folder, count()
        self._bench = PixelBench(plan.program, self._new_file, worker, Identities.of(folder))

    def _new_file(self) -> Path:
        return self._folder / f"new{next(self._numbers)}"

    def clean(self, source: Path) -> Path:
        """The file that would be stored. Raises Held."""
        origin = Origin("dicom", 26231, received="2026-03-31T10:00:00+02:00")
        [delivery] = run(self._plan, Object("1", source, Header.read(source), origin), self._bench).deliveries
        if delivery.outbox == HOLD:
            raise Held(delivery.note["why"])
        assert delivery.obj.payload != source
        target = self._new_file()
        rewrite(delivery.obj.payload, target, delivery.obj.changes)
        delivery.obj.payload.unlink()
        return target


@contextmanager
def line(regions: str, folder: Path) -> Iterator[Line]:
    """A line of these regions, with a process for the pixels."""
    worker = PixelWorker()
    try:
        yield Line(compiled(regions), folder, worker)
    finally:
        worker.close()
