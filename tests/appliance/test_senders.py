"""What an appliance sends by: one sender for each outbox, whoever asks for it; and what gives way to them."""

import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.appliance import Appliance
from appliance.settings import Settings
from engine.program import Program
from engine.pump import Sender
from engine.spool import Spool


def test_threads_that_ask_at_once_get_the_same_sender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would each keep a pool of associations open, and a destination get twice as many as the rules allow."""
    appliance = Appliance(Settings(data=tmp_path / "data", address="127.0.0.1"), Program())
    really = appliance._make_sender

    def slowly(name: str) -> Sender | None:
        made = really(name)
        time.sleep(0.2)
        return made

    monkeypatch.setattr(appliance, "_make_sender", slowly)
    got: list[Sender | None] = []
    threads = [threading.Thread(target=lambda: got.append(appliance._sender("archive.store"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    appliance.stop()
    assert len(got) == 4
    assert len({id(one) for one in got}) == 1


def test_the_tidying_after_a_start_rests_beside_them_and_ends_with_the_appliance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.tidying.REST", 0.01)
    began: queue.Queue[Callable[[], bool]] = queue.Queue()
    monkeypatch.setattr(Spool, "tidy", lambda _spool, _before, rest: began.put(rest))
    appliance = Appliance(Settings(data=tmp_path / "data", address="127.0.0.1"), Program())
    appliance.start()
    rest = began.get(timeout=30)
    try:
        assert not rest()
    finally:
        appliance.stop()
    assert rest()
