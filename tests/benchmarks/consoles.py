"""What do 50 open consoles cost the receiving of images? The same senders with 0 and with 50 pages open, in turn.

A real `stellwerk run` with its console's process receives, stores and forwards to DCMTK's storescp. Four associations
send MANY=2000 objects (LOAD=JPEG); in turn nobody looks, and 50 pages are open whose people listen to what is live and
load another page every ten seconds (_lookers.py), in ROUNDS=5. PAGES=50, WHERE=/var/tmp is the disk. Everything runs on
one machine, so what the browsers' side computes is said, too.

Then the memory: ASKED=10000 requests for all pages there are, as each of the roles, and how the console's has grown.
"""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.console.accounts import Accounts
from appliance.console.roles import Role
from appliance.console.sessions import Sessions
from appliance.demonstration.pacs import Pacs, free_port
from tests.appliance.running import Running
from tests.benchmarks import _load, _page
from tests.benchmarks.__main__ import say
from tests.benchmarks._lookers import EVERY
from tests.console.living import Living
from tests.console.serving import PASSWORD, answers
from tests.console.walking import walk
from tests.processor import processor_seconds

PAGES = int(os.environ.get("PAGES", "50"))
RULES = 'destination PACS = dicom "PACS_A@127.0.0.1:{pacs}"\non port {port} → store by PatientID → forward PACS\n'
WARM = 64
SETTLED = EVERY + 2
"""Seconds until every page that is opened has both of its lines, and has loaded a first page."""
PATIENCE = 600


@dataclass(frozen=True, slots=True)
class Round:
    """One round: objects a second; seconds of processor that an object cost the appliance; what the console used.

    console: of its processor, per second that was measured. looked: what the pages got (_lookers.py).
    """

    rate: float
    cpu: float
    console: float
    looked: dict[str, float]


def main() -> None:
    """Print both rates and their ratio, round by round and as a median; then the memory."""
    where = Path(os.environ.get("WHERE", "/var/tmp"))
    root = Path(tempfile.mkdtemp(prefix="stellwerk-consoles-", dir=where))
    try:
        _receive(root / "receiving", where)
        _remember(root / "memory")
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _receive(root: Path, where: Path) -> None:
    many, rounds = int(os.environ.get("MANY", "2000")), int(os.environ.get("ROUNDS", "5"))
    kind = _load.kinds()[os.environ.get("LOAD", "JPEG")]
    before, done = _page.stolen(), []
    with _House(root) as house:
        _load.send(kind, house.line.port, 4, WARM)
        house.rest()
        for number in range(rounds):
            # Either begins as often as the other: what has come before makes neither slower.
            order = (0, PAGES) if number % 2 == 0 else (PAGES, 0)
            found = {pages: house.measured(kind, many, pages) for pages in order}
            done.append((found[0], found[PAGES]))
            say(f"    {_told(found[0])};  with {PAGES} pages {_told(found[PAGES])}")
        _say_all(done, _memory(house.console))
    say(f"    {_page.machine()}; {_page.file_system(where)}; {many} × {kind.name}; {_page.share_since(before)}")


def _say_all(done: list[tuple[Round, Round]], memory: float) -> None:
    """done: of each round, that with none and that with pages."""
    ratios = [looked.rate / alone.rate for alone, looked in done]
    looked = [one.looked for _, one in done]
    of = {name: sum(one.get(name, 0.0) for one in looked) for name in ("pages", "ms", "outboxes", "state")}
    with_none, with_pages = (statistics.median(one.console for one in some) for some in zip(*done, strict=True))
    say(
        f"    receiving with {PAGES} pages: {statistics.median(ratios):.3f} of what it is with none"
        f" ({min(ratios):.3f} to {max(ratios):.3f}), medians of {len(done)} rounds in turn"
    )
    say(
        f"    the console: {with_pages:.1%} of a processor with {PAGES} pages, {with_none:.1%} with none;"
        f" {memory:.0f} MB"
    )
    say(
        f"    {of['pages']:.0f} pages were loaded, in {of['ms'] / max(1, of['pages']):.0f} ms each;"
        f" {of['outboxes'] + of['state']:.0f} events came;"
        f" the browsers' side: {statistics.median(one['cpu'] for one in looked):.1f} s of a processor a round"
    )


