"""Protocol data units of the DICOM upper layer (PS3.8 9.3) over one socket, as calls that block.

What an acceptor reads in bulk goes through a faster loop (inbound.py). Must not know what the bytes mean: not commands,
not datasets, not what an association proposes.
"""

import contextlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from engine.tls import HANDSHAKE_SECONDS, words

A_ASSOCIATE_RQ, A_ASSOCIATE_AC, A_ASSOCIATE_RJ, P_DATA_TF, A_RELEASE_RQ, A_RELEASE_RP, A_ABORT = range(1, 8)

# What DCMTK sends at most. More brings nothing (design/performance.md: ±15 % from 16 K to 1 M), less costs calls.
MAX_PDU = 131072
_MOST_CONTROL_BYTES = 1 << 20  # 128 contexts with all known transfer syntaxes need a third of this

# A-ABORT sources and reasons, PS3.8 Table 9-26
SERVICE_USER, SERVICE_PROVIDER = 0, 2
NOT_SPECIFIED, UNRECOGNIZED_PDU, UNEXPECTED_PDU, INVALID_PARAMETER_VALUE = 0, 1, 2, 6

_TLS_HANDSHAKE = 22  # what a record of TLS begins with (RFC 8446 5.1); no PDU does
_LOOK_SECONDS = 0.25  # how often whoever sends may look around while the peer reads nothing

_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only


class LostError(Exception):
    """The association ended without a release: closed, aborted, silent for too long, or interrupted by us."""


class AbortedError(LostError):
    """The peer said A-ABORT."""


class SilentError(LostError):
    """Nothing came for as long as we were willing to wait."""


class ViolationError(Exception):
    """The peer broke the protocol; `reason` is what our A-ABORT says."""

    def __init__(self, words: str, reason: int = NOT_SPECIFIED) -> None:
        super().__init__(words)
        self.reason = reason


class Value(NamedTuple):
    """The head of a presentation data value (PS3.8 Annex E.2); `length` bytes follow on the connection."""

    context_id: int
    is_command: bool
    is_last: bool
    length: int


