"""A disk with a volatile write cache, served by the NBD protocol: what was not flushed may be gone when the power goes.

A virtual machine's disk is this server on a Unix socket. Each write stays in memory until a FLUSH, or goes to the file
at once where it comes with FUA, as the protocol's own document says (NetworkBlockDevice/nbd, doc/proto.md). A cut
leaves all that was flushed, and any part of what was not (`tests.power.cuts.survivors`). It can be told to go off at
the nth write or around the nth flush, where a power cut by the clock hardly ever falls. It must not know what is on
the disk.
"""

import contextlib
import os
import random
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.power.cuts import survivors

BLOCK = 4096
SECTOR = 512

_REQUEST, _REPLY = struct.Struct(">IHHQQI"), struct.Struct(">IIQ")
_OPTION, _OPTION_REPLY = struct.Struct(">8sII"), struct.Struct(">QIII")
_REQUEST_MAGIC, _REPLY_MAGIC, _OPTION_MAGIC = 0x25609513, 0x67446698, 0x3E889045565A9
_READ, _WRITE, _DISCONNECT, _FLUSH, _TRIM, _WRITE_ZEROES = 0, 1, 2, 3, 4, 6
_FUA = 1
_EXPORT_NAME, _ABORT, _INFO, _GO = 1, 2, 6, 7
_ACK, _TOLD, _UNKNOWN = 1, 3, 0x80000001
_CAN = 1 | 4 | 8 | 32 | 64  # flags are there; FLUSH, FUA, TRIM, WRITE_ZEROES
_EINVAL = 22


class Moment(Enum):
    """Where a counted cut falls."""

    WRITE = "after a write"
    """It is in the cache, and was not answered."""
    BEFORE_FLUSH = "before a flush"
    AFTER_FLUSH = "after a flush"
    """All is on the disk, and the machine has not heard of it."""


@dataclass(frozen=True)
class Off:
    """What the disk was doing when the power went, in pieces as they were written."""

    writes: int
    flushes: int
    unflushed: int
    kept: int