def _told(one: Round) -> str:
    return f"{one.rate:7.1f}/s, {1000 * one.cpu:5.2f} ms CPU each, console {one.console:5.1%}"


class _House:
    """The appliance with its console, and a PACS."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True)
        self._root, self._pacs = root, Pacs(root / "pacs")
        port, self._port = free_port(), free_port()
        data = root / "data"
        Accounts(data / "secrets" / "console-users.json").add("admin", Role.ADMIN, PASSWORD)
        sessions = Sessions(data / "console" / "sessions.json")
        (root / "sessions").write_text("\n".join(sessions.begin("admin", "127.0.0.1") for _ in range(PAGES)))
        rules = RULES.format(pacs=self._pacs.port, port=port)
        self.line = Running(root, rules, port, console_port=str(self._port))
        self.line.wait_for(lambda: answers(self._port), "the console does not answer")
        self.console = _child(self.line.process.pid)

    def __enter__(self) -> "_House":
        return self

    def __exit__(self, *_: object) -> None:
        self.line.stop()
        self._pacs.close()

    def measured(self, kind: _load.Kind, many: int, pages: int) -> Round:
        """One round with so many pages open; begins and ends with nothing left to do."""
        looked: dict[str, float] = {}
        with self._open(pages, looked):
            time.sleep(SETTLED)
            used, console = processor_seconds(self.line.process.pid), processor_seconds(self.console)
            began = time.monotonic()
            taken = _load.send(kind, self.line.port, 4, many)
            spent = time.monotonic() - began
            each = (processor_seconds(self.line.process.pid) - used) / len(taken.each)
            share = (processor_seconds(self.console) - console) / spent
        self.rest()
        return Round(len(taken.each) / taken.seconds, each, share, looked)

    def rest(self) -> None:
        """Wait until all is delivered; what the PACS has got is taken away."""
        self.line.wait_for(lambda: not self.line.spool.unfinished(), "something is left to deliver", PATIENCE)
        for file in self._pacs.folder.iterdir():
            file.unlink()

    @contextlib.contextmanager
    def _open(self, pages: int, looked: dict[str, float]) -> Iterator[None]:
        if not pages:
            yield
            return
        words = [sys.executable, "-m", "tests.benchmarks._lookers", str(self._port), str(self._root / "sessions")]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                if (said := process.stdout.readline().strip()) != "open":
                    raise RuntimeError(f"the pages do not open: {said}")
                yield
            finally:
                process.terminate()
                told = process.stdout.readlines()
        if process.returncode:
            raise RuntimeError(f"a page was not served: {''.join(told)}")
        looked |= json.loads(told[-1])


def _remember(root: Path) -> None:
    """The console's memory before and after all these requests, in a house with images of all kinds."""
    root.mkdir()
    asked = int(os.environ.get("ASKED", "10000"))
    house = Living(root)
    try:
        house.fill()
        people = [house.user(role) for role in Role]
        paths = [one.path for one in walk(people[-1]) if one.answer.status == 200]
        process = _child(house.line.process.pid)
        began = _memory(process)
        say(f"    memory: {began:.0f} MB after each of {len(paths)} pages was asked for once, as an admin")
        for count in range(1, asked + 1):
            answer = people[count % len(people)].get(paths[count // len(people) % len(paths)])
            if answer.status >= 500:
                raise RuntimeError(f"a page answers {answer.status}")
            if count % max(1, asked // 5) == 0:
                say(f"    memory: {_memory(process):6.1f} MB after {count} requests, as each of {len(people)} roles")
        say(f"    memory: it has grown by {_memory(process) - began:.1f} MB")
    finally:
        house.stop()


def _child(parent: int) -> int:
    """The console's process: the only one that the appliance has started."""
    children = Path(f"/proc/{parent}/task").glob("*/children")
    found = [int(one) for listed in children for one in listed.read_text().split()]
    named = [one for one in found if "console" in Path(f"/proc/{one}/cmdline").read_text().split("\0")]
    if len(named) != 1:
        raise RuntimeError("the console's process cannot be found")
    return named[0]


def _memory(process: int) -> float:
    """MB that it has in memory (proc(5), status)."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
