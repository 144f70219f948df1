"""The ordeal: objects are sent, rules change, a person works in the hold, and the appliance is killed all the while.

At the end everything is let settle, and `appliance.torture.account` says whether the law held.
"""

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.demonstration.pacs import free_port
from appliance.torture.account import Tally, reckon
from appliance.torture.objects import RULES, Made, make
from appliance.torture.peers import Hanging, Peer, Refusing
from appliance.torture.victim import Victim
from engine.dicom import Done, Outcome, Patience, send
from engine.dicom import Peer as Address
from engine.entry import Entry
from engine.spool import Spool
from engine.step import HOLD

SETTLE = 180.0
"""Seconds that what can be delivered may take at the end."""

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How it went."""

    tally: Tally
    strikes: int
    changes: int
    released: int
    deleted: int
    unfinished: int
    """What could be delivered and was not in time: nothing of it is lost, but something has got stuck."""
    ledger: str = ""
    """What `stellwerk ledger` misses, in its own words; empty where nothing is missing."""


class Ordeal:
    """One run in a folder of its own. `told` hears `ack UID`, `got NAME UID` and `deleting UID` when it is so."""

    def __init__(
        self, root: Path, objects: int, seed: int, told: Told = lambda _: None, data: Path | None = None
    ) -> None:
        self.root, self.data, self._told = root, data or root / "data", told
        self.chance = random.Random(seed)
        incoming = root / "made"
        incoming.mkdir(parents=True)
        self.made: Sequence[Made] = [make(incoming, number, self.chance) for number in range(objects)]
        self.attempts: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.deleted: set[str] = set()
        self.strikes = self.changes = self.released = 0
        self.strike: Callable[[], None] = self._kill
        """What is done to the appliance now and then."""
        self.pause = 1.0
        """Seconds between two strikes, on average."""

        def took(name: str, uid: str) -> None:
            told(f"got {name} {uid}")

        self.peers = [Peer("FINE", root / "fine", took), Refusing("REFUSING", root / "refusing", took)]
        self.peers.append(Hanging("HANGING", root / "hanging"))
        self._rules = self.data / "rules" / "torture.rules"
        self._rules.parent.mkdir(parents=True)
        port = free_port()
        self._text = RULES.format(port=port, **{peer.name.lower(): peer.port for peer in self.peers})
        self._rules.write_text(self._text, encoding="utf-8")
        self.victim = Victim(self.data, port, root / "log")
        self._ending = threading.Event()

    def run(self, seconds: float, shown: Callable[[], None] = lambda: None) -> Ended:
        """Torture it for so long, and until everything was taken in; then let it settle and reckon."""
        try:
            self.live(seconds, shown, to_the_end=True)
            unfinished = self._settle()
            self.victim.stop()
            return self._reckon(unfinished)
        finally:
            self.close()

    def live(self, seconds: float, shown: Callable[[], None] = lambda: None, *, to_the_end: bool = False) -> None:
        """Send, disturb and strike for so long, or until everything was taken in, and leave it at that."""
        self.victim.start()
        threads = [threading.Thread(target=work, daemon=True) for work in (self._send, self._disturb)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + seconds
        while time.monotonic() < end or (to_the_end and len(self.acknowledged) < len(self.made)):
            if time.monotonic() > end + SETTLE:
                break
            # Often early, while it recovers and has much to do; sometimes late, when it thinks all is well.
            time.sleep(min(self.chance.expovariate(1 / self.pause), 5 * self.pause))
            self.strike()
            self.strikes += 1
            shown()
        self._ending.set()
        for thread in threads:
            thread.join(60)

    def close(self) -> None:
        """Leave nothing running."""
        self._ending.set()
        for peer in self.peers:
            peer.close()
        self.victim.kill()

    def _kill(self) -> None:
        self.victim.kill()
        self.victim.start()

    def _reckon(self, unfinished: int) -> Ended:
        got = {peer.name: peer.got for peer in self.peers}
        taken = [one for one in self.made if one.uid in self.acknowledged]
        tally = reckon(self.data, taken, self.attempts, got, self.deleted)
        ledger = self.victim.ledger()
        return Ended(tally, self.strikes, self.changes, self.released, len(self.deleted), unfinished, ledger)

    def _send(self) -> None:
        """Send what is not acknowledged yet, a few at a time, as a machine does that keeps what was refused."""
        by_file = {one.file: one for one in self.made}
        address = Address("STELLWERK", "127.0.0.1", self.victim.port, "TORTURE")
        chance = random.Random(self.chance.random())

        def report(file: Path, outcome: Outcome) -> None:
            uid = by_file[file].uid
            if isinstance(outcome, Done):
                self.acknowledged.add(uid)
                self._told(f"ack {uid}")

        while not self._ending.is_set():
            missing = [one for one in self.made if one.uid not in self.acknowledged]
            if not missing:
                return
            some = missing[: chance.randint(1, 30)]
            self.attempts.update(one.uid for one in some)
            send(address, [one.file for one in some], report, stop=self._ending.is_set, patience=Patience(2, 5, 20, 1))
            self._ending.wait(chance.uniform(0, 0.4))

    def _disturb(self) -> None:
        """Change the rules, release and delete, as people do who know nothing of each other."""
        chance = random.Random(self.chance.random())
        spool = Spool(self.data / "spool")
        while not self._ending.wait(chance.uniform(0.1, 1.0)):
            # What another has taken away meanwhile is no longer there; a disk that is full lets nobody work.
            with contextlib.suppress(KeyError, OSError):
                if chance.random() < 0.3:
                    self._change_rules(chance)
                elif held := spool.outbox(HOLD).all():
                    self._work_in_the_hold(spool, chance.choice(held), chance)
        spool.arrivals.close()

    def _work_in_the_hold(self, spool: Spool, entry: Entry, chance: random.Random) -> None:
        if chance.random() < 0.7:
            spool.release(entry.id)
            self.released += 1
            return
        uid = next(one.uid for one in self.made if entry.file.read_bytes().endswith(one.tail))
        self.deleted.add(uid)
        self._told(f"deleting {uid}")
        spool.delete(entry.id)

    def _change_rules(self, chance: random.Random) -> None:
        self.changes += 1
        text = self._text.replace("quiet 1 second", f"quiet {chance.randint(1, 3)} seconds")
        draft = self._rules.with_name(".torture.draft")
        draft.write_text(f"{text}# change {self.changes}\n", encoding="utf-8")
        draft.replace(self._rules)

    def _settle(self) -> int:
        """Wait until everything is done that can be; answers how much is not."""
        spool = Spool(self.data / "spool")
        end = time.monotonic() + SETTLE
        while (left := spool.unfinished() - sum(spool.outbox("HANGING").count().values())) > 0:
            if time.monotonic() > end:
                return left
            time.sleep(0.2)
        return 0
