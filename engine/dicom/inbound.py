"""The receiving half of an association, as fast as the network and the disk are: the product's hot loop.

A dataset's fragments are read one behind the other into one buffer, the header of the next with the same call, so that
nothing is copied or collected in between; a piece is as long as the buffer, however short the PDUs are. It also keeps
the time: a sender may be idle between messages for a while, but within one it must not dawdle. Must not know what the
bytes mean.
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
_LOOK_SECONDS = 1.0  # how often a wait looks at the clock
_HEADS = struct.Struct(">BxIIBB")  # of a P-DATA-TF and of the first value in it (PS3.8 9.3.5)
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
        self._head = memoryview(bytearray(_HEADS.size))
        self._have = 0  # bytes of `_head` that are there already
        self._began = 0.0  # when the first byte of the message under way came; 0 between two messages
        self._waited, self._came = 0.0, 0  # what the rate is taken from: seconds waited for it, and bytes
        self._idle_since = 0.0
        # TLS has no flags: there, each call brings what one record holds.
        self._all = 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_WAITALL

    def serve(self) -> None:
        """The association is there: from now on the pace counts."""
        self.wait_up_to(self._pace.idle_seconds)
        self._look_often()

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

    def message_ends(self) -> None:
        """What came is complete: the clock stops until the next one begins."""
        self._began = 0.0

    def dataset(self, context_id: int) -> Iterator[memoryview]:
        """A dataset to its last fragment, in pieces as long as there is room for; each is valid until the next."""
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
        head = self._head
        if self._left:  # one more in the same PDU
            self._read(head[6:], False)
            _, _, length, context, flags = _HEADS.unpack(head)
        else:
            if not self._began:
                self._idle_since = time.monotonic()
            have, self._have = self._have, 0
            while have < len(head):
                if have >= _CONTROL_HEAD and head[0] != P_DATA_TF:
                    break
                have += self._receive(head[have:], 0)
            if head[0] == A_RELEASE_RQ:
                return None
            if head[0] != P_DATA_TF:
                raise _unwelcome(head[0])
            _, self._left, length, context, flags = _HEADS.unpack(head)
            if self._left > MOST_PDU_BYTES:
                raise ViolationError("a PDU is longer than anybody needs", INVALID_PARAMETER_VALUE)
        self._left -= 4 + length
        if length < 2 or self._left < 0:
            raise ViolationError("a presentation data value does not fit into its PDU", INVALID_PARAMETER_VALUE)
        return length - 2, context, flags

    def _read(self, view: memoryview, more: bool) -> None:
        """Fill this; with `more`, have the bytes behind it put into `_head`, as far as they come along."""
        done = 0
        while done < len(view):
            if more and self._all:
                count = self._receive_both(view[done:])
                if done + count > len(view):
                    self._have = done + count - len(view)
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
            before = time.monotonic()
            try:
                return self._took(self._socket.recv_into(view, 0, flags), before)
            except (TimeoutError, BlockingIOError, ssl.SSLWantReadError):
                self._check(before)
            except OSError as error:
                raise LostError(f"the connection broke: {error.strerror}") from None

    def _receive_both(self, view: memoryview) -> int:
        while True:
            before = time.monotonic()
            try:
                return self._took(self._socket.recvmsg_into((view, self._head), 0, self._all)[0], before)
            except (TimeoutError, BlockingIOError):
                self._check(before)
            except OSError as error:
                raise LostError(f"the connection broke: {error.strerror}") from None

    def _took(self, count: int, before: float) -> int:
        if not count and not self._interrupted:
            raise LostError("the peer closed the line")
        if not self._began:
            self._began = before = time.monotonic()
            self._waited, self._came = 0.0, 0
            self._acknowledge()
        self._came += count
        self._check(before)
        return count

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
        option switches itself off again, so it is set once a message.
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
