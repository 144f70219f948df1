"""kill -9 and a full disk at every operation between seeing a file and moving it away: never lost, never twice."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from engine import files
from engine.step import HOLD
from tests.data.make import instance
from tests.engine.sources.kit import Dropping, uid_of
from tests.engine.spool.crash_kit import OPERATIONS, Crash, Pacs, disk

NAMES = ["a.dcm", "study/b.dcm", "study/deep/c.dcm"]
IN_ZIP = ["d.dcm", "e.dcm"]
ALL = sorted(map(uid_of, [*NAMES, *IN_ZIP]))


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ZIP with two images and a letter."""
    folder = tmp_path_factory.mktemp("zip")
    with zipfile.ZipFile(folder / "x.zip", "w") as packed:
        for name in IN_ZIP:
            packed.write(instance(folder, name=name, SOPInstanceUID=uid_of(name)), name)
        packed.writestr("letter.txt", "no image")
    return (folder / "x.zip").read_bytes()


def filled(root: Path, packed: bytes, keep: bool = True) -> Dropping:
    drop = Dropping(root, keep=keep)
    for name in NAMES:
        drop.put(name)
    drop.put("more.zip", packed)
    drop.watch.turn()
    drop.now += 3  # they have stood still; what is counted now is the taking
    return drop


def take_all(drop: Dropping) -> None:
    while drop.watch.turn() == 0:
        pass


def ended_well(drop: Dropping, where: str) -> None:
    """Everything has come exactly once, and nothing is left anywhere on the way."""
    drop.pass_by(4)
    if drop.left():
        drop.pass_by(40)
    drop.deliver()
    assert sorted(drop.pacs.got) == ALL, where
    assert [entry.origin.file for entry in drop.spool.outbox(HOLD).all()] == ["more.zip: letter.txt"], where
    taken = drop.folder / ".taken"
    assert [path.name for path in taken.iterdir()] == [], where
    assert [name for name in drop.left() if not name.endswith(".status")] == [], where
    if drop.way.keep:
        assert drop.done() == ["a.dcm", "more.zip", "study/b.dcm", "study/deep/c.dcm"], where
    assert [p.name for p in (drop.spool.root / "drops").rglob("*.dcm")] == [], where
    if drop.way.keep:
        drop.spool.delete(drop.spool.outbox(HOLD).all()[0].id)
        drop.pass_by(40)
        assert [p.name for p in (drop.spool.root / "drops").rglob("*.jsonl")] == [], f"all has been told: {where}"
        assert "2 objects: sent to PACS" in drop.status("more.zip"), where
        assert "2 objects: sent to PACS" in drop.status("study"), where


def restarted(root: Path, pacs: Pacs, keep: bool) -> Dropping:
    return Dropping(root, keep=keep, pacs=pacs)


@pytest.mark.parametrize(
    ("quick", "keep"), [(False, False), (True, True)], ids=["routed after the crash", "delivered before the crash"]
)
def test_a_crash_at_any_operation_loses_nothing_and_takes_nothing_twice(
    tmp_path: Path, packed: bytes, quick: bool, keep: bool
) -> None:
    operation = 0
    while True:
        operation += 1
        root = tmp_path / str(operation)
        drop = filled(root, packed, keep)
        try:
            with disk(crash_at=operation, at_once=at_once(drop) if quick else lambda _: None) as done:
                take_all(drop)
        except Crash:
            ended_well(restarted(root, drop.pacs, keep), f"crashed at {operation}, {done[-1]}")
        else:
            break
    assert operation > 40
    ended_well(drop, "without a crash")


def at_once(drop: Dropping) -> Callable[[Path], None]:
    """Whatever is accepted has been routed and delivered, and has left the spool, before anything else happens.

    On a disk that does not fail: a PACS may get twice what a crash has kept from being noted, and that is another test.
    """
    sound = {name: getattr(files, name) for name in OPERATIONS}

    def deliver(moved: Path) -> None:
        if moved.parent == drop.spool.incoming and moved.suffix == ".dcm":
            with pytest.MonkeyPatch.context() as patch:
                for name, original in sound.items():
                    patch.setattr(files, name, original)
                drop.line.turn(drop.now)

    return deliver


def test_a_second_crash_while_the_first_is_made_good_changes_nothing(tmp_path: Path, packed: bytes) -> None:
    for first in range(3, 60, 9):
        for second in range(1, 40, 7):
            root = tmp_path / f"{first}-{second}"
            drop = filled(root, packed)
            with pytest.raises(Crash), disk(crash_at=first):
                take_all(drop)
            again = restarted(root, drop.pacs, True)
            try:
                with disk(crash_at=second):
                    take_all(again)
            except Crash:
                again = restarted(root, drop.pacs, True)
            ended_well(again, f"crashed at {first}, then at {second}")


def test_a_crash_where_nothing_can_be_moved_away_takes_nothing_twice(tmp_path: Path, forbidden: list[Path]) -> None:
    operation = 0
    names = ["a.dcm", "b.dcm"]
    while True:
        operation += 1
        root = tmp_path / str(operation)
        drop = Dropping(root, kind="folder")
        for name in names:
            drop.put(name)
        forbidden.append(drop.folder)
        drop.watch.turn()
        drop.now += 3
        try:
            with disk(crash_at=operation, at_once=at_once(drop)):
                take_all(drop)
        except Crash:
            again = Dropping(root, kind="folder", pacs=drop.pacs)
            again.pass_by(10)
            again.deliver()
            assert sorted(drop.pacs.got) == sorted(map(uid_of, names)), f"crashed at {operation}"
            assert again.left() == names
        else:
            break
    assert operation > 15


def test_a_full_disk_at_any_operation_is_waited_for(tmp_path: Path, packed: bytes) -> None:
    operation = 0
    while True:
        operation += 1
        drop = filled(tmp_path / str(operation), packed)
        with disk(error_at=operation) as done:
            take_all(drop)
        if len(done) < operation:
            break
        ended_well(drop, f"full at {operation}, {done[operation - 1]}")


def test_what_lay_aside_when_the_spool_was_lost_comes_back(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.put("a.dcm")
    drop.watch.turn()
    drop.now += 3
    with pytest.raises(Crash), disk(crash_at=12):
        take_all(drop)
    assert [path.name.partition(".")[2] for path in (drop.folder / ".taken").iterdir()] == ["a.dcm"]
    drop.spool.root.rename(tmp_path / "lost")
    again = Dropping(tmp_path)
    again.pass_by(10)
    assert again.deliver() == [uid_of("a.dcm")]
