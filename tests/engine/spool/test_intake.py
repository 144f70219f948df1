"""Several senders at once share the flushes, and share nothing else: neither a failure nor a crash."""

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from engine import files
from engine.intake import Intake
from engine.object import Origin
from engine.tidy import STALE, remove_stale
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, program, write_instance


def laid_out(root: Path, many: int) -> list[tuple[Path, Path, None]]:
    """So many files with their notes, and the names they are to get."""
    (root / "in").mkdir()
    return [one_more(root, str(number)) for number in range(many)]


def one_more(root: Path, name: str) -> tuple[Path, Path, None]:
    file = root / f"{name}.part"
    file.write_bytes(b"image")
    (root / "in" / f"{name}.json").write_bytes(b"note")
    return file, root / "in" / f"{name}.dcm", None


def test_those_that_come_while_the_disk_is_busy_share_its_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 20)
    named: list[int] = []
    first_is_flushing, all_are_there = threading.Event(), threading.Event()
    really = files.sync

    def flush(path: Path) -> None:
        if path == tmp_path / "in":
            named.append(len(list(path.glob("*.dcm"))))
            first_is_flushing.set()
            all_are_there.wait(10)
        really(path)

    monkeypatch.setattr(files, "sync", flush)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(intake.take, *arriving[0])
        first_is_flushing.wait(10)
        others = [pool.submit(intake.take, *one) for one in arriving[1:]]
        while len(intake._waiting) < 19:
            time.sleep(0.001)
        all_are_there.set()
        for done in (first, *others):
            done.result(10)
    assert named == [1, 20]
    assert all(target.read_bytes() == b"image" for _, target, _ in arriving)


def test_the_bytes_are_flushed_before_the_name_and_the_name_before_anybody_hears_of_it(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1")
    with disk() as done:
        receive_now(line, "1.2.2")
        receive_now(line, "1.2.3")
    first = ["put", "sync", "sync", "link", "move", "sync", "append"]
    # The second shares the note of the first.
    assert done == [*first, "sync", "link", "move", "sync", "append"]


def receive_now(line: Line, uid: str) -> str:
    """Take in one object as a listener does: its origin is that of all the others on its association."""
    path = line.spool.new_work_file()
    write_instance(path, uid)
    return line.spool.accept(path, Origin("dicom", 1, "SONO1", "STELLWERK", "10.0.0.1"), line.digest)


def test_objects_that_share_a_note_have_a_moment_each_and_part_with_it_alone(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    numbers = [receive_now(line, uid) for uid in ("1.2.1", "1.2.2")]
    notes = [line.spool.accepted_files(number)[1] for number in numbers]
    assert notes[0].stat().st_ino == notes[1].stat().st_ino
    origins = [line.spool.load(number).obj.origin for number in numbers]
    now = datetime.now().astimezone()
    assert all(abs((now - datetime.fromisoformat(origin.received)).total_seconds()) < 60 for origin in origins)
    line.turn(time.time())
    assert line.stored() == ["1.2.1", "1.2.2"]
    # A start empties `work`; what was made of the template stays.
    third = receive_now(line, "1.2.3")
    line.spool.recover()
    assert line.spool.load(third).obj.origin.sender == "SONO1"
    fourth = receive_now(Line(tmp_path, program(), Pacs()), "1.2.4")
    assert {third, fourth} == set(line.spool.waiting())


def test_a_shared_note_that_has_gone_is_made_anew_for_the_next(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    receive_now(line, "1.2.1")
    for note in line.spool.work.glob("*.note"):
        note.unlink()
    assert line.spool.load(receive_now(line, "1.2.2")).obj.origin.sender == "SONO1"
    assert len(list(line.spool.waiting())) == 2


def test_a_note_that_is_shared_for_a_day_is_not_tidied_away_under_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, program(), Pacs())
    receive_now(line, "1.2.1")
    [note] = line.spool.work.glob("*.note")
    now = time.time()
    os.utime(note, (now - STALE + 60, now - STALE + 60))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: now + STALE - 60)
        receive_now(line, "1.2.2")
    [fresh] = set(line.spool.work.glob("*.note")) - {note}
    remove_stale(line.spool.work, now + 120)
    assert fresh.exists(), "whoever has been given it has all the time that a slow disk may take"
    receive_now(line, "1.2.3")
    assert len(list(line.spool.waiting())) == 3


def test_a_crash_at_any_operation_of_those_that_share_a_note_loses_nothing(tmp_path: Path) -> None:
    for point in range(1, 30):
        root, told = tmp_path / str(point), []
        line = Line(root, program(), Pacs())
        try:
            with disk(crash_at=point):
                for uid in ("1.2.1", "1.2.2", "1.2.3"):
                    receive_now(line, uid)
                    told.append(uid)
        except Crash:
            pass
        again = Line(root, program(), Pacs())
        again.turn(time.time())
        assert set(told) <= set(again.stored()), f"lost, point {point}"
        assert len(again.stored()) - len(told) <= 1
    assert told == ["1.2.1", "1.2.2", "1.2.3"]


def test_a_file_that_cannot_be_flushed_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 12)
    broken = (arriving[3][0], arriving[7][1].with_suffix(".json"))
    really = files.sync

    def flush(path: Path) -> None:
        if path in broken:
            raise OSError(errno.EIO, "broken")
        really(path)

    monkeypatch.setattr(files, "sync", flush)
    with ThreadPoolExecutor(12) as pool:
        tried = [pool.submit(intake.take, *one) for one in arriving]
        failed = [number for number, one in enumerate(tried) if isinstance(one.exception(10), OSError)]
    assert failed == [3, 7]
    assert [number for number, (_, target, _) in enumerate(arriving) if not target.exists()] == [3, 7]


def test_a_folder_that_cannot_be_flushed_fails_all_whose_names_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 5)

    def broken(path: Path) -> None:
        if path == tmp_path / "in":
            raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(files, "sync", broken)
    with ThreadPoolExecutor(5) as pool:
        tried = [pool.submit(intake.take, *one) for one in arriving]
        assert all(isinstance(one.exception(10), OSError) for one in tried)
    monkeypatch.undo()
    later = one_more(tmp_path, "later")
    intake.take(*later)  # the next one leads again
    assert later[1].exists()


def test_whoever_leads_may_die_and_the_others_hear_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 6)

    def dies(path: Path) -> None:
        if path == tmp_path / "in":
            raise MemoryError

    monkeypatch.setattr(files, "sync", dies)
    with ThreadPoolExecutor(6) as pool:
        tried = [pool.submit(intake.take, *one) for one in arriving]
        assert all(isinstance(one.exception(10), (OSError, MemoryError)) for one in tried)


def test_many_threads_lose_nothing_and_block_nobody(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(lambda number: receive_now(line, f"1.2.{number + 1}"), range(200), timeout=60))
    assert sorted(line.spool.waiting()) == sorted(numbers)
    assert all(line.spool.load(number).obj.header.first("SOPInstanceUID") for number in numbers)
