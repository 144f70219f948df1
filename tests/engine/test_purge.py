"""`purge`: which copies go, what stays, and what a crash or a disk that fails leaves behind."""

import os
import threading
import time
from pathlib import Path

import pytest

from engine.destinations.archive import MARK, tending
from engine.destinations.purge import purge
from engine.errors import Later
from tests.engine.spool.crash_kit import Crash, disk, write_instance
from tests.engine.test_archive import entry, store

DAY = 86400.0


def never() -> bool:
    return False


def archive(root: Path) -> Path:
    """Two patients of one name, each with a copy, and a third one; as `store` leaves them."""
    inbox = root / "inbox"
    inbox.mkdir()
    store(
        root / "archive",
        entry(inbox, "1.1", patient="a"),
        entry(inbox, "1.2", patient="b"),
        entry(inbox, "1.3", patient="c", place=("Praxis", "Poe^Edgar")),
    )
    return root / "archive"


def left(root: Path) -> set[str]:
    """Everything below the archive."""
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_old_copies_go_with_the_folders_that_they_leave_empty(tmp_path: Path) -> None:
    root = archive(tmp_path)
    assert purge(root, time.time() + DAY, never) == 3
    assert left(root) == set()
    assert root.is_dir()


def test_what_is_not_old_enough_stays(tmp_path: Path) -> None:
    root = archive(tmp_path)
    before = left(root)
    assert purge(root, time.time() - DAY, never) == 0
    assert left(root) == before


def test_it_counts_from_the_day_of_storing_not_from_the_date_of_the_file(tmp_path: Path) -> None:
    root = archive(tmp_path)
    for copy in root.rglob("*.dcm"):
        os.utime(copy, (0, 0))
    assert purge(root, time.time() - DAY, never) == 0


def test_what_store_has_not_put_there_stays_and_so_does_its_folder(tmp_path: Path) -> None:
    root = archive(tmp_path)
    notes = root / "Praxis" / "Doe^Jane" / "notes.txt"
    notes.write_text("ask again in spring")
    (root / "empty").mkdir()
    assert purge(root, time.time() + DAY, never) == 3
    assert left(root) == {"Praxis", "Praxis/Doe^Jane", f"Praxis/Doe^Jane/{MARK}", "Praxis/Doe^Jane/notes.txt", "empty"}


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    root = archive(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    write_instance(outside / "1.9.dcm", "1.9")
    (root / "door").symlink_to(outside)
    (root / "1.8.dcm").symlink_to(outside / "1.9.dcm")
    assert purge(root, time.time() + DAY, never) == 3
    assert (outside / "1.9.dcm").exists()
    assert left(root) >= {"door", "1.8.dcm"}


def test_an_archive_that_was_never_used_is_purged_already(tmp_path: Path) -> None:
    assert purge(tmp_path / "nothing", time.time(), never) == 0


def test_after_it_the_same_object_can_be_stored_again(tmp_path: Path) -> None:
    root = archive(tmp_path)
    purge(root, time.time() + DAY, never)
    again = entry(tmp_path, "1.1", patient="b")
    store(root, again)
    assert left(root) == {"Praxis", "Praxis/Doe^Jane", f"Praxis/Doe^Jane/{MARK}", "Praxis/Doe^Jane/1.1.dcm"}


def test_a_folder_that_cannot_be_emptied_does_not_save_the_others_and_is_told(tmp_path: Path) -> None:
    root = archive(tmp_path)
    with disk(error_at=1), pytest.raises(Later, match=r"some copies cannot be removed \(No space.*\); 2 were"):
        purge(root, time.time() + DAY, never)
    assert len(list(root.rglob("*.dcm"))) == 1
    assert purge(root, time.time() + DAY, never) == 1
    assert left(root) == set()


def test_it_ends_soon_when_the_appliance_stops(tmp_path: Path) -> None:
    root = archive(tmp_path)
    asked = iter([False, False, False])
    with pytest.raises(Later, match="stopped"):
        purge(root, time.time() + DAY, lambda: next(asked, True))
    assert len(list(root.rglob("*.dcm"))) == 2


def test_a_crash_at_any_operation_leaves_no_copy_without_the_mark_of_its_patient(tmp_path: Path) -> None:
    # Without the mark the next patient of the same name would be mixed in.
    at = 0
    while True:
        at += 1
        place = tmp_path / str(at)
        place.mkdir()
        root = archive(place)
        try:
            with disk(crash_at=at):
                purge(root, time.time() + DAY, never)
        except Crash:
            assert all((copy.parent / MARK).exists() for copy in root.rglob("*.dcm"))
            purge(root, time.time() + DAY, never)
            assert not list(root.rglob("*.dcm"))
        else:
            break
    assert at > 6


def test_it_does_not_take_a_folder_away_from_under_a_store(tmp_path: Path) -> None:
    root = archive(tmp_path)
    purging = threading.Thread(target=purge, args=(root, time.time() + DAY, never))
    with tending(root):
        purging.start()
        purging.join(0.2)
        assert purging.is_alive()
        assert len(list(root.rglob("*.dcm"))) == 3
    purging.join(10)
    assert left(root) == set()


def test_stores_and_purges_at_the_same_time_lose_and_mix_nothing(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    done = threading.Event()
    found: list[str] = []

    def sweep() -> None:
        while not done.is_set():
            purge(root, time.time() + DAY, never)

    sweeping = threading.Thread(target=sweep)
    sweeping.start()
    try:
        for number in range(150):
            results = store(root, entry(tmp_path, f"2.{number}", patient="ab"[number % 2]))
            found += [type(result).__name__ for result in results.values()]
    finally:
        done.set()
        sweeping.join()
    assert found == ["Sent"] * 150
    for copy in root.rglob("*.dcm"):
        assert (copy.parent / MARK).read_text() == "ab"[int(copy.stem.split(".")[1]) % 2]
