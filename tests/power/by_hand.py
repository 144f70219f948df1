"""An appliance that is turned by hand, without threads and sockets, on the rules of the torture."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.torture.objects import RULES, Made
from engine.collector import Collector
from engine.destinations.archive import Archive
from engine.entry import Entry
from engine.errors import Never
from engine.journal import Journal
from engine.ledger import ledger
from engine.object import Origin
from engine.plan import prepare
from engine.program import Program
from engine.pump import Pump, Report, Sender
from engine.router import Router
from engine.seal import Seal
from engine.spool import Spool
from engine.step import GATHERING, HOLD
from tests.engine.spool.crash_kit import Pacs
from tests.manual.pages import compiled

PORT = 11112


def rules() -> Program:
    """The torture's rules."""
    program = compiled(RULES.format(port=PORT, fine=1, refusing=2, hanging=3)).program
    assert program is not None
    return program


class Node(Pacs):
    """A destination that can also be offered what is no DICOM file, as a real sender finds out."""

    def send(self, entries: Sequence[Entry], report: Report, stopping: object) -> None:
        """Take what can be read."""
        for entry in entries:
            if entry.file.read_bytes()[128:132] == b"DICM":
                super().send([entry], report, stopping)
            else:
                report(entry, Never("cannot be sent: it is no DICOM file"))


class ByHand:
    """Spool, router and pumps on one data folder; what lies in it is recovered first."""

    def __init__(self, data: Path, program: Program) -> None:
        self.data = data
        self.received = 0
        self.spool = Spool(data / "spool", lambda digest, route: self.router.keeps_received(digest, route))
        self.spool.recover()
        self.plan = prepare(program)
        self.digest = self.spool.keep_program(program)
        self.router = Router(self.spool, lambda: self.plan, lambda _: None)
        self.senders: dict[str, Sender] = {}
        self.pumps: dict[str, Pump] = {}

    def receive(self, one: Made) -> str:
        """Take an object in, as a listener does; every fourth as what is too long for a seal."""
        path = self.spool.new_work_file()
        shutil.copy(one.file, path)
        self.received += 1
        seal = Seal.of(path) if self.received % 4 else None
        origin = Origin("dicom", PORT, "SONO1", "STELLWERK", "10.0.0.1")  # now: all share a note
        return self.spool.accept(path, origin, self.digest, seal=seal)

    def turn(self, now: float) -> None:
        """Route everything, and let every pump but the hanging one look once."""
        while self.router.turn():
            pass
        for name in self.spool.outboxes():
            if _works(name):
                self.pump(name).turn(now)

    def finish(self) -> None:
        """Do all there is to do; time passes quickly."""
        for later in (0, 10, 1000, 2000, 3000, 4000):
            self.turn(time.time() + later)
        self.router.close()
        self.spool.arrivals.close()

    def owed(self) -> int:
        """How much could be delivered, and is not yet."""
        return sum(sum(self.spool.outbox(name).count().values()) for name in self.spool.outboxes() if _works(name))

    def unaccounted(self) -> list[str]:
        """What the ledger misses (received, in the spool no longer, never told of at its end) or nobody can search."""
        with Journal(self.data / "spool") as journal:
            missing = [f"the ledger misses {lost.number}, last {lost.event}" for lost in ledger(journal, "").missing]
            delivered = "SELECT number FROM promises WHERE ending = 'delivered'"
            unknown = journal.db.execute(f"SELECT number FROM objects WHERE sop = '' AND number IN ({delivered})")
            return missing + [f"{number} was delivered, and is found by no study" for (number,) in unknown]

    def sent(self) -> dict[str, list[str]]:
        """What each destination has taken."""
        return {name: one.got for name, one in self.senders.items() if isinstance(one, Pacs)}

    def pump(self, name: str) -> Pump:
        """The pump of an outbox."""
        if name not in self.pumps:
            self.pumps[name] = Pump(self.spool.outbox(name), lambda: self.sender(name), self.router.refuse)
        return self.pumps[name]

    def pacs(self, name: str) -> Pacs:
        """A destination, to say what it refuses."""
        sender = self.sender(name)
        assert isinstance(sender, Pacs)
        return sender

    def sender(self, name: str) -> Sender:
        """As the appliance makes it, but for the network."""
        if name not in self.senders:
            if name.endswith(".store"):
                self.senders[name] = Archive(self.data / name.removesuffix(".store"))
            elif name.endswith(GATHERING):
                self.senders[name] = Collector(self.spool, self.router)
            else:
                self.senders[name] = Node()
        return self.senders[name]


def _works(name: str) -> bool:
    return name not in (HOLD, "HANGING")
