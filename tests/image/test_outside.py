"""The stranger at the door finds what is open, what says it is closed, and whom the machine calls."""

import socket
import struct
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address

import pytest

from tests.image.outside import Outside
from tests.ports import free_port

GUEST = IPv4Address("10.0.2.15")
MAC = bytes.fromhex("525400123456")


class Fake:
    """A machine of three ports: 5 and 300 are open, 7 says that it is closed. For a while it is deaf."""

    def __init__(self, hub: tuple[int, int]) -> None:
        self._to = ("127.0.0.1", hub[0])
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.bind(("127.0.0.1", hub[1]))
        self._count = 0
        threading.Thread(target=self._live, daemon=True).start()

    def say(self, to: bytes, kind: int, protocol: int, ports: tuple[int, int], flags: int = 2) -> None:
        """A frame of its own."""
        rest = struct.pack(">HHIIBBHHH", *ports, 9, 2, 5 << 4, flags, 1024, 0, 0)
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(rest), 0, 0, 64, protocol, 0) + GUEST.packed + to
        self._line.sendto(bytes(6) + MAC + struct.pack(">H", kind) + head + rest, self._to)

    def _live(self) -> None:
        while True:
            try:
                frame = self._line.recv(2000)
            except OSError:
                return
            self._count += 1
            if 5 < self._count < 300:
                continue
            if frame[12:14] == b"\x08\x06":
                answer = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + MAC + GUEST.packed + frame[22:32]
                self._line.sendto(frame[6:12] + MAC + b"\x08\x06" + answer, self._to)
                continue
            theirs, port = struct.unpack_from(">HH", frame, 34)
            if frame[47] == 2 and port in (5, 300, 7):
                self.say(frame[26:30], 0x0800, 6, (port, theirs), 18 if port != 7 else 20)

    def close(self) -> None:
        """Off."""
        self._line.close()


@pytest.fixture
def hub() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def outside(hub: tuple[int, int]) -> Iterator[Outside]:
    one = Outside(hub, GUEST)
    yield one
    one.close()


@pytest.fixture
def fake(hub: tuple[int, int]) -> Iterator[Fake]:
    one = Fake(hub)
    yield one
    one.close()


@pytest.mark.usefixtures("fake")
def test_it_finds_what_is_open_and_what_says_it_is_closed_also_where_frames_are_lost(outside: Outside) -> None:
    assert outside.scan(5, range(1, 1001), 30) == ({5, 300}, {7})


def test_it_says_so_where_nobody_answers(outside: Outside) -> None:
    with pytest.raises(TimeoutError, match="does not say that it is there"):
        outside.scan(5, range(1, 10), 0.5)


def test_it_notes_whom_the_machine_calls(outside: Outside, fake: Fake) -> None:
    outside.find(10)
    fake.say(IPv4Address("10.0.2.2").packed, 0x0800, 6, (40000, 11112))
    fake.say(IPv4Address("10.0.2.3").packed, 0x0800, 17, (40000, 53))
    fake.say(IPv4Address("10.0.2.2").packed, 0x0800, 6, (40001, 11113), 16)  # an answer is no call
    outside.scan(5, range(1, 600), 30)
    assert outside.called == {("tcp", "10.0.2.2", 11112), ("udp", "10.0.2.3", 53)}
