"""A web port for tests, without a spool behind it, and raw sockets to talk to it as old programs do."""

import socket
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine.errors import Later
from engine.sources.https import HttpListener, Pace
from engine.sources.posted import House, Upload
from engine.sources.zips import Limits

NO_BOMBS = Limits()


class Shelf:
    """Takes what is accepted. `full`: says why nothing can be taken now."""

    def __init__(self, root: Path) -> None:
        self.work = root / "work"
        self.taken = root / "taken"
        self.work.mkdir()
        self.taken.mkdir()
        self.uploads: list[Upload] = []
        self.full: str | None = None
        self.broken: Exception | None = None
        self._count = 0
        self._lock = threading.Lock()

    def new_file(self) -> Path:
        with self._lock:
            self._count += 1
            return self.work / f"{self._count}.dcm"

    def accept(self, upload: Upload) -> None:
        if self.broken is not None:
            raise self.broken
        with self._lock:
            upload.file.rename(self.taken / f"{len(self.uploads)}.dcm")
            self.uploads.append(upload)

    def bytes(self) -> list[bytes]:
        """What was taken, in order."""
        return [(self.taken / f"{number}.dcm").read_bytes() for number in range(len(self.uploads))]

    def is_tidy(self) -> bool:
        """Whether nothing is left but what was taken."""
        return not list(self.work.iterdir())

    def house(self, largest: int = 1 << 30, limits: Limits = NO_BOMBS) -> House:
        return House(self.accept, self.new_file, lambda _: self.full, limits, largest)


Listen = Callable[..., HttpListener]


def raw(port: int, data: bytes, *, shut: bool = False, tls: ssl.SSLContext | None = None, seconds: float = 10) -> bytes:
    """Everything that is answered until the other side closes, or says nothing for a moment after an answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as plain:
        line = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
        try:
            line.sendall(data)
            if shut:
                line.shutdown(socket.SHUT_WR)
            return rest(line)
        except ConnectionError:
            return b""
        finally:
            line.close()


def rest(line: socket.socket) -> bytes:
    """What else comes."""
    got = b""
    try:
        while piece := line.recv(65536):
            got += piece
            line.settimeout(0.3)
    except (TimeoutError, ConnectionError):
        pass
    return got


def post(body: bytes, *lines: str, path: str = "/", kind: str | None = "application/x-mirc") -> bytes:
    """A request as CTP writes it, with more header lines."""
    head = [f"POST {path} HTTP/1.1", *([f"Content-Type: {kind}"] if kind is not None else []), *lines, "Host: x"]
    if not any(line.lower().startswith(("content-length", "transfer-encoding")) for line in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body


def chunked(body: bytes, size: int = 4089) -> bytes:
    """A body in chunks, as Java writes it."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def status(answer: bytes) -> int:
    """The status of an answer; 0 where there is none."""
    return int(answer.split(b" ", 2)[1]) if answer else 0


QUICK = Pace(header_seconds=0.6, every_seconds=0.6, bytes_then=100)
LATER = Later("the spool cannot take it in (No space left on device)")


SENDER = (
    b"POST / HTTP/1.1\r\nContent-Type: application/x-mirc-dicom\r\n"
    b'Content-Disposition: attachment; filename="%s"\r\nUser-Agent: Java/17.0.15\r\nHost: 127.0.0.1:26190\r\n'
    b"Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\r\nConnection: keep-alive\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
"""As FileSender writes."""


def is_ok(answer: bytes) -> bool:
    """200 with a body of exactly two bytes: anything else, and CTP deletes its file."""
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.startswith(b"HTTP/1.1 200") and b"content-length: 2" in head.lower() and body == b"OK"


def wait(happens: Callable[[], object], seconds: float = 10) -> None:
    """Until it is so."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.02)
