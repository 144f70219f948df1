"""A crash at every single file operation: nothing acknowledged is lost, nothing is stored twice, nothing is torn.

These model a process that dies; that what was synced survives a power cut is the file system's promise.
"""

import errno
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import dcmread

from engine.pump import Pump
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, program


def operations_of(tmp_path: Path, *, failure: bool, refuse: Collection[str]) -> list[str]:
    """The file operations of one whole life of three objects."""
    tmp_path.mkdir()
    with disk() as done:
        live(tmp_path, failure=failure, refuse=refuse)
    return done


def live(root: Path, *, failure: bool, refuse: Collection[str], told: list[str] | None = None) -> None:
    """Take in three objects, the last to be discarded; route them, store them, send them."""
    pacs = Pacs()
    pacs.refuse = set(refuse)
    line = Line(root, program(failure=failure), pacs)
    for uid, modality in (("1.2.1", "US"), ("1.2.2", "US"), ("1.2.3", "OT")):
        line.receive(uid, modality, sealed=uid != "1.2.2")
        if told is not None:
            told.append(uid)
    line.turn(time.time())


@pytest.mark.parametrize(
    ("failure", "refuse"),
    [(False, ()), (False, ["1.2.1"]), (True, ["1.2.1"]), (False, ["1.2.1", "1.2.2"]), (True, ["1.2.1", "1.2.2"])],
    ids=["sent", "refused", "on-failure", "all-refused", "all-on-failure"],
)
def test_a_crash_at_any_operation_loses_nothing_and_stores_nothing_twice(
    tmp_path: Path, failure: bool, refuse: Collection[str]
) -> None:
    points = len(operations_of(tmp_path / "count", failure=failure, refuse=refuse))
    assert points > 60
    for point in range(1, points + 1):
        root = tmp_path / str(point)
        root.mkdir()
        told: list[str] = []
        with disk(crash_at=point), pytest.raises(Crash):
            live(root, failure=failure, refuse=refuse, told=told)
        pacs = Pacs()
        pacs.refuse = set(refuse)
        line = Line(root, program(failure=failure), pacs)
        for _ in range(3):
            line.turn(time.time() + 10)
        images = [uid for uid in told if uid != "1.2.3"]
        stored = line.stored()
        assert len(stored) == len(set(stored)), f"stored twice, point {point}"
        assert set(images) <= set(stored), f"lost, point {point}"
        assert list(line.spool.waiting()) == []
        assert line.owed("archive.store") == []
        assert line.owed("PACS") == []
        # At most the one object that was being taken in when the machine stopped may be there without our word.
        assert len(set(stored) - set(images)) <= 1
        for uid in refuse:
            if uid in told:
                assert line.held().count(uid) == 1, f"a refused object is not held once, point {point}"
        assert not list((root / "spool" / "routed").iterdir())
        assert not list((root / "spool" / "work").iterdir())


def test_a_crash_during_recovery_is_recovered_from(tmp_path: Path) -> None:
    points = len(operations_of(tmp_path / "count", failure=False, refuse=()))
    for point in range(10, points, 13):
        for second in range(1, 40, 4):
            root = tmp_path / f"{point}-{second}"
            root.mkdir()
            told: list[str] = []
            with disk(crash_at=point), pytest.raises(Crash):
                live(root, failure=False, refuse=(), told=told)
            try:
                with disk(crash_at=second):
                    Line(root, program(), Pacs()).turn(time.time())
            except Crash:
                pass
            line = Line(root, program(), Pacs())
            line.turn(time.time() + 10)
            stored = line.stored()
            assert len(stored) == len(set(stored))
            assert {uid for uid in told if uid != "1.2.3"} <= set(stored)


def test_a_full_disk_at_any_operation_leaves_the_object_with_its_sender_or_in_the_spool(tmp_path: Path) -> None:
    points = len(operations_of(tmp_path / "count", failure=False, refuse=()))
    for point in range(1, points + 1):
        root = tmp_path / str(point)
        root.mkdir()
        told: list[str] = []
        with disk(error_at=point), suppress(OSError):
            live(root, failure=False, refuse=(), told=told)
        # The same process goes on, as the supervisor lets it; nothing is started anew.
        line = Line(root, program(), Pacs())
        for _ in range(3):
            line.turn(time.time() + 4000)
        assert {uid for uid in told if uid != "1.2.3"} <= set(line.stored())
        assert len(line.stored()) == len(set(line.stored()))


