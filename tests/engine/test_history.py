"""The history is written ahead, also where several threads write and flush it at once."""

import threading
from pathlib import Path

import pytest

from engine import files
from engine.history import History


@pytest.mark.parametrize("at_once", [True, False], ids=["while", "after"])
def test_what_is_recorded_while_another_flushes_is_flushed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool
) -> None:
    history = History(tmp_path)
    history.record("delivered", "first")
    flushing, go_on = threading.Event(), threading.Event()
    durable: list[bytes] = []

    def sync(path: Path) -> None:
        if path.suffix == ".jsonl":
            durable[:] = [path.read_bytes()]
            flushing.set()
            go_on.wait(10)

    monkeypatch.setattr(files, "sync", sync)
    other = threading.Thread(target=history.sync)
    other.start()
    flushing.wait(10)
    history.record("delivered", "second")
    if at_once:
        mine = threading.Thread(target=history.sync)
        mine.start()
        mine.join(0.1)
        assert mine.is_alive(), "nobody goes on before it is flushed"
    go_on.set()
    other.join(10)
    if at_once:
        mine.join(10)
    else:
        history.sync()
    assert b"second" in durable[0], "whoever has asked for a flush has got one"


def test_what_could_not_be_flushed_is_flushed_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path)
    history.record("delivered", "first")
    tried: list[Path] = []

    def sync(path: Path) -> None:
        tried.append(path)
        if len(tried) == 1:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(files, "sync", sync)
    with pytest.raises(OSError, match="Input"):
        history.sync()
    history.sync()
    assert len(tried) == 2


def test_who_tells_while_another_writes_goes_on_and_the_line_is_written_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = History(tmp_path)
    history.tell("received", "1")
    writing, go_on = threading.Event(), threading.Event()
    really = files.append

    def append(path: Path, data: bytes) -> None:
        writing.set()
        go_on.wait(10)
        really(path, data)

    monkeypatch.setattr(files, "append", append)
    other = threading.Thread(target=history.tell, args=("received", "2"))
    other.start()
    writing.wait(10)
    history.tell("received", "3")
    assert [line["object"] for line in history.lines()] == ["1"], "it has not waited for the disk"
    go_on.set()
    other.join(10)
    assert [line["object"] for line in history.lines()] == ["1", "2", "3"]


def test_what_is_recorded_stands_behind_what_was_told_before_also_where_that_was_not_written_yet(
    tmp_path: Path,
) -> None:
    history = History(tmp_path)
    with history._writing:
        history.tell("received", "1")
    assert not history.events.exists()
    history.record("delivered", "1")
    assert [line["event"] for line in history.lines()] == ["received", "delivered"]


def test_a_line_is_json_whatever_signs_are_in_it(tmp_path: Path) -> None:
    history = History(tmp_path)
    sender = 'A"B\\C\n\x00é\u2028/'
    history.tell("received", "1", sender=sender, why="")
    [line] = history.lines()
    assert line == {"at": line["at"], "event": "received", "object": "1", "sender": sender}


@pytest.mark.parametrize("gone", ["moved", "removed"])
def test_what_is_noted_after_a_person_has_moved_the_file_is_where_it_is_looked_for(tmp_path: Path, gone: str) -> None:
    history = History(tmp_path)
    history.tell("received", "1")
    history.tell("received", "2")
    [path] = history.events.iterdir()
    if gone == "moved":
        path.rename(tmp_path / "aside")
    else:
        path.unlink()
    history.tell("received", "3")
    history.record("delivered", "3")
    history.sync()
    assert [line["event"] for line in history.lines()] == ["received", "delivered"]


def test_many_that_tell_and_record_at_once_leave_no_line_behind(tmp_path: Path) -> None:
    history = History(tmp_path)

    def both(number: int) -> None:
        for at in range(100):
            history.tell("received", f"{number}-{at}")
            history.record("delivered", f"{number}-{at}")
            history.sync()

    threads = [threading.Thread(target=both, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    lines = [(line["event"], line["object"]) for line in history.lines()]
    assert len(lines) == len(set(lines)) == 1600
    assert all(lines.index(("received", one)) < at for at, (event, one) in enumerate(lines) if event == "delivered")


def test_keys_are_durable_with_the_next_sync_also_where_the_disk_has_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the promise that takes an object out of `incoming`: nobody could say later by what it is searched."""
    history, refuses = History(tmp_path), [False]
    flushed: list[bytes] = []

    def sync(path: Path) -> None:
        if path.suffix != ".jsonl":
            return
        if refuses[0]:
            raise OSError(5, "Input/output error")
        flushed.append(path.read_bytes())

    monkeypatch.setattr(files, "sync", sync)
    history.tell("received", "one")
    history.sync()
    assert not flushed, "what is only told waits for no disk"
    history.record_keys([("one", {"id": "P1"})])
    refuses[0] = True
    with pytest.raises(OSError, match="Input/output"):
        history.sync()
    refuses[0] = False
    history.sync()
    assert len(flushed) == 1
    assert b"P1" in flushed[0]
    history.sync()
    assert len(flushed) == 1, "nothing is new"


def test_keys_that_find_no_room_stop_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(tmp_path)

    def append(_path: Path, _data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "append", append)
    history.record_keys([("one", {"id": "P1"})])
    history.sync()


def test_a_day_that_was_dropped_meanwhile_needs_no_flush(tmp_path: Path) -> None:
    history = History(tmp_path)
    history.record("delivered", "one")
    [day] = history.events.iterdir()
    history.drop(day.stem)
    history.sync()
