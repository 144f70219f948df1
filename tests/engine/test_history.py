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
