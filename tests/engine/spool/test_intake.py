"""Several senders at once share the flushes, and share nothing else: neither a failure nor a crash."""

import errno
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine import files
from engine.intake import Intake
from tests.engine.spool.crash_kit import Line, Pacs, disk, program


def laid_out(root: Path, many: int) -> list[tuple[Path, Path, Path]]:
    """So many files with their notes, and the names they are to get."""
    (root / "in").mkdir()
    found = []
    for number in range(many):
        file, note = root / f"{number}.part", root / "in" / f"{number}.json"
        file.write_bytes(b"image")
        note.write_bytes(b"note")
        found.append((file, note, root / "in" / f"{number}.dcm"))
    return found


def test_those_that_come_while_the_disk_is_busy_share_its_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 20)
    rounds: list[int] = []
    first_is_flushing, all_are_there = threading.Event(), threading.Event()
    really = files.sync_together

    def flush(paths: list[Path]) -> dict[Path, OSError]:
        rounds.append(len(paths) // 2)
        first_is_flushing.set()
        all_are_there.wait(10)
        return really(paths)

    monkeypatch.setattr(files, "sync_together", flush)
    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(intake.take, *arriving[0])
        first_is_flushing.wait(10)
        others = [pool.submit(intake.take, *one) for one in arriving[1:]]
        while len(intake._waiting) < 19:
            time.sleep(0.001)
        all_are_there.set()
        for done in (first, *others):
            done.result(10)
    assert rounds == [1, 19]
    assert all(target.read_bytes() == b"image" for _, _, target in arriving)


def test_the_bytes_are_flushed_before_the_name_and_the_name_before_anybody_hears_of_it(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    with disk() as done:
        line.receive("1.2.1")
    taken = done[done.index("sync_together") :]
    assert taken[:3] == ["sync_together", "move", "sync"]


def test_a_file_that_cannot_be_flushed_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 12)
    broken, unnoted = arriving[3][0], arriving[7][1]
    really = files.sync_together
    go = threading.Event()

    def flush(paths: list[Path]) -> dict[Path, OSError]:
        go.wait(10)
        failed = really([path for path in paths if path not in (broken, unnoted)])
        return failed | {path: OSError(errno.EIO, "broken") for path in paths if path in (broken, unnoted)}

    monkeypatch.setattr(files, "sync_together", flush)
    with ThreadPoolExecutor(12) as pool:
        tried = [pool.submit(intake.take, *one) for one in arriving]
        go.set()
        failed = [number for number, one in enumerate(tried) if isinstance(one.exception(10), OSError)]
    assert failed == [3, 7]
    assert [number for number, (_, _, target) in enumerate(arriving) if not target.exists()] == [3, 7]


def test_a_folder_that_cannot_be_flushed_fails_all_whose_names_are_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 5)

    def broken(_path: Path) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(files, "sync", broken)
    with ThreadPoolExecutor(5) as pool:
        tried = [pool.submit(intake.take, *one) for one in arriving]
        assert all(isinstance(one.exception(10), OSError) for one in tried)
    monkeypatch.undo()
    file, note, target = tmp_path / "later.part", tmp_path / "in" / "later.json", tmp_path / "in" / "later.dcm"
    file.write_bytes(b"image")
    note.write_bytes(b"note")
    intake.take(file, note, target)  # the next one leads again
    assert target.exists()


def test_whoever_leads_may_die_and_the_others_hear_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    intake, arriving = Intake(tmp_path / "in"), laid_out(tmp_path, 6)
    go = threading.Event()

    def dies(_paths: list[Path]) -> dict[Path, OSError]:
        go.wait(10)
        raise MemoryError

    monkeypatch.setattr(files, "sync_together", dies)
    with ThreadPoolExecutor(6) as pool:
        tried = [pool.submit(intake.take, *one) for one in arriving]
        go.set()
        assert all(isinstance(one.exception(10), (OSError, MemoryError)) for one in tried)
    assert not list((tmp_path / "in").glob("*.dcm"))


def test_many_threads_lose_nothing_and_block_nobody(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    with ThreadPoolExecutor(16) as pool:
        numbers = list(pool.map(lambda number: line.receive(f"1.2.{number + 1}"), range(200), timeout=60))
    assert sorted(line.spool.waiting()) == sorted(numbers)
    assert all(line.spool.load(number)[0].header.first("SOPInstanceUID") for number in numbers)
