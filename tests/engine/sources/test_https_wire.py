"""What a web port makes of bytes that are no honest request: doubtful framing, endless headers, bodies drop by drop."""

import socket
import threading
import time
from pathlib import Path

import pytest

from engine.sources.https import HttpListener
from tests.data.make import instance
from tests.engine.sources.web import QUICK, SENDER, Listen, Shelf, is_ok, post, raw, rest, status, wait


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return instance(tmp_path, name="image.dcm").read_bytes()


# --- framing that could be read in two ways


@pytest.mark.parametrize(
    "lines",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Content-Length: 5", "Content-Length: 6"),
        ("Content-Length: -5",),
        ("Content-Length: +5",),
        ("Content-Length: 0x5",),
        ("Content-Length: 5 5",),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
        ("Content-Length : 5",),
        ("X: a", " folded: b", "Content-Length: 5"),
        ("X: a\0b", "Content-Length: 5"),
    ],
)
def test_a_body_whose_end_is_doubtful_is_never_taken(listen: Listen, shelf: Shelf, lines: tuple[str, ...]) -> None:
    answer = raw(listen().port, post(b"0\r\n\r\nPOST / HTTP/1.1\r\n\r\n", *lines))
    assert status(answer) in (0, 400, 404)
    assert answer.count(b"HTTP/1.1") <= 1
    assert not shelf.uploads
    wait(shelf.is_tidy)


@pytest.mark.parametrize(
    "bad", [b"zz\r\nabc", b"-1\r\nabc", b"5;\r\nabcde\r\n0\r\n\r\n", b"3\r\nabcde\r\n", b"f" * 100]
)
def test_chunks_that_are_none_are_not_taken(listen: Listen, shelf: Shelf, bad: bytes) -> None:
    assert status(raw(listen().port, post(b"", "Transfer-Encoding: chunked") + bad, shut=True)) in (0, 400)
    assert not shelf.uploads
    wait(shelf.is_tidy)


def test_a_header_without_end_is_cut_off(listen: Listen) -> None:
    assert status(raw(listen().port, b"POST / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000)) in (0, 400)


def test_a_fault_in_a_request_is_not_in_the_log(listen: Listen, image: bytes, caplog: pytest.LogCaptureFixture) -> None:
    name = 'Content-Disposition: attachment; filename="Mustermann\x01"'
    raw(listen().port, post(image, name))
    raw(listen().port, SENDER % (b"Mustermann.dcm", 5, b"abcde"))
    assert "Mustermann" not in caplog.text


# --- who is slow


def test_who_does_not_send_its_header_is_cut_off(listen: Listen) -> None:
    with socket.create_connection(("127.0.0.1", listen(pace=QUICK).port), timeout=10) as line:
        line.sendall(b"POST / HTTP/1.1\r\nX:")
        begun = time.monotonic()
        assert line.recv(10) == b""
        assert time.monotonic() - begun < 8


def test_who_sends_a_body_drop_by_drop_is_cut_off(listen: Listen, shelf: Shelf) -> None:
    with socket.create_connection(("127.0.0.1", listen(pace=QUICK).port), timeout=10) as line:
        line.sendall(post(b"", "Content-Length: 1000000"))
        line.settimeout(0.1)
        end = time.monotonic() + 10
        closed = False
        while not closed and time.monotonic() < end:
            try:
                line.sendall(b"x")
                closed = line.recv(10) == b""
            except TimeoutError:
                continue
            except ConnectionError:
                closed = True
        assert closed
    wait(shelf.is_tidy)
    assert not shelf.uploads


def test_who_is_slow_but_steady_is_served(listen: Listen, image: bytes) -> None:
    whole = post(image)
    with socket.create_connection(("127.0.0.1", listen(pace=QUICK).port), timeout=10) as line:
        for at in range(0, len(whole), 120):
            line.sendall(whole[at : at + 120])
            time.sleep(0.15)
        assert is_ok(rest(line))


# --- the end


def test_what_has_begun_ends_before_the_port_does(listen: Listen, shelf: Shelf, image: bytes) -> None:
    listener = listen()
    whole = post(image)
    with socket.create_connection(("127.0.0.1", listener.port), timeout=10) as line:
        line.sendall(whole[:-10])
        wait(lambda: bool(listener.requests))
        stopping = threading.Thread(target=listener.stop, args=(5,))
        stopping.start()
        time.sleep(0.2)
        line.sendall(whole[-10:])
        assert is_ok(rest(line))
        stopping.join(10)
    assert shelf.bytes() == [image]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", listener.port), timeout=1)


def test_a_port_that_is_taken_says_so(listen: Listen, shelf: Shelf) -> None:
    with pytest.raises(OSError, match="another program uses it"):
        HttpListener(listen().port, shelf.house(), address="127.0.0.1").start()
