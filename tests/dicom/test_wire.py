"""The upper layer byte by byte: odd fragments, breaches of protocol, silence, and the end of a listener."""

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.dicom import Pace, echo, send
from engine.dicom.associate import decode_request
from engine.dicom.command import Command, encode
from engine.errors import Later
from tests.dicom.conftest import CT, Inbox, Listen, Outbox, dataset_of, left_in, to, until, write_object
from tests.dicom.pdus import RELEASE, STORE, established, p_data, pdv, request, stored


@contextmanager
def wire(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        yield sock


def all_of(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def test_fragments_of_any_size_and_several_in_a_pdu_are_put_together(listen: Listen, inbox: Inbox) -> None:
    with wire(listen().port) as sock:
        established(sock, request())
        command = [pdv(1, STORE[n : n + 10]) for n in range(0, len(STORE), 10)] + [pdv(3, b"")]
        sock.sendall(
            p_data(*command, pdv(0, b"abc"), pdv(0, b""), pdv(0, b"d")) + p_data(pdv(0, b"e")) + p_data(pdv(2, b"f"))
        )
        assert stored(sock) == 0
        for byte in p_data(pdv(3, STORE)) + p_data(pdv(2, b"gh")):
            sock.sendall(bytes([byte]))
        assert stored(sock) == 0
        sock.sendall(RELEASE)
        assert all_of(sock) == b"\6" + RELEASE[1:]
    assert [dataset_of(reception.dataset_file) for reception in inbox.received] == [b"abcdef", b"gh"]


def test_ae_titles_beyond_ascii_or_blank_do_not_keep_a_device_out(listen: Listen, inbox: Inbox) -> None:
    listener = listen()
    for calling in ("RÖNTGEN".encode("latin-1"), b"", b"\0" * 16):
        with wire(listener.port) as sock:
            established(sock, request(calling=calling))
            sock.sendall(p_data(pdv(3, STORE), pdv(2, b"ab")))
            assert stored(sock) == 0
    assert [reception.calling_ae for reception in inbox.received] == ["RÖNTGEN", "", ""]


def for_ever(sock: socket.socket, data: bytes) -> NoReturn:
    while True:
        sock.sendall(data)


@pytest.mark.filterwarnings("ignore")  # pydicom's, about the long UID
@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00" + bytes(300),  # TLS
        b"\1\0\xff\xff\xff\xff",
        b"\1\0\0\0\0\4abcd",
        request(syntax=b"1" * 300),
        request()[:80] + os.urandom(40) + request()[120:],
        p_data(pdv(3, STORE)),
        RELEASE,
    ],
)
def test_garbage_ends_in_an_abort_and_harms_nobody(garbage: bytes, listen: Listen) -> None:
    listener = listen()
    with wire(listener.port) as sock:
        sock.sendall(garbage)
        answer = all_of(sock)
        assert answer == b"" or answer[0] in (2, 3, 7)
    echo(to(listener))


@pytest.mark.parametrize(
    "nonsense",
    [
        p_data(pdv(2, b"ab")),  # a dataset without a command
        p_data(pdv(3, STORE, context=3)),  # a context that was not accepted
        p_data(pdv(3, STORE), pdv(3, STORE)),  # a command where a dataset should be
        p_data(pdv(3, b"\1\2\3\4\5\6\7\x08")),
        p_data(pdv(3, STORE), pdv(0, b"ab")) + RELEASE,
        b"\4\0\0\0\0\x0a" + struct.pack(">IBB", 500, 1, 3) + b"abcd",  # longer than its PDU
        b"\4\0\0\0\0\6" + struct.pack(">IBB", 1, 1, 3),  # a value that has no room for its own head
        b"\4\0\0\0\0\6" + struct.pack(">IBB", 0, 1, 3),
        b"\4\0\0\0\0\0" + RELEASE,  # a PDU of data without any
        b"\4\0\x7f\xff\xff\xff" + pdv(0, b"ab"),  # a PDU of two gigabytes
        p_data(pdv(3, STORE), pdv(0, b"ab")) + b"\x63\0\0\0\0\0",
        b"\x63\0\0\0\0\0",
        request(),
    ],
)
def test_a_breach_of_protocol_is_aborted_by_the_provider_and_leaves_no_file(
    nonsense: bytes, listen: Listen, tmp_path: Path
) -> None:
    with wire(listen().port) as sock:
        established(sock, request())
        sock.sendall(nonsense)
        answer = all_of(sock)
    assert (answer[0], answer[8]) == (7, 2)
    until(lambda: not left_in(tmp_path / "in"))


