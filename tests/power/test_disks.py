"""A disk that is full, out of inodes, broken or read-only, at any point of an object's life, and well again later.

What the sender was not told may be gone; what it was told is there, and goes on by itself: the very same router and
pumps are turned again, as the supervisor does it, and nothing is started anew.
"""

import contextlib
import errno
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.torture.account import Tally, reckon
from appliance.torture.objects import Kind, Made, is_full_for, make, refuses
from appliance.torture.ordeal import Ordeal
from engine.step import HOLD
from tests.engine.spool.crash_kit import disk
from tests.power.by_hand import ByHand, rules
from tests.scale import FULL, stride

STRIDE = stride(6)

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """What failed is tried again at once, and no disk is flushed: time is short, and the tests are about errors."""
    monkeypatch.setattr("engine.router.REST", 0.0)
    monkeypatch.setattr("engine.collector.REST", 0.0)
    monkeypatch.setattr("engine.outbox.STALE", 0.0)
    monkeypatch.setattr("os.fsync", lambda _: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """Two objects of each kind."""
    folder, chance = tmp_path_factory.mktemp("made"), random.Random(4)
    return [make(folder, number, chance, kind) for number, kind in enumerate([*Kind, *Kind])]


class Life:
    """Receive, route, deliver, refuse, collect and release, on a disk that may fail anywhere in it."""

    def __init__(self, data: Path, made: list[Made]) -> None:
        self.made = made
        self.line = ByHand(data, rules())
        self.told: set[str] = set()
        refusing = self.line.pacs("REFUSING")
        refusing.refuse = {one.uid for one in made if refuses(one.uid)}
        refusing.away = {one.uid for one in made if is_full_for(one.uid)}

    def live(self) -> None:
        """All of it, once; where the disk fails, that thread rests, and the others go on."""
        for some in (self.made[:6], self.made[6:]):
            for one in some:
                with contextlib.suppress(OSError):
                    self.line.receive(one)
                    self.told.add(one.uid)
            self.turn(time.time())
        for entry in self.line.spool.outbox(HOLD).all():
            with contextlib.suppress(OSError, KeyError):
                self.line.spool.release(entry.id)
        self.turn(time.time() + 1000)

    def turn(self, now: float) -> None:
        """Each thread once, as `Supervised` runs it."""
        with contextlib.suppress(OSError):
            self.line.router.turn()
        for name in self.line.spool.outboxes():
            if name not in (HOLD, "HANGING"):
                with contextlib.suppress(OSError):
                    self.line.pump(name).turn(now)

    def judge(self) -> Tally:
        """The disk is well again: the same threads finish, and what was acknowledged is accounted for."""
        self.line.pacs("REFUSING").away = set()
        self.line.finish()
        digests = {one.uid: one.digest for one in self.made}
        got = {name: {uid: [digests[uid]] for uid in uids} for name, uids in self.line.sent().items()}
        taken = [one for one in self.made if one.uid in self.told]
        # What failed on its way into the spool may be in it all the same.
        tally = reckon(self.line.data, taken, {one.uid: 2 for one in taken}, got, set())
        for name in self.line.spool.outboxes():
            if name not in (HOLD, "HANGING") and sum(self.line.spool.outbox(name).count().values()):
                tally.lost += 1
                tally.words.append(f"stuck in {name}: {self.line.spool.outbox(name).count()}")
        if any(self.line.spool.waiting()):
            tally.lost += 1
            tally.words.append("stuck in incoming")
        return tally


def operations(folder: Path, made: list[Made]) -> int:
    """How many file operations a life has when all goes well."""
    life = Life(folder, made)
    with disk() as done:
        life.live()
    assert life.judge().good
    assert life.told == {one.uid for one in made}
    return len(done)


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["broken", "full"])
def test_an_error_at_any_operation_loses_nothing_and_needs_no_restart(
    swift: Path, made: list[Made], error: int
) -> None:
    points = operations(swift / "count", made)
    assert points > 200
    wrong = []
    for point in range(1, points + 1, STRIDE):
        root = swift / str(point)
        life = Life(root, made)
        with disk(error_at=point, error=error) as done:
            life.live()
        tally = life.judge()
        shutil.rmtree(root)
        if not tally.good:
            wrong += [f"at {point} ({done[point - 1]}): {words}" for words in tally.words]
    assert not wrong, "\n".join(wrong)


@contextlib.contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A file system in memory with little room."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "stellwerk-small", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Callable[[], None]:
    """Leave no byte; answers what gives the room back."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as stream:
        for size in (1 << 16, 1 << 12, 1 << 9):
            with contextlib.suppress(OSError):
                while stream.write(bytes(size)):
                    pass
    return filler.unlink


def use_up_names(folder: Path) -> Callable[[], None]:
    """Leave no inode."""
    many = folder / "many"
    many.mkdir()
    with contextlib.suppress(OSError):
        for number in range(100_000):
            (many / str(number)).touch()

    def give_back() -> None:
        for path in many.iterdir():
            path.unlink()
        many.rmdir()

    return give_back


def make_read_only(folder: Path) -> Callable[[], None]:
    """Nothing can be written."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    return lambda: subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)


@needs_root
@pytest.mark.parametrize(
    ("options", "harm"),
    [("size=8m", fill), ("size=64m,nr_inodes=900", use_up_names), ("size=64m", make_read_only)],
    ids=["full", "no-inodes", "read-only"],
)
def test_a_real_disk_that_fails_for_a_while_loses_nothing_and_needs_no_restart(
    swift: Path, made: list[Made], options: str, harm: Callable[[Path], Callable[[], None]]
) -> None:
    points = operations(swift / "count", made)
    wrong = []
    for point in range(1, points + 1, 3 * STRIDE):
        with small_disk(swift / str(point), options) as folder:
            life = Life(folder / "data", made)
            undo: list[Callable[[], None]] = []

            def strike(
                number: int, life: Life = life, undo: list = undo, point: int = point, at: Path = folder
            ) -> None:
                if number == point:
                    # Nothing is made read-only while a file is open for writing.
                    life.line.spool.arrivals.close()
                    undo.append(harm(at))

            with disk(before=strike):
                life.live()
            for give_back in undo:
                give_back()
            tally = life.judge()
            wrong += [f"at {point}: {words}" for words in tally.words]
    assert not wrong, "\n".join(wrong)


@needs_root
@pytest.mark.skipif(not FULL, reason="takes two minutes: make torture")
def test_the_appliance_on_a_disk_that_is_full_now_and_then_goes_on_by_itself(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", "size=24m") as folder:
        ordeal = Ordeal(tmp_path / "around", 60, 6, data=folder / "data")

        def full_for_a_while() -> None:
            give_back = fill(folder)
            time.sleep(1.0)
            give_back()

        ordeal.strike = full_for_a_while
        ended = ordeal.run(6)
    assert ended.strikes >= 2
    assert not ended.unfinished, "something has got stuck"
    assert ended.tally.good, "\n".join([str(ended.tally), *ended.tally.words])
