"""Power cuts in mid-transfer: each from the same running machine, on a disk of its own, with images of its own.

A start takes an emulated machine minutes, so it is saved once while it runs, and goes on from there in each round. The
cut falls a moment after some image, right after a write, right before or right after a flush. Then the disk is looked
at on this host; what a few of them really start from again is up to the caller. It must not know the console.
"""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.program import Program
from tests.image.left import Account, accounted
from tests.image.machine import Dead, Machine, Saved, copy
from tests.image.objects import Sendable, Sender, sendable
from tests.image.volatile import Moment, Off, Volatile

IMAGES = 120
SENDERS = 2
MOST = 25.0
"""Seconds of a transfer: what was armed and never came to pass is cut then."""
FIRST = 240.0
"""Seconds until the first image must have been acknowledged: the disk of this host may be busy with a build."""
PORT = 26131


@dataclass(frozen=True)
class Round:
    """One cut. disk, variables: what it has left on the disk, as it was found, and in the firmware."""

    number: int
    moment: str
    off: Off
    acknowledged: tuple[Sendable, ...]
    account: Account
    disk: Path
    variables: Path

    @property
    def in_transfer(self) -> bool:
        """Whether something was still to come when the power went."""
        return len(self.acknowledged) < IMAGES

    def __str__(self) -> str:
        off = self.off
        return (
            f"cut {self.number:2}, {self.moment}: {len(self.acknowledged)} acknowledged; {off.writes} writes,"
            f" {off.flushes} flushes, {off.kept} pieces kept of {off.unflushed} writes unflushed; {self.account}"
        )


def cut(
    saved: Saved, root: Path, number: int, seed: int, rules: Program, before: Sequence[Sendable], pacs: Path
) -> Round:
    """Go on, send, cut, look. before: what was acknowledged before it was saved. Raises Dead."""
    chance = random.Random(seed)
    folder = root / f"round{number}"
    images = sendable(folder / "images", IMAGES, seed)
    disk = copy(saved.disk, folder / "disk")
    server = Volatile(disk, folder / "nbd", seed)
    machine = saved.machine(folder / "machine", folder / "nbd")
    senders = [Sender(images[one::SENDERS], folder / f"sender{one}") for one in range(SENDERS)]
    try:
        machine.start()
        for sender in senders:
            sender.start(saved.ports[PORT])
        _until_one(senders, machine)
        moment = _wait(server, chance, senders)
    finally:
        server.off.set()
        machine.cut()
        for sender in senders:
            if hasattr(sender, "process"):
                sender.stop()
        off = server.cut()
    acknowledged = tuple(one for sender in senders for one in sender.acknowledged())
    looked_at = copy(disk, folder / "looked-at")
    account = accounted(looked_at, folder / "mount", rules, (*before, *acknowledged), pacs)
    looked_at.unlink()
    return Round(number, moment, off, acknowledged, account, disk, machine.variables)


def _until_one(senders: Sequence[Sender], machine: Machine) -> None:
    """Until something was acknowledged: before that there is nothing to lose. Raises Dead."""
    end = time.monotonic() + FIRST
    while not any(sender.acknowledged() for sender in senders):
        ended = all(sender.process.poll() is not None for sender in senders)
        if ended or time.monotonic() > end:
            what = "both senders have ended, and nothing" if ended else f"after {FIRST:.0f} s nothing"
            logs = "".join(f"\n{one.log.name}: {one.log.read_text('utf-8', 'replace')[-500:]}" for one in senders)
            raise Dead(f"{what} was acknowledged. {machine.state()}{logs}\nserial: {machine.said()[-1500:]}")
        time.sleep(0.1)


def _wait(server: Volatile, chance: random.Random, senders: Sequence[Sender]) -> str:
    """Until the moment of the cut; which one it was, in words."""
    kind = chance.choice((None, *Moment))
    if kind is None:
        many, seconds = chance.randint(1, IMAGES * 3 // 4), chance.uniform(0, 0.1)
        end = time.monotonic() + MOST
        while sum(len(sender.acknowledged()) for sender in senders) < many and time.monotonic() < end:
            server.off.wait(0.02)
        server.off.wait(seconds)
        return f"{seconds:.2f} s after image {many}"
    count = chance.randint(1, 400) if kind is Moment.WRITE else chance.randint(1, 60)
    server.arm(kind, count)
    end = time.monotonic() + MOST
    while not server.off.wait(0.1):
        if time.monotonic() > end or all(sender.process.poll() is not None for sender in senders):
            return "at the end of the transfer"
    return f"{kind.value}, number {count}"
