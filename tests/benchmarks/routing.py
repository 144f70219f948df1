"""What does an object cost from the moment it is accepted until it is promised? By part, on the disk and in memory."""

import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar
from unittest.mock import patch

from pydicom import dcmread

from engine import router as routing
from engine.object import Origin
from engine.plan import prepare
from engine.router import Router
from engine.spool import Spool
from tests.benchmarks.__main__ import say
from tests.benchmarks.headers import ct, ultrasound
from tests.data.make import RECEIVED, forward, mail, program, route, store

OBJECTS, ROUNDS = 192, 3
RULES = program(route("all", store("Institution", "PatientName"), forward("PACS"), mail("admin")))
PARTS = ("note", "known", "rules", "keys", "index", "promise")
UID = "1.2.276.0.7230010.3.1.4.100000000000"

P = ParamSpec("P")
T = TypeVar("T")


def main() -> None:
    """Print objects a second and microseconds an object, the middle of three rounds; each round has a fresh spool."""
    for where, folder in (("memory", "/dev/shm"), ("disk", tempfile.gettempdir())):
        for kind, content in _images():
            rounds = [_round(Path(folder), content) for _ in range(ROUNDS)]
            spent = {part: statistics.median(one[part] for one in rounds) for part in rounds[0]}
            parts = ", ".join(f"{part} {spent[part]:.0f}" for part in (*PARTS, "else"))
            say(
                f"{where:7}{kind:10} accepts {1e6 / spent['accept']:6.0f}/s, routes {1e6 / spent['route']:6.0f}/s: "
                f"{spent['accept']:6.0f} + {spent['route']:6.0f} µs ({parts})"
            )


def _images() -> Iterator[tuple[str, bytes]]:
    """Two images under a UID of their own."""
    with tempfile.TemporaryDirectory() as folder:
        for kind, file in (("22 KB", ultrasound(Path(folder))), ("0.5 MB", ct(Path(folder)))):
            dataset = dcmread(file)
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID
            dataset.save_as(file)
            yield kind, file.read_bytes()


def _round(folder: Path, content: bytes) -> dict[str, float]:
    """Microseconds an object, by part, of so many objects that differ in their UID."""
    root = Path(tempfile.mkdtemp(prefix="stellwerk-routing-", dir=folder))
    try:
        spool = Spool(root / "spool")
        plan, digest = prepare(RULES), spool.keep_program(RULES)
        router = Router(spool, lambda: plan, lambda _: None)
        drafts = []
        for number in range(OBJECTS):
            drafts.append(spool.new_work_file())
            other = f"{UID[:-12]}{10**11 + number}"
            drafts[-1].write_bytes(content.replace(UID.encode(), other.encode()))
        origin = Origin("dicom", 11112, "SONO1", "STELLWERK", "192.168.10.7", RECEIVED)
        spent: Counter[str] = Counter()
        with _clock(spent, "accept"):
            for draft in drafts:
                spool.accept(draft, origin, digest)
        with _watched(router, spool, spent), _clock(spent, "route"):
            while router.turn():
                pass
        router.close()
        spent["else"] = spent["route"] - sum(spent[part] for part in PARTS)
        return {part: seconds / OBJECTS / 1e3 for part, seconds in spent.items()}
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def _clock(spent: Counter[str], part: str) -> Iterator[None]:
    start = time.perf_counter_ns()
    yield
    spent[part] += time.perf_counter_ns() - start


@contextmanager
def _watched(router: Router, spool: Spool, spent: Counter[str]) -> Iterator[None]:
    """The parts of a turn, each with a clock around it."""

    def timed(part: str, work: Callable[P, T]) -> Callable[P, T]:
        def run(*arguments: P.args, **named: P.kwargs) -> T:
            with _clock(spent, part):
                return work(*arguments, **named)

        return run

    with (
        patch.object(spool, "load", timed("note", spool.load)),
        patch.object(router._repeats, "look", timed("known", router._repeats.look)),
        patch.object(routing, "run", timed("rules", routing.run)),
        patch.object(routing, "keys_of", timed("keys", routing.keys_of)),
        patch.object(spool.arrivals, "commit", timed("index", spool.arrivals.commit)),
        patch.object(spool, "promise", timed("promise", spool.promise)),
    ):
        yield
