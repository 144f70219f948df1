"""The trial of an image: it starts, works, loses its power twenty times, starts again, is updated, and goes back.

Each stage says how long it took and what it found; what is wrong in one does not keep the next from being tried, where
it can be. What the machine is made of is known only through its doors: DICOM, the console, the screen, and its disk
once it is off.
"""

import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from appliance.demonstration.mailbox import Mailbox
from appliance.demonstration.pacs import Pacs
from tests.image import probe
from tests.image.admin import Admin, link_on
from tests.image.config_drive import config_drive
from tests.image.left import accounted, rules_of
from tests.image.machine import GUEST, HOST, Dead, Machine, Saved, copy, doors
from tests.image.objects import TRY, Sendable, Sender, echo, sendable
from tests.image.outside import Outside
from tests.image.report import Report
from tests.image.rounds import Round, cut

DISK = 4 << 30
DICOM, CONSOLE, WEB = 26131, 26180, 443
ASKS = (53, 67, 123)
"""What a machine may ask by UDP: names, its address, the time."""
UNITS = ("stellwerk.service", "stellwerk-console.service", "stellwerk-firewall.service")
START = 900.0
"""Seconds a start may take before it counts as failed: this host may have other things to do."""
TO_ECHO = 150.0
"""Seconds in which it should answer, emulated on a quiet host."""
MOST_EXPOSED = 1.5
IMAGES = 200

RULES = """\
version 1

destination PACS_A = dicom "PACS_A@{host}:{pacs}" retry every 5 seconds for 1 day
contact     admin  = "it@praxis.example"

on port 26131 where Modality=US → anonymize-pixels → store by Institution/PatientName → forward PACS_A → mail admin

route others
  on port 26131 where Modality != US
  → store by PatientID
"""

CONF = """\
language = "en"

[mail]
host = "{host}"
port = {port}
security = "none"
from = "stellwerk@praxis.example"
quiet_seconds = 5
"""


