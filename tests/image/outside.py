"""The network around a machine, seen frame by frame: which ports answer to a stranger, and whom the machine calls.

QEMU's hub sends every frame of the machine's network to a UDP port of 127.0.0.1, and takes frames from another one. So
all 65,535 TCP ports can be knocked at from an address of their own, past QEMU's forwarding (RFC 9293 for TCP, RFC 826
for ARP). Ports that are known to be open are knocked at in between: what they do not answer was not heard, and is
knocked at again. It must not know what runs in the machine.
"""

import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address

STRANGER = IPv4Address("10.0.2.77")
_MAC = bytes.fromhex("5254007e5701")
_SYN, _RST, _SYN_ACK = 2, 4, 18
_TCP, _UDP = 6, 17
BATCH, LEAST = 256, 16
"""So many ports are knocked at between two knocks at one that is known to be open; fewer, where that was not heard."""


@dataclass
class Outside:
    """A stranger in the network of a machine. `hub`: the two UDP ports of 127.0.0.1 that the machine was given."""

    hub: tuple[int, int]
    guest: IPv4Address
    called: set[tuple[str, str, int]] = field(default_factory=set)
    """Whom the machine has called by itself: `tcp` or `udp`, address and port."""

    def __post_init__(self) -> None:
        """Listen from now on."""
        self._line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._line.bind(("127.0.0.1", self.hub[0]))
        self._mac: bytes | None = None
        self._open: set[int] = set()
        self._closed: set[int] = set()
        self._heard: set[tuple[int, int]] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Go away."""
        self._line.close()

    def scan(
        self, known: int, ports: Sequence[int] = range(1, 65536), seconds: float = 240
    ) -> tuple[set[int], set[int]]:
        """Knock at these ports: those that are open, and those that say they are closed. The others do not answer.

        known: one that is open. Raises TimeoutError where the machine does not hear us.
        """
        end = time.monotonic() + seconds
        self.find(end - time.monotonic())
        mark, done, many = 50000, 0, BATCH
        while done < len(ports):
            if time.monotonic() > end:
                raise TimeoutError("the machine answers nobody any more")
            batch = ports[done : done + many]
            mark = mark + 2 if mark < 65000 else 50000
            self._knock(known, mark)
            for port in batch:
                self._knock(port, 40000)
            self._knock(known, mark + 1)
            if self._hears((known, mark + 1), 1.0) and self._hears((known, mark), 0.1):
                done += len(batch)
            else:
                many = max(LEAST, many // 2)
        time.sleep(1)
        return set(self._open), set(self._closed)

    def _hears(self, what: tuple[int, int], seconds: float) -> bool:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if what in self._heard:
                return True
            time.sleep(0.002)
        return False

    def find(self, seconds: float) -> None:
        """Ask who has its address (ARP): nothing that others say in its name counts, QEMU's own network among them.

        Raises TimeoutError.
        """
        end = time.monotonic() + seconds
        while self._mac is None:
            ask = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + _MAC + STRANGER.packed + bytes(6) + self.guest.packed
            self._send(b"\xff" * 6, 0x0806, ask)
            if time.monotonic() > end:
                raise TimeoutError("the machine does not say that it is there")
            time.sleep(0.3)

    def _send(self, to: bytes, kind: int, data: bytes) -> None:
        self._line.sendto((to + _MAC + struct.pack(">H", kind) + data).ljust(60, b"\0"), ("127.0.0.1", self.hub[1]))

    def _knock(self, port: int, ours: int, flags: int = _SYN, sequence: int = 1) -> None:
        assert self._mac is not None
        ends = STRANGER.packed + self.guest.packed
        tcp = struct.pack(">HHIIBBHHH", ours, port, sequence, 0, 5 << 4, flags, 1024, 0, 0)
        summed = _checksum(ends + struct.pack(">HH", _TCP, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack(">H", summed) + tcp[18:]
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, _TCP, 0) + ends
        self._send(self._mac, 0x0800, head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + tcp)

    def _listen(self) -> None:
        while True:
            try:
                frame = self._line.recv(65536)
            except OSError:
                return
            if len(frame) < 34:
                continue
            if frame[12:14] == b"\x08\x06":
                self._arp(frame)
            elif frame[6:12] == self._mac and frame[12:14] == b"\x08\x00" and frame[26:30] == self.guest.packed:
                self._ip(frame)

    def _arp(self, frame: bytes) -> None:
        asks, sender_mac, sender, asked = frame[21] == 1, frame[22:28], frame[28:32], frame[38:42]
        if sender == self.guest.packed:
            self._mac = sender_mac
        if asks and asked == STRANGER.packed:
            answer = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 2) + _MAC + STRANGER.packed + sender_mac + sender
            self._send(sender_mac, 0x0806, answer)

    def _ip(self, frame: bytes) -> None:
        at = 14 + (frame[14] & 15) * 4
        to, kind = IPv4Address(frame[30:34]), frame[23]
        if kind not in (_TCP, _UDP) or len(frame) < at + 14:
            return
        from_port, to_port = struct.unpack_from(">HH", frame, at)
        flags = frame[at + 13]
        if to != STRANGER:
            if kind == _UDP or flags & _SYN_ACK == _SYN:
                self.called.add(("udp" if kind == _UDP else "tcp", str(to), to_port))
        elif kind == _TCP and flags & _RST:
            self._closed.add(from_port)
            self._heard.add((from_port, to_port))
        elif kind == _TCP and flags & _SYN_ACK == _SYN_ACK:
            self._open.add(from_port)
            self._heard.add((from_port, to_port))
            self._knock(from_port, to_port, _RST, 2)


def _checksum(data: bytes) -> int:
    """As IP and TCP have it (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