class Volatile:
    """Serves one file. Threads: one for each connection; everything else may be called from any."""

    def __init__(self, disk: Path, address: Path, seed: int) -> None:
        self._file = os.open(disk, os.O_RDWR)
        self.size = os.fstat(self._file).st_size
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._pending: list[tuple[int, bytes]] = []
        self._cache: dict[int, bytearray] = {}
        self._when: tuple[Moment, int] | None = None
        self.writes = self.flushes = 0
        self.off = threading.Event()
        """Set when the power is off: nothing is answered from then on."""
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(address))
        self._server.listen(4)
        self._lines: list[socket.socket] = []
        self._begin(self._accept)

    def arm(self, moment: Moment, count: int) -> None:
        """Go off by itself at this moment, `count` writes or flushes from now (1: at the next one)."""
        with self._lock:
            self._when = (moment, (self.writes if moment is Moment.WRITE else self.flushes) + count)

    def cut(self) -> Off:
        """The power is off: throw away a part of what was not flushed, and serve nothing any more."""
        self.off.set()
        with self._lock:
            kept = 0
            for offset, data in survivors(self._pending, self._chance, SECTOR):
                os.pwrite(self._file, data, offset)
                kept += 1
            done = Off(self.writes, self.flushes, len(self._pending), kept)
            self._close()
        return done

    def stop(self) -> None:
        """As a machine that was shut down leaves its disk: all of it is kept."""
        with self._lock:
            self._flush()
            self._close()

    def _close(self) -> None:
        self.off.set()
        for line in (self._server, *self._lines):
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
            self._file = -1

    # --- the disk; with the lock held ------------------------------------------------------------------------

    def _read(self, offset: int, length: int) -> bytes:
        data = bytearray(os.pread(self._file, length, offset).ljust(length, b"\0"))
        for block in range(offset // BLOCK, -(-(offset + length) // BLOCK)):
            if (cached := self._cache.get(block)) is not None:
                start, end = max(offset, block * BLOCK), min(offset + length, (block + 1) * BLOCK)
                data[start - offset : end - offset] = cached[start - block * BLOCK : end - block * BLOCK]
        return bytes(data)

    def _write(self, offset: int, data: bytes, through: bool) -> None:
        if through:
            self._forget(offset, len(data))
            os.pwrite(self._file, data, offset)
        else:
            self._pending.append((offset, data))
        for block in range(offset // BLOCK, -(-(offset + len(data)) // BLOCK)):
            cached = self._cache.get(block)
            if cached is None:
                if through:
                    continue
                cached = bytearray(os.pread(self._file, BLOCK, block * BLOCK).ljust(BLOCK, b"\0"))
                self._cache[block] = cached
            start, end = max(offset, block * BLOCK), min(offset + len(data), (block + 1) * BLOCK)
            cached[start - block * BLOCK : end - block * BLOCK] = data[start - offset : end - offset]

    def _forget(self, offset: int, length: int) -> None:
        """What was written before at a place that is now written through can come back by no cut."""
        left: list[tuple[int, bytes]] = []
        end = offset + length
        for at, data in self._pending:
            if at >= end or at + len(data) <= offset:
                left.append((at, data))
                continue
            if at < offset:
                left.append((at, data[: offset - at]))
            if at + len(data) > end:
                left.append((end, data[end - at :]))
        self._pending = left

    def _flush(self) -> None:
        for offset, data in self._pending:
            os.pwrite(self._file, data, offset)
        self._pending.clear()
        self._cache.clear()

    def _reached(self, moment: Moment, count: int) -> bool:
        if self._when == (moment, count):
            self.off.set()
        return self.off.is_set()

    def _do(self, what: int, flags: int, offset: int, length: int, data: bytes) -> tuple[int, bytes] | None:
        """An error number and what was read; None where the power went, and nobody gets an answer."""
        with self._lock:
            if self.off.is_set():
                return None
            if what != _FLUSH and offset + length > self.size:
                return _EINVAL, b""
            if what == _READ:
                return 0, self._read(offset, length)
            if what in (_WRITE, _WRITE_ZEROES):
                self._write(offset, data if what == _WRITE else bytes(length), bool(flags & _FUA))
                self.writes += 1
                return None if self._reached(Moment.WRITE, self.writes) else (0, b"")
            if what == _FLUSH:
                if self._reached(Moment.BEFORE_FLUSH, self.flushes + 1):
                    return None
                self._flush()
                self.flushes += 1
                return None if self._reached(Moment.AFTER_FLUSH, self.flushes) else (0, b"")
            return (0, b"") if what == _TRIM else (_EINVAL, b"")  # TRIM is a hint: what it names may stay

    # --- the protocol ----------------------------------------------------------------------------------------

    def _begin(self, work: Callable[..., None], *words: object) -> None:
        threading.Thread(target=work, args=words, daemon=True).start()

    def _accept(self) -> None:
        while not self.off.is_set():
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            self._lines.append(line)
            self._begin(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError):
            if not self._shake(line):
                return
            while True:
                _, flags, what, cookie, offset, length = _REQUEST.unpack(_exactly(line, _REQUEST.size))
                if what == _DISCONNECT:
                    return
                data = _exactly(line, length) if what == _WRITE else b""
                answer = self._do(what, flags, offset, length, data)
                if answer is None:
                    return
                line.sendall(_REPLY.pack(_REPLY_MAGIC, answer[0], cookie) + answer[1])

    def _shake(self, line: socket.socket) -> bool:
        """Agree on the one export there is, whatever it is called. False: the client has gone."""
        line.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
        no_zeroes = struct.unpack(">I", _exactly(line, 4))[0] & 2
        while True:
            _, option, length = _OPTION.unpack(_exactly(line, _OPTION.size))
            _exactly(line, length)

            def reply(kind: int, data: bytes = b"", option: int = option) -> None:
                line.sendall(_OPTION_REPLY.pack(_OPTION_MAGIC, option, kind, len(data)) + data)

            if option == _EXPORT_NAME:
                line.sendall(struct.pack(">QH", self.size, _CAN) + (b"" if no_zeroes else bytes(124)))
                return True
            if option in (_INFO, _GO):
                reply(_TOLD, struct.pack(">HQH", 0, self.size, _CAN))
                reply(_TOLD, struct.pack(">HIII", 3, 1, BLOCK, 1 << 25))
                reply(_ACK)
                if option == _GO:
                    return True
            elif option == _ABORT:
                reply(_ACK)
                return False
            else:
                reply(_UNKNOWN)


def _exactly(line: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = line.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