def test_a_pump_that_is_quicker_than_the_crash_gets_nothing_twice(tmp_path: Path) -> None:
    """The PACS takes each promise the moment it appears, and the machine stops at every operation after that."""
    point = 0
    crashed = True
    while crashed:
        point += 1
        root = tmp_path / str(point)
        root.mkdir()
        pacs = Pacs()
        line = Line(root, program(), pacs)
        for uid in ("1.2.1", "1.2.2"):
            line.receive(uid)

        def take(moved: Path, pacs: Pacs = pacs) -> None:
            if moved.parts[-3:-1] == ("PACS", "ready") and moved.suffix == ".dcm":
                pacs.got.append(str(dcmread(moved).SOPInstanceUID))
                moved.unlink()

        crashed = False
        try:
            with disk(crash_at=point, at_once=take):
                line.router.turn()
        except Crash:
            crashed = True
        line = Line(root, program(), pacs)
        line.turn(time.time())
        assert sorted(pacs.got) == ["1.2.1", "1.2.2"], f"point {point}"
        assert line.stored() == ["1.2.1", "1.2.2"]
    assert point > 20


def test_what_the_disk_did_not_take_in_is_not_routed_either(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    with disk() as done:
        line.receive("1.2.1", sealed=False)
    named = done.index("move") + 1
    assert done[named] == "sync"
    for point in range(1, named + 2):
        root = tmp_path / str(point)
        root.mkdir()
        line = Line(root, program(), Pacs())
        with disk(error_at=point), suppress(OSError):
            line.receive("1.2.1", sealed=False)
            raise AssertionError(f"success was answered, point {point}")
        line.turn(time.time())
        assert line.stored() == [], f"its sender keeps it, and it came all the same, point {point}"


@pytest.mark.parametrize("failure", [False, True], ids=["to-the-hold", "on-failure"])
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
def test_a_disk_that_fails_while_a_batch_of_refusals_is_taken_down_costs_none_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: bool, error: int
) -> None:
    """At each file operation of it; then the disk is well again, and the same pump goes on without a restart."""
    monkeypatch.setattr("engine.outbox.STALE", 0.0)
    monkeypatch.setattr("os.fsync", lambda _: None)
    uids = {"1.2.1", "1.2.2", "1.2.3"}
    point, failed = 0, True
    while failed:
        point += 1
        root = tmp_path / str(point)
        root.mkdir()
        pacs = Pacs()
        pacs.refuse = set(uids)
        line = Line(root, program(failure=failure), pacs)
        for uid in sorted(uids):
            line.receive(uid)
        while line.router.turn():
            pass
        pump = Pump(line.spool.outbox("PACS"), lambda pacs=pacs: pacs, line.router.refuse)
        with disk(error_at=point, error=error) as done, suppress(OSError):
            pump.turn(time.time())
        failed = len(done) >= point
        for later in (100, 200, 300, 400, 500):
            pump.turn(time.time() + later)
        line.spool.settle()
        assert line.held() == sorted(uids), f"point {point}"
        assert sum(line.spool.outbox("PACS").count().values()) == 0, f"point {point}"
        line.router.close()
    assert point > 20


def test_refusals_of_a_batch_share_the_flushes_of_the_disk(tmp_path: Path) -> None:
    for failure in (False, True):
        flushes = []
        for many in (2, 20):
            pacs = Pacs()
            line = Line(tmp_path / f"{failure}-{many}", program(failure=failure), pacs)
            pacs.refuse = {f"1.2.{number}" for number in range(many)}
            for uid in sorted(pacs.refuse):
                line.receive(uid)
            while line.router.turn():
                pass
            pump = Pump(line.spool.outbox("PACS"), lambda pacs=pacs: pacs, line.router.refuse)
            pump._takes_nothing = False  # it has taken others before
            with disk() as done:
                pump.turn(time.time())
            assert len(line.held()) == many
            # A receipt for the mail that tells of it is flushed for each; all else is shared.
            flushes.append(len([name for name in done if name in ("sync", "sync_all", "write")]) - 2 * many)
        assert flushes[0] == flushes[1] < 12
