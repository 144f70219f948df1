"""Does one destination that hangs, and one that refuses, slow a third? The same backlog, in turn, and the ratios.

Seconds are those between its first object and its last, by the clock, and of the appliance's processor: the latter say
more where something else runs on the machine. All of it lies just after a start, which is when neighbours cost most.
OBJECTS=5000 lie in each outbox, ROUNDS=7, WHERE=/var/tmp is the disk.
"""

import logging
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

from appliance.demonstration.pacs import free_port
from appliance.torture.peers import Hanging, Peer
from appliance.torture.victim import Victim
from engine.errors import Later, Never
from engine.journal import Journal
from engine.object import Origin
from engine.plan import prepare
from engine.router import Router
from engine.spool import Spool
from tests.benchmarks import _page
from tests.benchmarks.__main__ import say
from tests.engine.spool.crash_kit import write_instance
from tests.manual.pages import compiled
from tests.processor import processor_seconds

OBJECTS, ROUNDS = int(os.environ.get("OBJECTS", "5000")), int(os.environ.get("ROUNDS", "7"))


class Full(Peer):
    """Has no room, ever."""

    def answer(self, uid: str) -> None:
        """Out of resources."""
        raise Later("no room")


class Strict(Peer):
    """Refuses everything for good."""

    def answer(self, uid: str) -> None:
        """Never."""
        raise Never("refused")


class Fine(Peer):
    """Takes everything, and says when it has the first and the last."""

    def __init__(self, name: str, folder: Path) -> None:
        self.times: list[float] = []
        self.first, self.all = threading.Event(), threading.Event()
        super().__init__(name, folder, self._note)

    def _note(self, _name: str, _uid: str) -> None:
        self.times.append(time.monotonic())
        self.first.set()
        if len(self.times) == OBJECTS:
            self.all.set()


NEIGHBOURS: dict[str, Sequence[type[Peer]]] = {
    "alone": (),
    "beside two that are fine": (Peer, Peer),
    "beside one hanging, one full": (Hanging, Full),
    "beside one hanging, one refusing": (Hanging, Strict),
}


def main() -> None:
    """Print seconds for the backlog of the third, and the ratio to it alone: medians of rounds that take turns."""
    logging.disable(logging.CRITICAL)
    where = Path(os.environ.get("WHERE", "/var/tmp"))
    before, rows = _page.stolen(), []
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in NEIGHBOURS}
    for _ in range(ROUNDS):
        for name, kinds in NEIGHBOURS.items():
            spent[name].append(_round(kinds, where))
    for name, rounds in spent.items():
        words, cells = [], [name]
        for which, kind in enumerate(("", " of the processor")):
            seconds, alone = [one[which] for one in rounds], [one[which] for one in spent["alone"]]
            ratio = statistics.median(one / other for one, other in zip(seconds, alone, strict=True))
            spread = f"{statistics.median(seconds):5.2f} s{kind} ({min(seconds):.2f} to {max(seconds):.2f})"
            words.append(f"{spread}, {ratio:4.2f} times alone")
            cells += [f"{statistics.median(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})", f"{ratio:.2f}"]
        rows.append(cells)
        say(f"{OBJECTS} objects, {name:33} {'; '.join(words)}")
    heads = ["The third is", "seconds", "× alone", "of the processor", "× alone"]
    note = f"{_page.file_system(where)}; {OBJECTS} objects, medians of {ROUNDS} rounds in turn"
    _page.table("neighbours", heads, rows, f"{note}, {_page.share_since(before)}")


def _round(kinds: Sequence[type[Peer]], where: Path) -> tuple[float, float]:
    root = Path(tempfile.mkdtemp(prefix="stellwerk-neighbours-", dir=where))
    fine = Fine("FINE", root / "fine")
    others = [kind(f"OTHER{number}", root / f"other{number}") for number, kind in enumerate(kinds)]
    try:
        port = free_port()
        nodes = [fine, *others]
        text = "".join(f'destination {node.name} = dicom "{node.name}@127.0.0.1:{node.port}"\n' for node in nodes)
        text += f"on port {port} → forward {', '.join(node.name for node in nodes)}\n"
        (root / "data" / "rules").mkdir(parents=True)
        (root / "data" / "rules" / "my.rules").write_text(text)
        with patch("os.fsync", lambda _: None):  # this much is not measured
            _promise(root, text, port)
        victim = Victim(root / "data", port, root / "log")
        victim.start()
        try:
            assert fine.first.wait(300), "it does not get any"
            before = processor_seconds(victim.process_id)
            assert fine.all.wait(300), "it does not get them all"
            after = processor_seconds(victim.process_id)
        finally:
            victim.kill()
        return fine.times[-1] - fine.times[0], after - before
    finally:
        for node in (fine, *others):
            node.close()
        shutil.rmtree(root, ignore_errors=True)


def _promise(root: Path, text: str, port: int) -> None:
    """Take the objects in, route them and write them into the journal, so that nothing is left to do but to send."""
    program = compiled(text).program
    assert program is not None
    spool = Spool(root / "data" / "spool")
    plan, digest = prepare(program), spool.keep_program(program)
    router = Router(spool, lambda: plan, lambda _: None)
    for number in range(OBJECTS):
        path = spool.new_work_file()
        write_instance(path, f"1.2.{number + 1}")
        spool.accept(path, Origin("dicom", port, "SONO1"), digest)
    while router.turn():
        pass
    router.close()
    with Journal(root / "data" / "spool") as journal:
        journal.catch_up()
