"""A web server for tests, down to its bytes: it answers what it is told, late, half, never, or hangs up anywhere."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@dataclass
class Request:
    """What came, whole or as far as it came; `connection` counts the connections, beginning at 1."""

    connection: int
    head: str = ""
    body: bytes = b""
    whole: bool = False

    def header(self, name: str) -> str:
        """The value of a header; empty where it is missing."""
        lines = [line.partition(":") for line in self.head.split("\r\n")[1:]]
        return next((value.strip() for key, _, value in lines if key.lower() == name.lower()), "")


@dataclass
class Peer:
    """`answer` makes the bytes of each answer; None hangs up. `takes`: after so many bytes of a request it hangs up."""

    answer: Callable[[Request], bytes | None] = lambda _: OK
    context: ssl.SSLContext | None = None
    keeps: bool = False
    takes: int = 1 << 40
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> Self:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(connection, self.connections), daemon=True).start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(10)
        with contextlib.suppress(OSError):
            if self.context is not None:
                connection = self.context.wrap_socket(connection, server_side=True)
            while True:
                request = Request(number)
                self._read(connection, request)
                if not request.head and not request.body:
                    break
                self.requests.append(request)
                said = self.answer(request) if request.whole else None
                if said is None:
                    break
                connection.sendall(said)
                if not self.keeps:
                    break
        # Closed with unread bytes, it would say RST, and our last words would be lost with it.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        connection.close()

    def _read(self, connection: socket.socket, request: Request) -> None:
        data = b""
        while len(data) < self.takes and (more := connection.recv(min(65536, self.takes - len(data)))):
            data += more
            head, end, body = data.partition(b"\r\n\r\n")
            request.head, request.body = head.decode("latin-1"), body
            if not end:
                continue
            if request.header("Transfer-Encoding") == "chunked":
                if body.endswith(b"0\r\n\r\n"):
                    request.body, request.whole = _unchunked(body), True
                    return
            elif len(body) == int(request.header("Content-Length") or 0):
                request.whole = True
                return


def _unchunked(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        whole, body = whole + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    return whole


def answer(status: int, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of an answer; underscores in the names of headers are hyphens."""
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