def test_a_sender_that_vanishes_in_the_middle_of_an_object_leaves_no_file(
    listen: Listen, inbox: Inbox, tmp_path: Path
) -> None:
    with wire(listen().port) as sock:
        established(sock, request())
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, bytes(100_000))))
        until(lambda: bool(left_in(tmp_path / "in")))
    until(lambda: not left_in(tmp_path / "in"))
    assert inbox.received == []


def test_an_idle_association_is_ended(listen: Listen) -> None:
    listener = listen(pace=Pace(idle_seconds=0.3))
    with wire(listener.port) as sock:
        established(sock, request())
        assert all_of(sock)[0] == 7
    until(lambda: not listener.associations)


def test_an_operation_we_do_not_offer_is_answered_so(listen: Listen, inbox: Inbox) -> None:
    with wire(listen().port) as sock:
        established(sock, request())
        sock.sendall(p_data(pdv(3, encode(Command(0x0020, 1, CT, has_dataset=True)))) + p_data(pdv(2, b"ab")))
        assert stored(sock) == 0x0211
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(2, b"ab")))
        assert stored(sock) == 0
    assert len(inbox.received) == 1


def test_stop_lets_a_running_association_finish(listen: Listen, inbox: Inbox) -> None:
    listener = listen()
    with wire(listener.port) as sock:
        established(sock, request())
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, b"ab")))
        stopping = threading.Thread(target=listener.stop, args=(10,))
        stopping.start()
        time.sleep(0.2)
        with pytest.raises(Later, match="refuses the connection"):
            echo(to(listener))
        sock.sendall(p_data(pdv(2, b"cd")))
        assert stored(sock) == 0
        sock.sendall(RELEASE)
        assert all_of(sock)[0] == 6
        stopping.join(5)
        assert not stopping.is_alive()
    assert dataset_of(inbox.received[0].dataset_file) == b"abcd"


def test_stop_aborts_what_has_not_finished_in_time(listen: Listen, inbox: Inbox, tmp_path: Path) -> None:
    listener = listen()
    with wire(listener.port) as sock:
        established(sock, request())
        sock.sendall(p_data(pdv(3, STORE)) + p_data(pdv(0, b"ab")))
        until(lambda: bool(left_in(tmp_path / "in")))
        began = time.monotonic()
        stopping = threading.Thread(target=listener.stop, args=(0.3,))
        stopping.start()
        assert all_of(sock)[0] == 7
        sock.close()
        stopping.join(5)
        assert 0.3 <= time.monotonic() - began < 3
    assert inbox.received == []
    assert left_in(tmp_path / "in") == []


def test_stop_aborts_a_sender_that_never_pauses(listen: Listen, inbox: Inbox, tmp_path: Path, outbox: Outbox) -> None:
    path = write_object(tmp_path / "endless.dcm")
    with path.open("ab") as file:
        file.truncate(50_000_000_000)  # sparse: 50 GB would take a minute
    listener = listen()
    sender = threading.Thread(target=send, args=(to(listener), [path], outbox.report))
    sender.start()
    until(lambda: bool(left_in(tmp_path / "in")))
    began = time.monotonic()
    listener.stop(grace=0.2)
    assert time.monotonic() - began < 4
    sender.join(10)
    assert isinstance(outbox.outcomes[0], Later)
    assert inbox.received == []
    assert left_in(tmp_path / "in") == []


def test_a_sender_that_waits_for_room_hears_at_once_that_the_listener_stops(listen: Listen, inbox: Inbox) -> None:
    inbox.gate = threading.Event()
    listener = listen()
    with wire(listener.port) as sock:
        established(sock, request())
        sock.sendall(p_data(pdv(3, STORE), pdv(2, b"ab")) + p_data(pdv(3, STORE)))
        endless = p_data(pdv(0, bytes(100_000)))
        sock.settimeout(0.5)
        with pytest.raises(TimeoutError):  # as the listener is at the first object still, and reads nothing
            for_ever(sock, endless)
        stopping = threading.Thread(target=listener.stop, args=(0.1,))
        stopping.start()
        time.sleep(0.4)
        inbox.gate.set()
        sock.settimeout(10)
        with pytest.raises(ConnectionError):
            for_ever(sock, endless)
        stopping.join(10)
    assert listener.associations == 0


@given(st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), min_size=1, max_size=5))
@pytest.mark.filterwarnings("ignore")  # pydicom's, about the UIDs that come of it
def test_a_mangled_association_request_is_read_or_refused(changes: list[tuple[int, bytes]]) -> None:
    body = bytearray(request()[6:])
    for position, replacement in changes:
        body[position : position + len(replacement)] = replacement
    with contextlib.suppress(ValueError):  # and nothing else
        assert decode_request(bytes(body)).application_context is not None
