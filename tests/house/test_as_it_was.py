"""What a test leaves changed in the process is noticed; a port that it was given is nobody else's."""

import logging
import os
import signal
import socket
from pathlib import Path

import pytest

from tests.conftest import changed, standing
from tests.ports import free_port


def test_whatever_is_left_changed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("stellwerk.of.this.test")
    before = standing()
    assert changed(before, standing()) == []
    monkeypatch.setattr(logger, "disabled", True)
    monkeypatch.setenv("STELLWERK_OF_THIS_TEST", "1")
    monkeypatch.chdir(tmp_path)
    mask = os.umask(0o027)
    after = standing()
    os.umask(mask)
    assert sorted(changed(before, after)) == [
        "STELLWERK_OF_THIS_TEST in the environment",
        "logger stellwerk.of.this.test",
        "the umask",
        "the working directory",
    ]
    monkeypatch.undo()
    logging.getLogger("stellwerk.of.a.module.imported.now").setLevel(logging.ERROR)
    assert changed(before, standing()) == []


def test_a_signal_that_is_handled_in_another_way_is_named() -> None:
    before = standing()
    kept = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    after = standing()
    signal.signal(signal.SIGUSR1, kept)
    assert changed(before, after) == ["what SIGUSR1 does"]


def test_a_port_is_refused_until_its_test_listens_and_nobody_else_can_be_given_it() -> None:
    port = free_port()
    with socket.socket() as asking:
        assert asking.connect_ex(("127.0.0.1", port)) != 0
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with socket.create_server(("", port)) as server, socket.create_connection(("127.0.0.1", port)) as line:
        assert line.getpeername()[1] == server.getsockname()[1] == port
