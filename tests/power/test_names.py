"""What a power cut may leave of names and bytes, by what POSIX promises, at hundreds of moments: nothing is lost.

Without root and without a disk: engine/files.py says what is synced, and the rest may be gone.
"""

import random
import shutil
import time
from collections import defaultdict
from pathlib import Path

import pytest

from appliance.torture.account import Tally, _whole, look, reckon
from appliance.torture.objects import Kind, Made, is_full_for, make, refuses
from engine.step import HOLD
from tests.power.by_hand import ByHand, rules
from tests.power.names import Names, watched

SHARE = 0.12
"""Of the file operations, how many a cut is tried before."""


class Life:
    """A life with everything in it, and cuts of it judged on the way."""

    def __init__(self, root: Path, seed: int, *, ordered: bool, share: float = SHARE) -> None:
        self.root, self.share = root, share
        self.chance = random.Random(seed)
        (root / "made").mkdir()
        kinds = [kind for kind in Kind for _ in range(4 if kind in (Kind.EVERYWHERE, Kind.FAILING) else 2)]
        self.chance.shuffle(kinds)
        self.made = [make(root / "made", number, self.chance, kind) for number, kind in enumerate(kinds)]
        (root / "data").mkdir()
        self.names = Names(root / "data", ordered=ordered)
        self.told: set[str] = set()
        self.deleted: set[str] = set()
        self.layouts: list[tuple[Path, set[str], set[str], dict[str, list[str]]]] = []
        self.line: ByHand | None = None

    def live(self) -> None:
        """Receive, route, deliver, refuse, be away, release, delete, take out of an outbox, collect."""
        with watched(self.names, self._perhaps_cut):
            self.line = line = ByHand(self.root / "data", rules())
            refusing = line.pacs("REFUSING")
            refusing.refuse = {one.uid for one in self.made if refuses(one.uid)}
            refusing.away = {one.uid for one in self.made if is_full_for(one.uid)}
            for some in (self.made[:6], self.made[6:11], self.made[11:]):
                for one in some:
                    line.receive(one)
                    self.told.add(one.uid)
                line.turn(time.time())
            for entry in line.spool.outbox(HOLD).all():
                line.spool.release(entry.id)
            home = line.spool.outbox("HANGING")
            for entry in home.claim_these(home.all()[:2]):
                home.hold(entry, "a person took it out of the outbox")
            refusing.away = set()
            line.finish()
            for entry in line.spool.outbox(HOLD).all():
                if entry.note.get("refused by") == "HANGING":
                    line.spool.release(entry.id)
                    continue
                uid = next(one.uid for one in self.made if entry.file.read_bytes().endswith(one.tail))
                self.deleted.add(uid)
                line.spool.delete(entry.id)

    def _perhaps_cut(self, _operation: str) -> None:
        if self.chance.random() < self.share:
            target = self.root / f"cut{len(self.layouts)}"
            self.names.lay_out(target, self.chance)
            got = {} if self.line is None else {name: list(uids) for name, uids in self.line.sent().items()}
            self.layouts.append((target, set(self.told), set(self.deleted), got))

    def judge(self) -> Tally:
        """Start on what each cut has left, and account for what had been acknowledged."""
        total = Tally()
        for target, told, deleted, before in self.layouts:
            line = ByHand(target, rules())
            line.finish()
            tally = reckon(target, self._taken(told), dict.fromkeys(told, 2), self._got(before, line), deleted)
            total.torn += self._torn_and_not_held(target, told)
            missing = line.unaccounted()
            tally.words += missing
            total.total += tally.total
            total.lost += tally.lost + len(missing)
            total.doubled += tally.doubled
            total.torn += tally.torn
            total.words += [f"{target.name}: {words}" for words in tally.words]
            shutil.rmtree(target)
        return total

    def _torn_and_not_held(self, target: Path, told: set[str]) -> int:
        """What nobody was told of may be there or not; torn it may be in the hold alone, with a word that says so."""
        folder, untold = look(target), {one.uid: one for one in self.made if one.uid not in told}
        files = [(uid, path) for (_, uid), paths in folder.stored.items() for path in paths]
        files += [(uid, entry.file) for (_, uid), entries in folder.owed.items() for entry in entries]
        files += [(u, e.file) for u, entries in folder.held.items() for e in entries if not e.origin.flaw]
        return sum(uid not in told and not (uid in untold and _whole(untold[uid], path)) for uid, path in files)

    def _taken(self, told: set[str]) -> list[Made]:
        return [one for one in self.made if one.uid in told]

    def _got(self, before: dict[str, list[str]], line: ByHand) -> dict[str, dict[str, list[str]]]:
        digests = {one.uid: one.digest for one in self.made}
        got: defaultdict[str, dict[str, list[str]]] = defaultdict(dict)
        for taken in (before, line.sent()):
            for name, uids in taken.items():
                for uid in uids:
                    got[name].setdefault(uid, []).append(digests[uid])
        return got


@pytest.fixture
def _nothing_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.mark.usefixtures("_nothing_is_synced")
@pytest.mark.parametrize("ordered", [True, False], ids=["as-journals-do", "in-any-order"])
def test_whatever_was_not_synced_may_be_gone_and_nothing_is_lost(swift: Path, ordered: bool) -> None:
    life = Life(swift, 8, ordered=ordered)
    life.live()
    tally = life.judge()
    assert len(life.layouts) > 50
    assert tally.total > 400
    assert tally.good, "\n".join([str(tally), *tally.words])


@pytest.mark.usefixtures("_nothing_is_synced")
def test_a_spool_that_synced_nothing_would_be_found_out(swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were this not so, the test above would prove nothing."""
    monkeypatch.setattr(Names, "sync", lambda _names, _path: None)
    life = Life(swift, 8, ordered=True, share=0.04)
    life.live()
    found = life.judge()
    assert found.lost > 0


@pytest.mark.usefixtures("_nothing_is_synced")
def test_a_spool_that_believed_in_every_name_would_be_found_out(swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were this not so, the test above would prove nothing. One life in two shows it: few cuts fall among the bytes."""
    monkeypatch.setattr("engine.arriving._is_whole", lambda _file, _seal: True)

    def found(seed: int) -> int:
        (swift / str(seed)).mkdir()
        life = Life(swift / str(seed), seed, ordered=False, share=1.0)
        with watched(life.names, life._perhaps_cut):
            life.line = ByHand(life.root / "data", rules())
            for one in life.made:
                life.line.receive(one)
                life.told.add(one.uid)
        return life.judge().torn

    assert any(found(seed) > 0 for seed in range(8))


@pytest.mark.usefixtures("_nothing_is_synced")
def test_a_spool_that_synced_no_folder_would_be_found_out(swift: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were this not so, the test above would prove nothing."""
    sync = Names.sync

    def bytes_alone(names: Names, path: Path) -> None:
        if path.is_file():
            sync(names, path)

    monkeypatch.setattr(Names, "sync", bytes_alone)
    life = Life(swift, 8, ordered=True, share=0.04)
    life.live()
    assert life.judge().lost > 0
