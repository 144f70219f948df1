"""Tidying the spool: what nothing refers to goes, what something refers to stays, whatever else happens meanwhile."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine import files
from engine.enough import FEW
from engine.program import Contact, Destination, Program
from engine.router import Router
from engine.signature import Argument
from engine.step import HOLD
from engine.tidy import STALE, left_outboxes, remove_outbox, remove_programs, remove_stale, tidy
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, program

DAY = STALE + 1
OTHER = Program(contacts=(Contact("office", ("office@praxis.example",)),))


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, mail; OT is discarded."""
    return Line(tmp_path / "line", program(), Pacs())


def kept(line: Line) -> set[str]:
    """The programs that are kept."""
    return {path.stem for path in line.spool.programs.glob("*.json")}


def everywhere() -> list[Callable[[Line], None]]:
    """Ways to leave one object somewhere in the spool, taken in by the first program."""

    def incoming(line: Line) -> None:
        line.receive("1.1")

    def ready(line: Line) -> None:
        line.receive("1.1")
        line.router.turn()

    def later(line: Line) -> None:
        line.pacs.away = {"1.1"}
        ready(line)
        line.turn(time.time())

    def held(line: Line) -> None:
        line.receive("1.1", "CT")
        line.router.turn()

    def promised(line: Line) -> None:
        # A crash right after the rename that promises: sync of `routed` is the first operation behind it.
        line.receive("1.1")
        original = files.sync

        def stops(path: Path) -> None:
            if path == line.spool.routed:
                raise Crash
            original(path)

        files.sync = stops  # for this turn
        try:
            line.router.turn()
        except Crash:
            pass
        finally:
            files.sync = original
        assert list(line.spool.routed.iterdir())

    return [incoming, ready, later, held, promised]


@pytest.mark.parametrize("put", everywhere(), ids=lambda put: put.__name__)
def test_a_program_stays_while_an_object_anywhere_refers_to_it(line: Line, put: Callable[[Line], None]) -> None:
    put(line)
    current = line.spool.keep_program(OTHER)
    for days in range(1, 5):
        assert remove_programs(line.spool, current, time.time() + days * DAY) == 0
    assert kept(line) == {line.digest, current}


def test_a_program_goes_a_day_after_the_last_object_of_it(line: Line) -> None:
    line.receive("1.1")
    line.turn(time.time())
    current = line.spool.keep_program(OTHER)
    now = time.time()
    assert remove_programs(line.spool, current, now) == 0, "its mail is still to be sent"
    for path in (line.root / "spool/outbox/admin.mail").rglob("*.*"):
        path.unlink()
    assert remove_programs(line.spool, current, now + STALE - 1) == 0
    assert remove_programs(line.spool, current, now + DAY) == 1
    assert kept(line) == {current}


def test_the_program_that_runs_stays_for_ever(line: Line) -> None:
    assert remove_programs(line.spool, line.digest, time.time() + 999 * DAY) == 0
    assert kept(line) == {line.digest}


def test_a_program_that_ran_until_a_moment_ago_stays_however_old_its_file(line: Line) -> None:
    current = line.spool.keep_program(OTHER)
    for path in line.spool.programs.glob("*.json"):
        os.utime(path, (0, 0))
    line.spool.keep_program(program())
    assert remove_programs(line.spool, current, time.time()) == 0
    assert kept(line) == {line.digest, current}