class Connection:
    """One TCP connection that speaks the upper layer. One thread uses it; only `interrupt` may come from another."""

    def __init__(self, sock: socket.socket, patience: float) -> None:
        self._socket = sock
        self._buffer = memoryview(bytearray(MAX_PDU))
        self._left = 0  # bytes of the current P-DATA-TF not yet read
        self._interrupted = False
        self._deadline: float | None = None
        self._poll = select.poll()  # not select(), which fails beyond 1024 open files
        self._poll.register(sock, select.POLLIN)
        self.wait_up_to(patience)
        with contextlib.suppress(OSError):  # a peer that is gone already shows at the first read
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def wait_up_to(self, seconds: float, *, in_all: bool = False) -> None:
        """Give up after so long without a byte; with `in_all`, after so long however many bytes drip in."""
        self._deadline = time.monotonic() + seconds if in_all else None
        self._patience = seconds
        self._socket.settimeout(seconds)

    def has_news(self, seconds: float) -> bool:
        """Whether something can be read, or the end of the connection, within so long."""
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True  # decrypted already, and so no longer to be seen from outside
        return bool(self._poll.poll(seconds * 1000))

    def fileno(self) -> int:
        """The number of its socket, for whoever watches several."""
        return self._socket.fileno()

    def shake_hands(self) -> None:
        """Where the socket has TLS on it, its handshake, within a limit of time. LostError when it fails."""
        if not isinstance(self._socket, ssl.SSLSocket):
            return
        self._socket.settimeout(HANDSHAKE_SECONDS)
        try:
            self._socket.do_handshake()
        except OSError as error:
            why = "the listener stops" if self._interrupted else words(error)
            self.hang_up()
            raise LostError(why) from None

    def interrupt(self) -> None:
        """Make the thread that uses this connection stop as soon as it reads."""
        self._interrupted = True
        with contextlib.suppress(OSError):
            # Wakes a blocked read; the thread itself says goodbye. Not by the socket's own method: that of TLS would
            # forget the keys with which to say it.
            socket.socket.shutdown(self._socket, socket.SHUT_RD)

    # Reading

    def control(self) -> tuple[int, bytes]:
        """The next PDU in full, its type and its body. Not for P-DATA-TF, which is read in pieces."""
        kind, length = self._header()
        if kind == _TLS_HANDSHAKE:
            raise ViolationError("the other side speaks TLS, and this port does not", UNRECOGNIZED_PDU)
        if kind == P_DATA_TF:
            raise ViolationError("data came before the association was there", UNEXPECTED_PDU)
        if length > _MOST_CONTROL_BYTES:
            raise ViolationError("a PDU is longer than any association needs", INVALID_PARAMETER_VALUE)
        body = bytearray(length)
        self._fill(memoryview(body))
        return kind, bytes(body)

    def value(self) -> Value | None:
        """The next presentation data value, or None when the peer asks for the release of the association."""
        while not self._left:
            kind, length = self._header()
            if kind == A_RELEASE_RQ:
                self._fill(self._buffer[: min(length, 4)])
                return None
            if kind == A_ABORT:
                raise AbortedError("the peer aborted the association")
            if kind != P_DATA_TF:
                raise ViolationError(
                    f"PDU type {kind} is not expected here", UNEXPECTED_PDU if kind < 8 else UNRECOGNIZED_PDU
                )
            self._left = length
        head = self._buffer[:6]
        self._fill(head)
        length, context_id, flags = struct.unpack(">IBB", head)
        self._left -= 4 + length
        if length < 2 or self._left < 0:
            raise ViolationError("a presentation data value does not fit into its PDU", INVALID_PARAMETER_VALUE)
        return Value(context_id, bool(flags & 1), bool(flags & 2), length - 2)

    def pieces(self, length: int) -> Iterator[memoryview]:
        """The next bytes, piece by piece. Each piece is valid until the next is asked for."""
        while length:
            piece = self._buffer[: min(length, len(self._buffer))]
            self._fill(piece)
            length -= len(piece)
            yield piece

    def _header(self) -> tuple[int, int]:
        if _QUICKACK is not None:
            # DCMTK leaves Nagle's algorithm on: without an acknowledgement at once, each object waits 40 ms for one.
            # The option switches itself off again, so it is set for each PDU.
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
        head = self._buffer[:6]
        self._fill(head)
        kind, length = struct.unpack(">BxI", head)
        return kind, length

    def _fill(self, view: memoryview) -> None:
        """Read exactly as many bytes as fit."""
        done = 0
        while done < len(view):
            if self._interrupted:
                raise LostError("interrupted: the listener stops")
            if self._deadline is not None:
                self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            try:
                count = self._socket.recv_into(view[done:])
            except TimeoutError:
                raise SilentError("the peer was silent for too long") from None
            except OSError as error:
                raise LostError(f"the connection broke: {error.strerror}") from None
            if not count:
                raise LostError("interrupted: the listener stops" if self._interrupted else "the peer closed the line")
            done += count

    # Writing

    def send(self, pdu: bytes | memoryview) -> None:
        try:
            self._socket.sendall(pdu)
        except (TimeoutError, BlockingIOError):
            raise SilentError("the peer stopped reading") from None
        except OSError as error:
            raise LostError(f"the connection broke: {error.strerror}") from None

    def send_command(self, context_id: int, command: bytes, most: int) -> None:
        """Send a command set, in fragments when the peer takes only short PDUs."""
        room = _room(most)
        for start in range(0, len(command), room):
            part = command[start : start + room]
            last = start + room >= len(command)
            self.send(_data_header(context_id, len(part), 0b11 if last else 0b01) + part)

    def write(self, data: memoryview, look: Callable[[], None]) -> None:
        """Send all of it. While the peer is slow to read, `look` is called now and then, and may raise."""
        self._socket.settimeout(_LOOK_SECONDS)
        read_last = time.monotonic()
        while data:
            try:
                data = data[self._socket.send(data) :]
            except TimeoutError:
                if time.monotonic() - read_last > self._patience:
                    raise SilentError("the peer stopped reading") from None
            except OSError as error:
                raise LostError(f"the connection broke: {error.strerror}") from None
            else:
                read_last = time.monotonic()
            look()
        self._socket.settimeout(self._patience)

    def abort(self, source: int, reason: int = NOT_SPECIFIED) -> None:
        """Send A-ABORT if the peer still listens, and close."""
        with contextlib.suppress(LostError):
            self.wait_up_to(1)
            self.send(struct.pack(">BxIxxBB", A_ABORT, 4, source, reason))
        self.hang_up()

    def hang_up(self, patience: float = 2) -> None:
        """Close, after the peer has had time to read our last words (PS3.8 Sta13 and its ARTIM timer).

        Closing at once, with bytes of the peer unread, would send a TCP reset that destroys them.
        """
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            end = time.monotonic() + patience
            while (rest := end - time.monotonic()) > 0:
                self._socket.settimeout(rest)
                if not self._socket.recv_into(self._buffer):
                    break
        self._socket.close()

    def close(self) -> None:
        self._socket.close()


def release_request() -> bytes:
    return struct.pack(">BxI4x", A_RELEASE_RQ, 4)


def release_response() -> bytes:
    return struct.pack(">BxI4x", A_RELEASE_RP, 4)


def _room(most: int) -> int:
    """What fits into a P-DATA-TF of this length; even, as every fragment must be (PS3.8 Annex D.1)."""
    return (most - 6) & ~1


def _data_header(context_id: int, size: int, flags: int) -> bytes:
    return struct.pack(">BxIIBB", P_DATA_TF, size + 6, size + 2, context_id, flags)
