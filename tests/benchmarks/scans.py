"""What do looks at 100,000 entries cost? Collecting, held, behind an `await`, unrouted, and older promises replaced."""

import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.arrivals import Arrival
from engine.collector import Collector
from engine.entry import Entry
from engine.gates import find_lost
from engine.object import Origin
from engine.outbox import Outbox
from engine.outcome import delivery_id
from engine.plan import prepare
from engine.repeats import Repeats
from engine.router import Router
from engine.spool import Spool
from engine.step import HOLD
from engine.tally import held
from tests.benchmarks.__main__ import say
from tests.engine.spool.crash_kit import program, write_instance

MANY = int(os.environ.get("MANY", "100000"))
EACH = 100
"""Objects of one study."""
LINKS = 20_000
"""Names that one file may have: ext4 allows 65,000, and it gets three of most."""


def main() -> None:
    """Print milliseconds of each look: the first, and the quickest of those that follow; and the memory it takes."""
    root = Path(tempfile.mkdtemp(prefix="stellwerk-scans-"))
    try:
        spool = Spool(root / "spool")
        rules = program()
        digest = spool.keep_program(rules)
        router = Router(spool, lambda: prepare(rules), lambda _: None)
        note = {"uid": "", "quiet": "86400", "quiet words": "1 day", "kept": "", "sop": ""}
        entry = Entry("", "", "", "main", "1", digest, Origin("dicom", 1, "SONO1", association="0"), note=note)
        began = time.time_ns() - MANY * 1000
        numbers = [f"{began + n * 1000:016x}000{n % 7:02x}" for n in range(MANY)]
        payloads = [root / f"payload{n}" for n in range(MANY // LINKS + 1)]
        for n, path in enumerate(payloads):
            write_instance(path, f"1.2.{n + 1}")

        def fill(name: str, stage: str, made: Callable[[int, Entry], Entry]) -> Outbox:
            home = spool.outbox(name)
            folder = home.root if name == HOLD else home.root / stage
            for n, number in enumerate(numbers):
                one = replace(entry, id=delivery_id(number, "main", "3", name), object=number, outbox=name)
                one = made(n, replace(one, since=time.time() - 60))
                (home.entries / f"{one.id}.json").write_bytes(one.to_bytes())
                (folder / f"{one.id}.dcm").hardlink_to(payloads[n // LINKS])
            return home

        _measure("unrouted", lambda: _unrouted(spool, numbers, payloads), router.oldest_unrouted)
        shutil.rmtree(spool.incoming)
        spool.incoming.mkdir()
        studied = lambda n, one: replace(one, note={**note, "uid": f"1.2.{n // EACH}", "sop": f"1.2.3.{n}"})  # noqa: E731
        home = fill("study.collect", "ready", studied)
        collector = Collector(spool, router)
        _measure("collecting", lambda: None, lambda: _looked(collector, home))
        shutil.rmtree(home.root)
        fill(HOLD, "", lambda n, one: replace(one, why=f"reason {n % 5}", note={"refused by": "PACS"}))
        _measure("held", lambda: None, lambda: held(spool))
        shutil.rmtree(spool.held)
        pacs = fill("PACS", "ready", lambda _, one: one)
        _measure("replaced", lambda: None, lambda: _replaced(spool, digest, numbers))
        gated = lambda n, one: replace(one, gates=(delivery_id(numbers[n], "main", "3", "PACS"),))  # noqa: E731
        waiting = fill("archive.store", "waiting", gated)
        _measure("behind an await", lambda: None, lambda: find_lost(waiting, spool, time.time()))
        assert pacs.count()["ready"] == MANY
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _looked(collector: Collector, home: Outbox) -> None:
    collector._rest_until = collector.look_again = 0.0
    while not collector.pick(home, time.time()) and collector.look_again < 0.1:
        pass


def _unrouted(spool: Spool, numbers: list[str], payloads: list[Path]) -> None:
    for n, number in enumerate(numbers):
        (spool.incoming / f"{number}.json").write_bytes(b"{}")
        (spool.incoming / f"{number}.dcm").hardlink_to(payloads[n // LINKS])


def _replaced(spool: Spool, digest: str, numbers: list[str]) -> None:
    older, now = numbers[MANY // 2], f"{time.time_ns():016x}00000"
    past = Arrival(older, "1.2.3", b"1", "", digest, "", 0.0, True, ("main",), b"")
    spool.arrivals.write(past, ["main"])
    repeats = Repeats(spool)
    found = list(repeats._owed(replace(past, object=now), {"main"}))
    assert len(found) == 1
    for home, entry in found:
        home.give_back(entry)


def _measure(what: str, prepare_it: Callable[[], object], look: Callable[[], object]) -> None:
    prepare_it()
    before = _memory()
    took = []
    for _ in range(6):
        began = time.monotonic()
        look()
        took.append(1000 * (time.monotonic() - began))
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    say(
        f"{MANY:9,} {what:16} first {took[0]:8.1f} ms, then {min(took[1:]):8.1f} ms; "
        f"{_memory() - before:4.0f} MB kept, {most:4.0f} MB at most so far"
    )


def _memory() -> float:
    """Resident memory in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:"))