def test_an_object_that_moves_on_while_it_looks_is_not_overlooked(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the hold back to `incoming`, just when that has been looked at."""
    line.pacs.refuse = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    for name in ("admin.mail", "archive.store"):
        for path in (line.root / "spool/outbox" / name).rglob("*.*"):
            path.unlink()
    current = line.spool.keep_program(OTHER)
    [entry] = line.spool.outbox(HOLD).all()
    original = line.spool.outboxes
    looks = []

    def moves() -> list[str]:
        looks.append(1)
        found = original()
        if len(looks) == 1:
            line.spool.release(entry.id)
            # The outbox that it went to has been looked at before: leave that one out of this look.
            return [name for name in found if name != "PACS"]
        return found

    monkeypatch.setattr(line.spool, "outboxes", moves)
    assert remove_programs(line.spool, current, time.time() + DAY) == 0
    assert len(looks) >= 2
    assert line.digest in kept(line)


def test_where_a_note_cannot_be_read_no_program_goes(line: Line) -> None:
    number = line.receive("1.1")
    current = line.spool.keep_program(OTHER)
    (line.spool.incoming / f"{number}.json").write_bytes(b'{"prog')
    assert remove_programs(line.spool, current, time.time() + DAY) == 0


def test_the_look_for_programs_rests_and_where_it_ends_early_no_program_goes(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.tidy.PORTION", 2)
    for number in range(5):
        line.receive(f"1.{number + 1}")
    current = line.spool.keep_program(OTHER)
    unused = line.spool.keep_program(two_destinations())
    for path in line.spool.programs.glob("*.json"):
        os.utime(path, (0, 0))
    rests: list[bool] = []

    def rest() -> bool:
        rests.append(len(rests) == 2)
        return rests[-1]

    assert remove_programs(line.spool, current, time.time(), rest) == 0
    assert rests == [False, False, True]
    assert unused in kept(line)
    assert remove_programs(line.spool, current, time.time()) == 1
    assert kept(line) == {line.digest, current}


def test_scratch_files_go_a_day_after_they_were_written_and_not_before(line: Line) -> None:
    old, young, stage = line.spool.new_work_file(), line.spool.new_work_file(), line.spool.work / "0123"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    stage.mkdir()
    (stage / "a.json").write_bytes(b"{}")
    now = time.time()
    for path in (old, stage):
        os.utime(path, (now - DAY, now - DAY))
    assert remove_stale(line.spool.work, now) == 2
    assert list(line.spool.work.iterdir()) == [young]


# --- outboxes that are left over --------------------------------------------------------------------------------------


def two_destinations() -> Program:
    """PACS, and READER beside it."""
    reader = Destination("READER", "dicom", {"address": Argument("text", "READER@127.0.0.1:105")})
    return replace(program(), destinations=(*program().destinations, reader))


def test_an_empty_outbox_goes_when_no_kept_program_speaks_of_it(line: Line) -> None:
    for name in ("GONE", "gone.store", "gone.mail", "PACS", "admin.mail", "archive.store", "study.collect"):
        line.spool.outbox(name)
    assert left_outboxes(line.spool) == ["GONE", "gone.mail", "gone.store"]
    tidy(line.spool, line.digest, line.spool.drop_outbox)
    assert line.spool.outboxes() == [HOLD, "PACS", "admin.mail", "archive.store", "study.collect"]


def test_an_outbox_stays_while_a_program_that_something_refers_to_speaks_of_it(line: Line) -> None:
    line.spool.keep_program(two_destinations())
    line.spool.outbox("READER")
    assert left_outboxes(line.spool) == []


def test_an_outbox_with_anything_in_it_stays_whole(line: Line) -> None:
    home = line.spool.outbox("GONE")
    for folder in sorted(home.folders):
        word = folder / "something"
        word.touch()
        assert left_outboxes(line.spool) == []
        assert not line.spool.drop_outbox("GONE")
        assert all(inner.is_dir() for inner in home.folders)
        word.unlink()
    assert line.spool.drop_outbox("GONE")
    assert not home.root.exists()


def test_what_is_promised_to_an_outbox_that_was_removed_arrives(line: Line) -> None:
    line.spool.outbox("PACS")
    assert line.spool.drop_outbox("PACS")
    line.receive("1.1")
    line.turn(time.time())
    assert line.pacs.got == ["1.1"]


def test_a_crash_at_any_moment_of_removing_leaves_an_outbox_that_works(tmp_path: Path) -> None:
    for at in range(9):
        line = Line(tmp_path / str(at), program(), Pacs())
        root = line.spool.outbox("PACS").root
        for inner in sorted(root.iterdir(), key=lambda path: path.name != "entries")[:at]:
            inner.rmdir()  # a crash came here
        again = Line(tmp_path / str(at), program(), Pacs())
        again.receive("1.1")
        again.turn(time.time())
        assert again.pacs.got == ["1.1"]


def test_something_that_comes_while_it_is_removed_keeps_it(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    home = line.spool.outbox("PACS")
    original = Path.rmdir

    def comes(path: Path) -> None:
        if path == home.ready:
            (home.ready / "1.dcm").touch()
        original(path)

    monkeypatch.setattr(Path, "rmdir", comes)
    assert not remove_outbox(home.root)
    monkeypatch.undo()
    assert all(inner.is_dir() for inner in home.folders)
    assert (home.ready / "1.dcm").exists()


def test_a_crash_at_any_moment_of_tidying_loses_nothing(tmp_path: Path) -> None:
    at, crashed = 0, True
    while crashed:
        at += 1
        line = Line(tmp_path / str(at), program(), Pacs())
        line.pacs.refuse = {"1.2"}
        line.receive("1.1")
        line.receive("1.2")
        line.turn(time.time())
        line.spool.outbox("GONE")
        line.spool.keep_program(OTHER)
        line.spool.keep_program(two_destinations())
        (line.spool.work / "old").write_bytes(b"x")
        for path in (*line.spool.programs.glob("*"), line.spool.work / "old"):
            os.utime(path, (0, 0))
        crashed = False
        try:
            with disk(crash_at=at):
                tidy(line.spool, OTHER.digest, line.spool.drop_outbox)
        except Crash:
            crashed = True
        again = Line(tmp_path / str(at), program(), line.pacs)
        tidy(again.spool, OTHER.digest, again.spool.drop_outbox)
        assert kept(again) == {line.digest, OTHER.digest}
        assert again.held() == ["1.2"]
        [entry] = again.spool.outbox(HOLD).all()
        again.pacs.refuse = set()
        again.spool.release(entry.id)
        again.turn(time.time())
        assert again.pacs.got[-1] == "1.2"
    assert at > 2


def test_tidying_beside_a_line_that_runs_loses_nothing_and_stops_nothing(line: Line) -> None:
    """Each turn of the router is broken in two by a tidying that finds everything old."""
    original = Router.turn
    ahead = time.time() + DAY

    def tidied(router: Router) -> bool:
        tidy(line.spool, line.digest, lambda _: False, ahead)
        return original(router)

    uids = [f"1.{number}" for number in range(40)]
    for uid in uids:
        line.receive(uid)
    Router.turn = tidied  # type: ignore[method-assign]  # for this test
    try:
        for _ in range(len(uids) // FEW):
            line.turn(time.time())
    finally:
        Router.turn = original  # type: ignore[method-assign]
    assert sorted(line.pacs.got) == sorted(uids)
    assert len(line.stored()) == len(uids)
