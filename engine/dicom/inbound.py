"""The receiving half of an association, as fast as the network and the disk are: the product's hot loop.

Where a message begins, whatever has come is read ahead with one call: a small object is there then, with its command.
The fragments of a longer dataset are read one behind the other into one buffer, the header of the next with the same
call, so that nothing more is copied or collected; a piece fills most of the buffer, however short the PDUs are. Each
call counts, as other associations take their turn in it. It also keeps the time: a sender may be idle between messages
for a while, but within one it must not dawdle. Must not know what the bytes mean.
"""

import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.dicom.pdu import (
    A_ABORT,
    A_RELEASE_RQ,
    INVALID_PARAMETER_VALUE,
    P_DATA_TF,
    UNEXPECTED_PDU,
    UNRECOGNIZED_PDU,
    AbortedError,
    Connection,
    LostError,
    SilentError,
    Value,
    ViolationError,
)

MOST_PDU_BYTES = 1 << 24
"""Longer than any sender has reason to make one, whatever length we ask for; it is no matter of memory."""

_ROOM = 1 << 18  # what is written at once; more than fits into a processor's cache would be slower
_AHEAD = 1 << 15  # what is read ahead: a small object; it is copied once more, which costs less than a call
_LOOK_SECONDS = 1.0  # how often a wait looks at the clock
_HEADS = struct.Struct(">BxIIBB")  # of a P-DATA-TF and of the first value in it (PS3.8 9.3.5)
_HEAD = struct.Struct(">IBB")  # of any further value in it
_CONTROL_HEAD = 6  # type and length of any PDU; those without data have four bytes more, not six
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)  # Linux only


@dataclass(frozen=True)
class Pace:
    """How long a sender may take."""

    idle_seconds: float = 300
    """Without a byte, between two messages."""
    least_rate: float = 1000
    """Bytes a second within a message. Less, over `rate_seconds` of waiting, is taken for a sender that hangs."""
    rate_seconds: float = 60
    message_seconds: float = 3600
    """For one message in all, from its first byte to its last."""


