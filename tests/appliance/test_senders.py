"""What an appliance sends by: one sender for each outbox, whoever asks for it, and however many at once."""

import threading
import time
from pathlib import Path

import pytest

from appliance.appliance import Appliance
from appliance.settings import Settings
from engine.program import Program
from engine.pump import Sender


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
