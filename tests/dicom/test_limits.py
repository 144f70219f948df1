"""What one sender may ask for: associations, time and room. Who asks for more keeps its image; nothing is left."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.dicom import Listener, Pace, echo
from tests.dicom.conftest import Inbox, Listen, dataset_of, left_in, to, until
from tests.dicom.pdus import RELEASE, STORE, established, p_data, pdv, request, stored
from tests.dicom.test_refusing import rejection


@contextlib.contextmanager
def associated(listener: Listener) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as sock:
        established(sock, request())
        yield sock


def aborted(sock: socket.socket) -> bool:
    """Whether the next that comes is an A-ABORT of the provider, and then the end."""
    answer = b""
    while piece := sock.recv(100):
        answer += piece
    return answer[:1] == b"\7" and answer[8] == 2


def test_a_large_object_is_refused_and_the_next_one_taken(
    listen: Listen, inbox: Inbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with associated(listen(most_bytes=1_000_000)) as sock:
        piece = bytes(100_000)
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, piece)) * 10 + p_data(pdv(2, b"ab")))
        assert stored(sock) == 0xA700
        assert left_in(tmp_path / "in") == []
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, piece)) * 9 + p_data(pdv(2, piece)))
        assert stored(sock) == 0
        sock.sendall(RELEASE)
        assert sock.recv(10)[0] == 6
    assert [len(dataset_of(one.dataset_file)) for one in inbox.received] == [1_000_000]
    assert "receive_most_mb" in caplog.text


def test_a_sender_that_drips_cannot_hold_a_thread(listen: Listen, inbox: Inbox, tmp_path: Path) -> None:
    listener = listen(pace=Pace(idle_seconds=5, least_rate=1000, rate_seconds=0.5))
    with associated(listener) as sock:
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, bytes(300))))

        def drip() -> None:
            """Never idle, for 40 seconds."""
            for _ in range(400):
                sock.sendall(p_data(pdv(0, b"ab")))
                time.sleep(0.1)

        with pytest.raises(ConnectionError):
            drip()
        until(lambda: not listener.associations)
    assert inbox.received == []
    until(lambda: left_in(tmp_path / "in") == [])


def test_a_sender_that_stops_within_an_object_is_given_up_before_it_is_merely_idle(
    listen: Listen, inbox: Inbox, tmp_path: Path
) -> None:
    with associated(listen(pace=Pace(idle_seconds=60, rate_seconds=0.5))) as sock:
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, bytes(400))))
        assert aborted(sock)
    assert inbox.received == []
    until(lambda: left_in(tmp_path / "in") == [])


def test_a_pause_between_two_objects_is_no_slowness(listen: Listen, inbox: Inbox) -> None:
    with associated(listen(pace=Pace(idle_seconds=60, rate_seconds=0.3, message_seconds=1))) as sock:
        for _ in range(3):
            sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(2, b"ab")))
            assert stored(sock) == 0
            time.sleep(0.8)
    assert len(inbox.received) == 3


def test_no_object_takes_for_ever(listen: Listen, tmp_path: Path) -> None:
    listener = listen(pace=Pace(idle_seconds=60, message_seconds=0.5))
    with associated(listener) as sock:
        sock.sendall(p_data(pdv(3, STORE)))
        with contextlib.suppress(ConnectionError):
            for _ in range(40):
                sock.sendall(p_data(pdv(0, bytes(10_000))))
                time.sleep(0.05)
        until(lambda: not listener.associations)
    until(lambda: left_in(tmp_path / "in") == [])


def test_one_address_cannot_take_the_place_of_all(listen: Listen) -> None:
    listener = listen(max_associations=10, max_associations_each=2)
    with associated(listener), associated(listener):
        assert rejection(listener.port) == (2, 3, 2)
    until(lambda: not listener.associations)
    echo(to(listener))


def test_connections_that_ask_for_nothing_are_closed_beyond_a_number(listen: Listen) -> None:
    listener = listen(max_associations=10, max_associations_each=1)
    with contextlib.ExitStack() as opened:
        silent = [
            opened.enter_context(socket.create_connection(("127.0.0.1", listener.port), timeout=10)) for _ in range(30)
        ]
        for sock in silent[-5:]:
            assert sock.recv(1) == b""
    until(lambda: not listener._running)
    echo(to(listener))
