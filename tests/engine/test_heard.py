"""When each sender was heard last: exact while it runs, kept on disk, and bounded."""

import threading
from pathlib import Path

import pytest

from engine import heard
from engine.heard import Heard
from tests.engine.spool.crash_kit import Crash, disk


class Clock:
    """A clock set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_last_moment_counts_on_whatever_port_it_came(tmp_path: Path) -> None:
    clock = Clock()
    one = Heard(tmp_path, clock)
    assert one.last("CT1") is None
    one.note("CT1 ", 11112)
    clock.now = 2000.0
    one.note("CT1", 11113)
    one.note("ÜS/../1", 11112)
    assert one.last("CT1") == one.last("ÜS/../1") == 2000.0
    assert one.last("ct1") is None, "AE titles differ by case"


def test_it_is_known_after_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    one = Heard(tmp_path / "heard", clock)
    one.note("CT1", 11112)
    one.keep()
    clock.now = 1030.0
    one.note("CT1", 11112)
    again = Heard(tmp_path / "heard", clock)
    assert again.last("CT1") == 1000.0
    one.keep()
    assert Heard(tmp_path / "heard", clock).last("CT1") == 1030.0
    assert len(list((tmp_path / "heard").iterdir())) == 1


def test_accepting_costs_no_file_operation_and_nothing_new_neither(tmp_path: Path) -> None:
    one = Heard(tmp_path)
    with disk() as done:
        one.note("CT1", 11112)
        assert done == []
        one.keep()
        first = len(done)
        one.keep()
    assert 0 < first == len(done)


def test_a_crash_at_any_moment_leaves_what_was_known_or_what_is(tmp_path: Path) -> None:
    for at in range(1, 8):
        folder = tmp_path / str(at)
        clock = Clock()
        one = Heard(folder, clock)
        one.note("CT1", 11112)
        one.keep()
        clock.now = 2000.0
        one.note("CT1", 11112)
        try:
            with disk(crash_at=at):
                one.keep()
        except Crash:
            pass
        assert Heard(folder, clock).last("CT1") in (1000.0, 2000.0)


def test_what_the_disk_refuses_is_kept_the_next_time(tmp_path: Path) -> None:
    one = Heard(tmp_path)
    one.note("CT1", 11112)
    with disk(error_at=1), pytest.raises(OSError, match="No space left"):
        one.keep()
    one.keep()
    assert Heard(tmp_path).last("CT1") is not None


def test_a_torn_file_is_as_if_nothing_was_heard(tmp_path: Path) -> None:
    one = Heard(tmp_path)
    one.note("CT1", 11112)
    one.keep()
    for path in tmp_path.iterdir():
        path.write_bytes(b'{"sender": "CT1", "po')
    assert Heard(tmp_path).last("CT1") is None


def test_whoever_calls_by_a_new_name_each_time_fills_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "MOST", 10)
    clock = Clock()
    one = Heard(tmp_path, clock)
    for number in range(50):
        clock.now += 1
        one.note(f"AE{number}", 11112)
        if number % 7 == 0:
            one.keep()
    one.keep()
    assert len(list(tmp_path.glob("*.json"))) == 10
    assert one.last("AE39") is None
    assert one.last("AE40") is not None


def test_many_associations_may_note_at_once_while_it_is_kept(tmp_path: Path) -> None:
    one = Heard(tmp_path)

    def notes(number: int) -> None:
        for _ in range(200):
            one.note(f"AE{number}", 11112)

    threads = [threading.Thread(target=notes, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        one.keep()
    for thread in threads:
        thread.join()
    one.keep()
    assert all(Heard(tmp_path).last(f"AE{number}") for number in range(4))
