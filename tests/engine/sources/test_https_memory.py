"""Memory does not grow with what is posted, nor much with how many post at once. Measured in a process of its own."""

import selectors
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.data.make import instance
from tests.engine.sources.web import post, raw
from tests.scale import FULL

_PORT = """
import sys
from pathlib import Path
from engine.sources.https import HttpListener
from engine.sources.posted import House
work, count = Path(sys.argv[1]), iter(range(10**9))
listener = HttpListener(
    0, House(lambda upload: upload.file.unlink(), lambda: work / f"{next(count)}.dcm"), address="127.0.0.1"
)
listener.start()
print(listener.port, flush=True)
sys.stdin.read()
listener.stop()
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A port, and the process that it is of."""
    work = tmp_path / "work"
    work.mkdir()
    command = [sys.executable, "-c", _PORT, str(work)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield int(process.stdout.readline()), process.pid
        process.stdin.close()


def most_mb(pid: int) -> int:
    """The most memory that the process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) >> 10


def upload(port: int, clients: int, size: int, head: bytes, *, tail: bytes = b"") -> int:
    """So many bodies of this size at once, each a little at a time in turn; how many were acknowledged."""
    piece = bytes(64 << 10)
    left: dict[socket.socket, int] = {}
    answers: dict[socket.socket, bytes] = {}
    with selectors.DefaultSelector() as watched:
        for _ in range(clients):
            line = socket.create_connection(("127.0.0.1", port), timeout=60)
            line.sendall(post(b"", f"Content-Length: {len(head) + size + len(tail)}") + head)
            line.setblocking(False)
            left[line], answers[line] = size, b""
            watched.register(line, selectors.EVENT_READ | selectors.EVENT_WRITE)
        while left:
            for key, events in watched.select(60):
                line = key.fileobj
                assert isinstance(line, socket.socket)
                if events & selectors.EVENT_READ:
                    answers[line] += line.recv(1000)
                    watched.unregister(line)
                    del left[line]
                    line.close()
                elif left[line] > 0:
                    left[line] -= line.send(piece[: left[line]])
                    if left[line] == 0:
                        watched.modify(line, selectors.EVENT_READ)
    return sum(answer.endswith(b"OK") for answer in answers.values())


def test_a_large_body_takes_no_more_memory_than_a_small_one(port: tuple[int, int], tmp_path: Path) -> None:
    image = instance(tmp_path, name="a.dcm").read_bytes()
    raw(port[0], post(image))
    before = most_mb(port[1])
    assert upload(port[0], 1, 300 << 20, image) == 1
    assert most_mb(port[1]) - before < 12


@pytest.mark.parametrize(
    ("clients", "size"),
    [(60, 3 << 20), pytest.param(200, (100 if FULL else 8) << 20, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_many_at_once_stay_below_200_mb(port: tuple[int, int], tmp_path: Path, clients: int, size: int) -> None:
    assert upload(port[0], clients, size, instance(tmp_path, name="a.dcm").read_bytes()) == clients
    assert most_mb(port[1]) < 200


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_an_object_of_four_gigabytes_is_taken(port: tuple[int, int], tmp_path: Path) -> None:
    assert upload(port[0], 1, (4 << 30) + 1, instance(tmp_path, name="a.dcm").read_bytes()) == 1
    assert most_mb(port[1]) < 100