class Inbound(Connection):
    """A connection that somebody else has opened. One thread uses it; only `interrupt` may come from another."""

    def __init__(self, sock: socket.socket, patience: float, pace: Pace) -> None:
        super().__init__(sock, patience)
        self._pace = pace
        self._room = memoryview(bytearray(_ROOM))
        self._ahead = memoryview(bytearray(_AHEAD))
        self._from, self._to = 0, 0  # what of `_ahead` has come and is not taken yet
        self._began = 0.0  # when the first byte of the message under way came; 0 between two messages
        self._waits = False  # whether that message did not come with the first call
        self._waited, self._came = 0.0, 0  # what the rate is taken from: seconds waited for it, and bytes
        self._idle_since = 0.0
        self._serves = False
        # TLS has no flags: there, each call brings what one record holds.
        self._all = 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_WAITALL

    def serve(self) -> None:
        """The association is there: from now on the pace counts."""
        self.wait_up_to(self._pace.idle_seconds)
        self._look_often()
        self._serves = True

    def interrupt(self) -> None:
        """Make the thread that uses this connection stop: within a second, once it serves.

        It is not woken then by shutting down what we read, as it is before: the kernel would open the window no more
        (tcp_cleanup_rbuf in Linux), so a sender that waits for room would not hear for a minute that it is over.
        """
        if self._serves:
            self._interrupted = True
        else:
            super().interrupt()

    def write(self, data: memoryview, look: Callable[[], None]) -> None:
        """Send all of it, as any connection does."""
        super().write(data, look)
        self._look_often()

    def _look_often(self) -> None:
        idle = self._pace.idle_seconds
        tick = min(idle, _LOOK_SECONDS)
        if not self._all:
            self._socket.settimeout(tick)
            return
        # Python's own time-outs would ask the kernel twice for each call, and take MSG_WAITALL's meaning away.
        self._socket.settimeout(None)
        for option, seconds in ((socket.SO_RCVTIMEO, tick), (socket.SO_SNDTIMEO, idle)):
            self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", int(seconds), int(seconds % 1 * 1e6)))

    def value(self) -> Value | None:
        """The next presentation data value, or None when the peer asks for the release of the association."""
        found = self._next()
        return None if found is None else Value(found[1], bool(found[2] & 1), bool(found[2] & 2), found[0])

    def body(self, length: int) -> bytes:
        """The bytes of a value that is short."""
        if length <= self._to - self._from:
            self._from += length
            return bytes(self._ahead[self._from - length : self._from])
        data = bytearray(length)
        self._read(memoryview(data), False)
        return bytes(data)

    def message_ends(self) -> None:
        """What came is complete: the clock stops until the next one begins."""
        self._began = 0.0

    def dataset(self, context_id: int) -> Iterator[memoryview]:
        """A dataset to its last fragment, in pieces that fill most of the room; each is valid until the next."""
        room, filled = self._room, 0
        while True:
            found = self._next()
            if found is None:
                raise ViolationError("the release came in the middle of a dataset", UNEXPECTED_PDU)
            left, context, flags = found
            if flags & 1 or context != context_id:
                raise ViolationError("another message began in the middle of a dataset", INVALID_PARAMETER_VALUE)
            last = flags & 2
            more = not last and not self._left  # so a header follows, of which nobody must wait for more
            if left > len(room) - filled and 2 * filled >= len(room):
                # Rather written now than read in two parts.
                yield room[:filled]
                filled = 0
            while left:
                if filled == len(room):
                    yield room
                    filled = 0
                size = min(left, len(room) - filled)
                self._read(room[filled : filled + size], more and size == left)
                filled += size
                left -= size
            if last:
                self.message_ends()
                if filled:
                    yield room[:filled]
                return

    def _next(self) -> tuple[int, int, int] | None:
        """Length, context and flags of the next value; None for a release."""
        ahead = self._ahead
        if self._left:  # one more in the same PDU
            self._come(_HEAD.size)
            length, context, flags = _HEAD.unpack_from(ahead, self._from)
            self._from += _HEAD.size
        else:
            if not self._began:
                self._idle_since = time.monotonic()
                if self._from < self._to:
                    self._begin()
            self._come(_CONTROL_HEAD)
            kind = ahead[self._from]
            if kind == A_RELEASE_RQ:
                return None
            if kind != P_DATA_TF:
                raise _unwelcome(kind)
            self._come(_HEADS.size)
            _, self._left, length, context, flags = _HEADS.unpack_from(ahead, self._from)
            self._from += _HEADS.size
            if self._left > MOST_PDU_BYTES:
                raise ViolationError("a PDU is longer than anybody needs", INVALID_PARAMETER_VALUE)
        self._left -= 4 + length
        if length < 2 or self._left < 0:
            raise ViolationError("a presentation data value does not fit into its PDU", INVALID_PARAMETER_VALUE)
        return length - 2, context, flags

    def _come(self, count: int) -> None:
        """Read ahead, until so many bytes are there behind each other that are not taken yet."""
        while self._to - self._from < count:
            rest = self._ahead[self._from : self._to]
            self._ahead[: len(rest)] = rest
            self._from, self._to = 0, len(rest)
            self._to += self._receive(self._ahead[len(rest) :], 0)

    def _read(self, view: memoryview, more: bool) -> None:
        """Fill this; with `more`, have the header behind it put into `_ahead`, as far as it comes along."""
        done = min(self._to - self._from, len(view))
        if done:
            view[:done] = self._ahead[self._from : self._from + done]
            self._from += done
        while done < len(view):  # so nothing is left in `_ahead`
            if more and self._all:
                count = self._receive_both(view[done:])
                if done + count > len(view):
                    self._from, self._to = 0, done + count - len(view)
                    return
            else:
                count = self._receive(view[done:], self._all)
            done += count

    def _fill(self, view: memoryview) -> None:
        if self._deadline is not None:
            super()._fill(view)
        else:
            self._read(view, False)

    def _receive(self, view: memoryview, flags: int) -> int:
        while True:
            before = self._before()
            try:
                return self._took(self._socket.recv_into(view, 0, flags), before)
            except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
                self._check(before)
            except OSError as error:
                raise LostError(f"the connection broke: {error.strerror}") from None

    def _receive_both(self, view: memoryview) -> int:
        both = (view, self._ahead[: _HEADS.size])
        while True:
            before = self._before()
            try:
                return self._took(self._socket.recvmsg_into(both, 0, self._all)[0], before)
            except (TimeoutError, BlockingIOError):
                self._check(before)
            except OSError as error:
                raise LostError(f"the connection broke: {error.strerror}") from None

    def _before(self) -> float:
        """When a wait begins, before which the kernel is asked not to let the sender wait for us."""
        if self._began and not self._waits:
            self._waits = True
            self._acknowledge()
        return time.monotonic()

    def _took(self, count: int, before: float) -> int:
        if not count and not self._interrupted:
            raise LostError("the peer closed the line")
        if not self._began:
            self._begin()
            before = self._began
        self._came += count
        self._check(before)
        return count

    def _begin(self) -> None:
        self._began = time.monotonic()
        self._waited, self._came, self._waits = 0.0, 0, False

    def _check(self, before: float) -> None:
        """Whether to go on, after a wait that began then. Our own work, on a slow disk, is not held against a peer."""
        if self._interrupted:
            raise LostError("interrupted: the listener stops")
        pace, now = self._pace, time.monotonic()
        if not self._began:
            if now - self._idle_since >= pace.idle_seconds - 0.01:
                raise SilentError("the peer was silent for too long")
            return
        if now - self._began > pace.message_seconds:
            raise SilentError("the peer took too long for one message")
        self._waited += now - before
        if self._waited > pace.rate_seconds:
            if self._came < pace.least_rate * self._waited:
                raise SilentError("the peer sends too slowly")
            self._waited, self._came = 0.0, 0

    def _acknowledge(self) -> None:
        """Have the kernel acknowledge at once what has come.

        DCMTK leaves Nagle's algorithm on: without an acknowledgement at once, each object would wait 40 ms for one. The
        option switches itself off again, so it is set once a message, where that has not come whole.
        """
        if _QUICKACK is not None:
            try:
                self._socket.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            except OSError:
                return


def _unwelcome(kind: int) -> LostError | ViolationError:
    """What it means that a PDU of this type came where data was expected."""
    if kind == A_ABORT:
        return AbortedError("the peer aborted the association")
    return ViolationError(f"PDU type {kind} is not expected here", UNEXPECTED_PDU if kind < 8 else UNRECOGNIZED_PDU)