@dataclass
class Trial:
    """One image. `root` is a folder for all of it."""

    image: Path
    root: Path
    report: Report
    all_ports: bool = False
    """Whether every port is knocked at: minutes, where the machine is emulated."""
    pacs: Pacs = field(init=False)
    mailbox: Mailbox = field(init=False)

    def __post_init__(self) -> None:
        """Peers listen; no machine runs."""
        self.pacs, self.mailbox = Pacs(self.root / "pacs"), Mailbox()
        self.text = RULES.format(host=HOST, pacs=self.pacs.port)
        self.rules = rules_of(self.text)
        conf = CONF.format(host=HOST, port=self.mailbox.port)
        self.stick = config_drive(self.root / "stick", {"stellwerk.conf": conf, "rules/house.rules": self.text})
        self.acknowledged: list[Sendable] = []
        self.machines: list[Machine] = []

    def unplug(self) -> None:
        """No machine runs any more, however a stage has ended."""
        for machine in self.machines:
            machine.cut()
        self.machines.clear()

    def close(self) -> None:
        """Peers are gone."""
        self.unplug()
        self.pacs.close()
        self.mailbox.close()

    # --- the first start -------------------------------------------------------------------------------------

    def first_start(self) -> tuple[Machine, Admin]:
        """Switch it on for the first time; become its admin. Raises Dead, Refused."""
        hub = free_pair()
        machine = Machine(
            self.root / "first",
            copy(self.image, self.root / "disk", DISK),
            doors(DICOM, CONSOLE, WEB),
            credentials=probe.credentials(UNITS),
            drives=[self.stick],
            hub=hub,
        )
        self.machines.append(machine)
        outside = Outside(hub, IPv4Address(GUEST))
        machine.start()
        seconds = machine.wait(lambda: echo(machine.ports[DICOM], TRY), "no C-ECHO is answered", START)
        self.report.figure("seconds from power-on to the first C-ECHO", round(seconds), seconds <= TO_ECHO, "150")
        self.report.figure("load of this host meanwhile", " ".join(f"{one:.1f}" for one in os.getloadavg()))
        admin = Admin(machine.ports[CONSOLE])
        seconds = machine.wait(admin.healthy, "the console does not say that all is well", START)
        self.report.figure("seconds from power-on to a healthy console", round(seconds))
        outside.find(60)
        self._inside(machine)
        self._outside(machine, outside)
        secret = link_on(machine.said())
        self.report.must(bool(secret), "the one-time link is on the screen")
        admin.begin(secret or link_on(f"/start/{self._found(machine).said.get('link', '')}"))
        if admin.rules().get("house.rules") != self.text:
            self.report.bad("the stick was not taken: other rules run. They are activated in the console, without mail")
            self.text = self.text.replace(" → mail admin", "")
            self.rules = rules_of(self.text)
            admin.activate(self.text)
        self.outside = outside
        return machine, admin

    def _found(self, machine: Machine) -> probe.Found:
        machine.wait(lambda: probe.read(machine.said()) is not None, "the probe says nothing", 240)
        found = probe.read(machine.said())
        assert found is not None
        return found

    def _inside(self, machine: Machine) -> None:
        found = self._found(machine)
        self.report.figure("failed units", ", ".join(found.failed) or 0, not found.failed, "none")
        self.report.figure("memory used when idle, MB", found.memory)
        for unit in UNITS:
            score = found.security.get(unit)
            if score is not None:
                self.report.figure(f"exposure of {unit}", score, score <= MOST_EXPOSED, str(MOST_EXPOSED))
        for name, score in found.security.items():
            if name.startswith("stellwerk-") and name not in UNITS:
                self.report.figure(f"exposure of {name}", score, score <= MOST_EXPOSED, str(MOST_EXPOSED))
        ports = sorted({f"{kind.rstrip('6')} {port}" for kind, port, everywhere in found.listening if everywhere})
        self.report.figure("listening on every address, seen inside", ", ".join(ports))
        self.report.figure("set-id programs", found.said["set-id"] or 0, not found.said["set-id"], "none")
        for unit, facts in found.said["units"].items():
            memory = facts.get("MemoryCurrent", "")
            if memory.isdigit():
                self.report.figure(f"memory of {unit}, MB", int(memory) >> 20)

    def _outside(self, machine: Machine, outside: Outside) -> None:
        ports = range(1, 65536) if self.all_ports else some_ports()
        with self.report.stage(f"{len(ports):,} ports, knocked at from outside"):
            found, closed = outside.scan(DICOM, ports)
            wanted = {DICOM, CONSOLE, WEB}
            some = f"{sorted(found)[:20]}{f' and {len(found) - 20} more' * (len(found) > 20)}"
            self.report.figure("open from outside", some, found == wanted, str(sorted(wanted)))
            self.report.figure("ports that say they are closed", len(closed))

    # --- work ------------------------------------------------------------------------------------------------

    def transfer(self, machine: Machine, admin: Admin) -> None:
        """200 images by DCMTK, and all of them read back through the API."""
        images = sendable(self.root / "images", IMAGES, 9)
        sender = [Sender(images[one::2], self.root / f"sender{one}") for one in range(2)]
        begun = time.monotonic()
        for one in sender:
            one.start(machine.ports[DICOM])
        for one in sender:
            one.process.wait(600)
        self.acknowledged = [image for one in sender for image in one.acknowledged()]
        seconds = time.monotonic() - begun
        many = len(self.acknowledged)
        self.report.figure("C-STOREs acknowledged", many, many == IMAGES, str(IMAGES))
        self.report.figure("C-STOREs a second, emulated", round(many / seconds, 1))
        self._read_back(admin, self.acknowledged, 300)
        pictures = sum(one.ultrasound for one in images)
        came = len(list(self.pacs.folder.iterdir()))
        self.report.figure("ultrasound images at PACS_A", came, came == pictures, str(pictures))
        peers = {("tcp", HOST, self.pacs.port), ("tcp", HOST, self.mailbox.port)}
        others = {one for one in self.outside.called - peers if one[0] == "tcp" or one[2] not in ASKS}
        said = sorted(f"{kind} {address}:{port}" for kind, address, port in self.outside.called)
        self.report.figure("called by the machine itself", ", ".join(said), not others, "what the rules name")

    def _read_back(self, admin: Admin, images: Sequence[Sendable], seconds: float) -> None:
        """Each has to be known there, and, by and by, to have come to its end."""
        end = time.monotonic() + seconds
        while True:
            states = admin.objects()
            left = [one for one in images if states.get(one.uid) != "delivered"]
            if not left or time.monotonic() > end:
                break
            time.sleep(5)
        unknown = [one.uid for one in left if one.uid not in states]
        open_ones = sorted({states[one.uid] for one in left if one.uid in states})
        self.report.must(not unknown, f"the API knows all {len(images)} images{f', but {unknown[:3]}' * bool(unknown)}")
        self.report.must(not open_ones, f"all are delivered{f', but {len(left)}: {open_ones}' * bool(open_ones)}")

    # --- the plug --------------------------------------------------------------------------------------------

    def cuts(self, saved: Saved, many: int, keep: int, seed: int) -> list[Round]:
        """So many cuts; of the last `keep`, the disks stay."""
        rounds: list[Round] = []
        for number in range(1, many + 1):
            try:
                before, pacs = self.acknowledged, self.pacs.folder
                one = cut(saved, self.root, number, seed * 1000 + number, self.rules, before, pacs)
            except Dead as error:
                self.report.bad(f"cut {number}: {error}")
                continue
            self.report.say(f"    {one}")
            rounds.append(one)
            if not one.account.good:
                self.report.bad(f"cut {number}: " + "; ".join(one.account.words[:5]))
            if number <= many - keep and one.account.good:
                one.disk.unlink()
        total = sum(len(one.acknowledged) for one in rounds)
        lost = sum(one.account.lost + one.account.torn for one in rounds)
        good = sum(one.account.good for one in rounds)
        self.report.figure("power cuts survived", f"{good} of {many}", good == many)
        during = sum(one.in_transfer for one in rounds)
        self.report.figure("of these in mid-transfer", during, during == many, str(many))
        self.report.figure("acknowledged during the cuts", total, total >= many, "one at least each time")
        self.report.figure("of these lost or torn", lost, lost == 0, "0")
        unflushed = sum(one.off.unflushed for one in rounds)
        self.report.figure("writes not flushed when the power went", unflushed, unflushed > 0, "some")
        return rounds

    def again(self, one: Round, name: str = "again") -> tuple[Machine, Admin]:
        """Start from what a cut has left, and ask the machine itself. Raises Dead, Refused."""
        machine = Machine(
            self.root / f"{name}{one.number}",
            one.disk,
            doors(DICOM, CONSOLE, WEB),
            credentials=probe.credentials(UNITS, 5, scores=False),
        )
        copy(one.variables, machine.variables)
        self.machines.append(machine)
        machine.start()
        seconds = machine.wait(lambda: echo(machine.ports[DICOM], TRY), "no C-ECHO is answered after a cut", START)
        self.report.figure(f"seconds to the first C-ECHO after cut {one.number}", round(seconds))
        admin = Admin(machine.ports[CONSOLE])
        machine.wait(admin.healthy, "the console does not say that all is well", START)
        admin.sign_in()
        self._read_back(admin, (*self.acknowledged, *one.acknowledged), 240)
        return machine, admin

    def another(self) -> tuple[Admin, str]:
        """A second machine that was never used; its console, and the secret of the link on its screen. Raises Dead."""
        machine = Machine(
            self.root / "another",
            copy(self.image, self.root / "another-disk", DISK),
            doors(DICOM, CONSOLE, WEB),
            credentials=probe.credentials(UNITS, 5, scores=False),
        )
        self.machines.append(machine)
        machine.start()
        admin = Admin(machine.ports[CONSOLE])
        machine.wait(admin.healthy, "the console of the second machine does not say that all is well", START)
        return admin, link_on(machine.said()) or self._found(machine).said.get("link", "")

    def off(self, machine: Machine, one: Round) -> None:
        """Switched off by its button; the disk has all of it."""
        self.report.must(machine.press(), "the power button switches it off")
        images = [*self.acknowledged, *one.acknowledged]
        account = accounted(machine.disk, self.root / "mount", self.rules, images, self.pacs.folder)
        self.report.figure(f"after the start that followed cut {one.number}", account, account.good)
        for words in account.words[:5]:
            self.report.bad(words)


def some_ports() -> list[int]:
    """All below 1024, those around ours, and one of so many of the others, another one each time."""
    near = {*range(1, 1024), *range(26000, 26500), DICOM, CONSOLE, WEB, 3389, 5900, 8080, 8443, 9090, 11112}
    return sorted(near | {random.randrange(at, at + 16) for at in range(1024, 65520, 16)})


def free_pair() -> tuple[int, int]:
    """Two UDP ports of 127.0.0.1 for a hub: TCP's free ones, which nobody uses for UDP either."""
    first, second = doors(1, 2).values()
    return first, second
