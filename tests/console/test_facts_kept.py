"""What costs something is found out by one, now and then; the journal is there for several threads."""

import threading
import time
from pathlib import Path

import pytest

from appliance.console.facts import journals
from appliance.console.facts.house import House
from appliance.console.facts.journals import Journals
from appliance.console.facts.kept import Kept
from appliance.console.facts.plain import plain
from appliance.settings import Settings
from engine.history import History
from engine.journal import Journal

NUMBER = "18af0b5cf0a1c2d3abc"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_is_found_out_anew_when_its_time_is_over() -> None:
    clock, made = Clock(), iter(range(10))
    kept = Kept(lambda: next(made), 2.0, clock)
    assert [kept.get(), kept.get()] == [0, 0]
    clock.now += 2.1
    assert kept.get() == 1
    kept.forget()
    assert kept.get() == 2


def test_what_takes_long_is_found_out_seldom() -> None:
    clock = Clock()

    def slow() -> float:
        clock.now += 3.0
        return clock.now

    kept = Kept(slow, 2.0, clock)
    first = kept.get()
    clock.now += 29.0
    assert kept.get() == first
    clock.now += 2.0
    assert kept.get() != first


def test_while_one_finds_it_out_the_others_get_what_was_known() -> None:
    clock, going, go_on = Clock(), threading.Event(), threading.Event()
    made: list[int] = []

    def make() -> int:
        made.append(1)
        if len(made) == 2:
            going.set()
            assert go_on.wait(10)
        return len(made)

    kept = Kept(make, 2.0, clock)
    assert kept.get() == 1
    clock.now += 3.0
    thread = threading.Thread(target=kept.get)
    thread.start()
    assert going.wait(10)
    assert kept.get() == 1
    go_on.set()
    thread.join(10)
    assert (kept.get(), len(made)) == (2, 2)


def test_what_cannot_be_found_out_is_tried_again() -> None:
    outcomes = iter([OSError("no"), 7])

    def make() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, OSError):
            raise outcome
        return outcome

    kept = Kept(make)
    with pytest.raises(OSError, match="no"):
        kept.get()
    assert kept.get() == 7


def test_what_json_has_not_is_refused() -> None:
    assert plain({"a": (1, None, {True})}) == {"a": [1, None, [True]]}
    with pytest.raises(TypeError, match="bytes"):
        plain(b"x")


# ── the journal ─────────────────────────────────────────────────────────────────────────────────────────────────────


def numbers(of: Journals) -> list[str]:
    with of.open() as journal:
        return [str(number) for (number,) in journal.db.execute("SELECT number FROM objects ORDER BY number")]


def test_a_stopped_appliances_journal_is_read_on_and_a_running_ones_is_not(tmp_path: Path) -> None:
    history, clock, running = History(tmp_path), Clock(), [False]
    of = Journals(tmp_path, lambda: running[0], clock)
    history.tell("received", NUMBER)
    assert numbers(of) == [NUMBER]
    assert of.progress.is_whole
    history.tell("received", NUMBER[:-1] + "d")
    assert len(numbers(of)) == 1, "it is not looked for at each question"
    clock.now += 2.1
    assert len(numbers(of)) == 2
    running[0] = True
    history.tell("received", NUMBER[:-1] + "e")
    clock.now += 2.1
    assert len(numbers(of)) == 2
    assert of.progress.read < of.progress.whole
    of.close()


def test_very_much_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "LITTLE", 50)
    History(tmp_path).tell("received", NUMBER)
    of = Journals(tmp_path, lambda: False)
    assert numbers(of) == []
    assert (of.progress.read, of.progress.is_whole) == (0, False)
    of.close()


def test_it_is_followed_until_told_to_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "LOOK", 0.01)
    of, stopping = Journals(tmp_path, lambda: False), threading.Event()
    thread = threading.Thread(target=of.follow, args=(stopping,))
    thread.start()
    History(tmp_path).tell("received", NUMBER)
    end = time.monotonic() + 20
    while not numbers(of) and time.monotonic() < end:
        time.sleep(0.02)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    assert numbers(of) == [NUMBER]
    of.close()


def test_one_that_was_built_anew_is_opened_again_and_a_broken_look_leaves_nothing_behind(tmp_path: Path) -> None:
    History(tmp_path).tell("received", NUMBER)
    of = Journals(tmp_path, lambda: False)
    assert numbers(of) == [NUMBER]
    with Journal(tmp_path) as other:
        other.catch_up(rebuild=True)
    assert numbers(of) == [NUMBER]
    with pytest.raises(ZeroDivisionError), of.open():
        raise ZeroDivisionError
    assert numbers(of) == [NUMBER]
    of.close()
    assert numbers(of) == [NUMBER]


def test_several_threads_have_one_each(tmp_path: Path) -> None:
    History(tmp_path).tell("received", NUMBER)
    of = Journals(tmp_path, lambda: False)
    with of.open() as first, of.open() as second:
        assert first is not second
    of.close()


def test_what_is_missing_in_the_journal_is_read_while_no_appliance_runs(tmp_path: Path) -> None:
    house, stopping = House(Settings(data=tmp_path)), threading.Event()
    following = threading.Thread(target=house.follow, args=(stopping,))
    following.start()
    try:
        time.sleep(0.1)
        assert not list(tmp_path.iterdir()), "to look makes no spool"
        (tmp_path / "spool").mkdir()
        History(tmp_path / "spool").tell("received", NUMBER, sender="CT1")
        end = time.monotonic() + 20
        while not _numbers(tmp_path / "spool"):
            assert time.monotonic() < end, "it was not read"
            time.sleep(0.1)
    finally:
        stopping.set()
        following.join(20)
    assert not following.is_alive()


def _numbers(spool: Path) -> list[str]:
    """Those that are in the journal; nothing is taken in by this."""
    if not (spool / "journal.sqlite").exists():
        return []
    with Journal(spool) as journal:
        return [str(number) for (number,) in journal.db.execute("SELECT number FROM objects")]
