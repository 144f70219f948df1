"""HTTP and HTTPS as a way in: a port that takes what RSNA CTP, its FileSender and DICOMweb clients post.

One thread and one event loop for each port; bytes go to disk, and into the spool, in a pool of threads beside it.
Memory does not grow with what is posted. What a body is, and what is answered, is decided in engine.sources.admission,
engine.sources.posted and engine.sources.stow. It must not know the spool nor rules.
"""

import asyncio
import ipaddress
import logging
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from typing import TypeVar, cast

from tornado.http1connection import HTTP1Connection
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, StreamClosedError
from tornado.netutil import bind_sockets

from engine.addresses import plain, why_not
from engine.errors import Later
from engine.sources import credentials
from engine.sources.admission import CHALLENGE, body_for, length_of
from engine.sources.posted import KEEP, Answer, Body, House

log = logging.getLogger("stellwerk.https")

T = TypeVar("T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Identify = Callable[[str, str, str], bool | None]
"""Whether a user has this password. Also told the address; None where that is not even asked, after many wrong ones."""

PIECES, LEAST_PIECE, MOST_PIECE = 32 << 20, 128 << 10, 1 << 20
"""Bytes of bodies in memory before they are written: of all requests together, and of one.

To hand a piece to a thread costs more than to write it, so few requests have large ones.
"""
READ = 128 << 10
"""Bytes that are read from the network at once."""
THREADS = 16
MOST_CONNECTIONS = 300
"""Each takes two file descriptors, of which a process has a thousand."""
DRAINED = 8 << 20
"""So much of a body that is refused is read all the same: whoever is still sending does not hear an answer."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a sender may be: seconds for a header, and bytes of a body that must come within a time."""

    header_seconds: float = 30.0
    every_seconds: float = 60.0
    bytes_then: int = 4096


class HttpListener:
    """A port that takes what is posted to it, from its `start` to its `stop`.

    context: makes it HTTPS; asked at each connection, as certificates are renewed. identify: who may send; without it,
    everybody may. standing: see credentials.remembering. An empty `networks` lets everyone in. cannot_keep: told where
    an object could not be kept although its sender has done nothing wrong.
    """

    def __init__(
        self,
        port: int,
        house: House,
        *,
        address: str = "0.0.0.0",
        context: Callable[[], ssl.SSLContext] | None = None,
        identify: Identify | None = None,
        standing: Callable[[str], str] = lambda _: "",
        networks: tuple[Network, ...] = (),
        cannot_keep: Callable[[], None] = lambda: None,
        pace: Pace = Pace(),
    ) -> None:
        self.port = port  # with 0, the system chooses one at `start`
        self.house, self.networks, self.cannot_keep = house, networks, cannot_keep
        self.identify = None if identify is None else credentials.remembering(identify, standing=standing)
        self._address, self._context, self._pace = address, context, pace
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.requests: set[_Request] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopping = False
        self._knocked: float | None = None

    def still(self) -> float:
        """Seconds since its loop was first asked for a sign without one; endless where its thread has ended."""
        if self.stopping or self._loop is None or self._thread is None:
            return 0.0
        if not self._thread.is_alive():
            return float("inf")
        knocked = self._knocked
        if knocked is None:
            self._knocked = time.monotonic()
            with suppress(RuntimeError):  # it has just ended
                self._loop.call_soon_threadsafe(self._answer_knock)
            return 0.0
        return time.monotonic() - knocked

    def _answer_knock(self) -> None:
        self._knocked = None

    @property
    def unreleased(self) -> frozenset[str]:
        """What may bring more (engine.collector). A request is alone: nobody says which one was the last of a study."""
        return frozenset((self.conversation_at(self.port),))

    @staticmethod
    def conversation_at(port: int) -> str:
        """The name under which all that comes at a port belongs together, as what comes on one association does."""
        return f"https {port}"

    def spawn(self, work: Coroutine[None, None, None]) -> None:
        """Begin something in the loop, which itself would not keep it from being collected."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def start(self) -> None:
        """Listen, or raise OSError that says why the port cannot be had."""
        try:
            sockets = _bound(self.port, self._address)
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on port {self.port}: {why_not(error)}") from None
        self.port = sockets[0].getsockname()[1]
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(sockets, ready), name=f"port {self.port}", daemon=True)
        self._thread.start()
        ready.wait()

    def stop(self, grace: float = 10) -> None:
        """Take no new request; let the running ones end within `grace` seconds; cut what is left."""
        self.stopping = True
        if self._loop is not None and self._thread is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._begin_to_end, grace)
            self._thread.join(grace + 30)

    def _run(self, sockets: list[socket.socket], ready: threading.Event) -> None:
        # What Tornado says of malformed requests quotes them, and a file's name may be a person's.
        for name in ("tornado.general", "tornado.access", "tornado.application"):
            logging.getLogger(name).setLevel(logging.ERROR)
        asyncio.run(self._serve(sockets, ready))

    async def _serve(self, sockets: list[socket.socket], ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        with ThreadPoolExecutor(THREADS, f"port {self.port}") as self.pool:
            self._server = _Server(
                _Requests(self),
                chunk_size=READ,
                max_header_size=32 << 10,
                idle_connection_timeout=self._pace.header_seconds,
                max_body_size=1 << 62,  # what is too much is answered by us: 400, Tornado's way, makes CTP delete
                max_buffer_size=1 << 20,
            )
            self._server.read_chunk_size = READ
            self._server.may_enter, self._server.context = self._may_enter, self._context
            self._server.add_sockets(sockets)
            ready.set()
            watching = asyncio.create_task(self._watch())
            await self._ended.wait()
            watching.cancel()
            await self._server.close_all_connections()

    def _begin_to_end(self, grace: float) -> None:
        self._server.stop()
        self.spawn(self._end(grace))

    async def _end(self, grace: float) -> None:
        end = time.monotonic() + grace
        while self.requests and time.monotonic() < end:
            await asyncio.sleep(0.02)
        await self._server.close_all_connections()
        while any(request.is_busy for request in self.requests):
            await asyncio.sleep(0.02)  # what is being flushed is taken; its sender will repeat it, which is harmless
        self._ended.set()

    def _may_enter(self, address: str) -> bool:
        """Whether a connection is taken at all. CTP keeps its file when it is just closed."""
        ip = ipaddress.ip_address(address)
        if self.networks and not any(ip in network for network in self.networks):
            log.warning("port %d: %s is in none of the networks that may send", self.port, address)
            return False
        return not self.stopping and len(self._server.connections) < MOST_CONNECTIONS

    async def _watch(self) -> None:
        """Cut whoever sends a body too slowly: a connection costs us something, and him nothing."""
        every = self._pace.every_seconds
        while True:
            await asyncio.sleep(every / 4)
            for request in list(self.requests):
                if request.is_too_slow(time.monotonic(), every, self._pace.bytes_then):
                    log.warning("port %d: %s sends too slowly, and is cut off", self.port, request.address)
                    request.cut()


class _Server(HTTPServer):
    """Asks of each connection whether it may enter, before its first byte."""

    may_enter: Callable[[str], bool]
    context: Callable[[], ssl.SSLContext] | None = None

    def _handle_connection(self, connection: socket.socket, address: object) -> None:
        try:
            self.ssl_options = None if self.context is None else self.context()
        except OSError as error:
            log.error("a connection is refused: %s", error.strerror or error)
            connection.close()
            return
        super()._handle_connection(connection, address)

    @property
    def connections(self) -> "set[object]":
        return cast("set[object]", self._connections)

    def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        if self.may_enter(plain(address[0])):
            super().handle_stream(stream, address)
        else:
            stream.close()


class _Requests(HTTPServerConnectionDelegate):
    def __init__(self, listener: HttpListener) -> None:
        self._listener = listener

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        return _Request(self._listener, cast(HTTP1Connection, request_conn))


class _Request(HTTPMessageDelegate):
    """One request, from its header to the answer."""

    def __init__(self, listener: HttpListener, connection: HTTP1Connection) -> None:
        self._listener, self._connection = listener, connection
        self.address = plain(str(getattr(connection.context, "remote_ip", "")))
        self._body: Body | None = None
        self._answer: Answer | None = None
        """What is answered, whatever else comes."""
        self._buffer = bytearray()
        self._total = 0
        self.is_busy = False
        """Whether a thread works for it."""
        self._marked, self._bytes_then = time.monotonic(), 0

    # --- what Tornado tells

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Decide whether the body may come."""
        self._listener.requests.add(self)
        return self._begin(cast(RequestStartLine, start_line), headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """A piece of the body."""
        self._total += len(chunk)
        if self._answer is None and self._total > self._listener.house.largest:
            log.warning("port %d: %s sends a body without end", self._listener.port, self.address)
            self._answer = KEEP
        if self._answer is not None:
            self._buffer.clear()
            if self._total > DRAINED:
                self._reply(self._answer)
            return None
        self._buffer += chunk
        piece = min(max(PIECES // len(self._listener.requests), LEAST_PIECE), MOST_PIECE)
        return self._write() if len(self._buffer) >= piece else None

    def finish(self) -> None:
        """All of it has come."""
        self._listener.spawn(self._end())

    def on_connection_close(self) -> None:
        """It has gone before all of it had come: nothing is taken."""
        self._listener.spawn(self._forget())

    # --- what we do

    async def _begin(self, start: RequestStartLine, headers: HTTPHeaders) -> None:
        try:
            self._answer = await self._refusal(start, headers)
        except Exception as error:  # a fault of ours is no reason to delete anything
            self._answer = KEEP
            self._not_kept(error)
        if self._answer is not None and "Transfer-Encoding" not in headers:
            length = length_of(headers)
            if "Expect" in headers or length is None or length > DRAINED:
                self._reply(self._answer)

    async def _refusal(self, start: RequestStartLine, headers: HTTPHeaders) -> Answer | None:
        """Why the body is not wanted; None where it is, and there is something to take it."""
        length = length_of(headers)
        if length is None:
            self.cut()
        if start.method != "POST" or self._listener.stopping or not length:
            return KEEP
        user = ""
        if self._listener.identify is not None:
            claimed = credentials.credentials(headers)
            known = await self._is_known(self._listener.identify, claimed)
            if not known:
                # Who must only wait keeps its file: a 401 would stop CTP because somebody else has guessed.
                return KEEP if known is None else CHALLENGE
            user = claimed[0] if claimed else ""
        found = body_for(self._listener.house, start.path, headers, user, self.address)
        if isinstance(found, Answer):
            return found
        self._body = found
        return None

    async def _is_known(self, identify: Identify, claimed: tuple[str, str] | None) -> bool | None:
        known = False if claimed is None else await self._aside(lambda: identify(*claimed, self.address))
        if not known:
            why = "has tried too many passwords, and must wait" if known is None else "has no password that is right"
            log.warning("port %d: %s %s", self._listener.port, self.address, why)
        return known

    async def _write(self) -> None:
        """Write what has gathered; no more is read from the network meanwhile."""
        body, piece = self._body, self._taken()
        if body is not None and piece:
            try:
                await self._aside(lambda: body.write(piece))
            except Exception as error:  # whatever breaks, the sender must keep its object
                self._answer = body.sorry()
                self._not_kept(error)
                await self._forget(gone=False)

    async def _end(self) -> None:
        body, piece = self._body, self._taken()
        if self._answer is None and body is not None and self._total:
            self._body = None
            try:
                self._answer = await self._aside(lambda: _last(body, piece))
            except Exception as error:  # the same
                self._answer = body.sorry()
                self._not_kept(error)
        await self._forget(gone=False)
        self._reply(self._answer or KEEP)

    def _taken(self) -> bytearray:
        """What has gathered; from here on it gathers anew."""
        piece, self._buffer = self._buffer, bytearray()
        return piece

    async def _forget(self, *, gone: bool = True) -> None:
        """Nothing of it is left on the disk, but what was accepted."""
        body, self._body = self._body, None
        self._buffer.clear()
        if body is not None:
            with suppress(OSError):
                await self._aside(body.discard)
        if gone:
            self._listener.requests.discard(self)

    async def _aside(self, work: Callable[[], T]) -> T:
        """Done by a thread of the pool. How long that takes is not the sender's fault."""
        self.is_busy = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._listener.pool, work)
        finally:
            self.is_busy = False
            self._marked, self._bytes_then = time.monotonic(), self._total

    def _not_kept(self, error: Exception) -> None:
        """Log why an object was not taken. Only our own reasons are text: others may quote values of the object."""
        if isinstance(error, Later | OSError):
            why = error.reason if isinstance(error, Later) else f"it cannot be written: {error.strerror}"
            log.warning("port %d: an object was refused: %s", self._listener.port, why)
            self._listener.cannot_keep()
        else:
            where = "".join(traceback.format_tb(error.__traceback__))
            log.error("port %d: an object was refused, %s at\n%s", self._listener.port, type(error).__name__, where)

    def _reply(self, answer: Answer) -> None:
        """Answer once; to whoever has gone, nothing."""
        if self not in self._listener.requests:
            return
        self._listener.requests.discard(self)
        headers = HTTPHeaders({"Content-Type": answer.kind, "Content-Length": str(len(answer.body))})
        for name, value in answer.headers:
            headers[name] = value
        if self._listener.stopping:
            headers["Connection"] = "close"
        line = ResponseStartLine("HTTP/1.1", answer.status, responses.get(answer.status, ""))
        with suppress(StreamClosedError):
            written = self._connection.write_headers(line, headers, answer.body)
            written.add_done_callback(lambda done: done.exception())
            self._connection.finish()

    def cut(self) -> None:
        """End the connection without a word."""
        if self._connection.stream is not None:
            self._connection.stream.close()

    def is_too_slow(self, now: float, every: float, least: int) -> bool:
        """Whether less than that has come in that time, and it was the sender's turn."""
        if self.is_busy or now - self._marked < every:
            return False
        slow = self._total - self._bytes_then < least
        self._marked, self._bytes_then = now, self._total
        return slow


def _last(body: Body, piece: bytearray) -> Answer:
    """The end of a body, and what is answered; nothing is left on the disk but what was accepted."""
    try:
        if piece:
            body.write(piece)
        return body.finish()
    finally:
        body.discard()


def _bound(port: int, address: str) -> list[socket.socket]:
    if address == "::" and socket.has_dualstack_ipv6():
        return [
            _nonblocking(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128))
        ]
    return bind_sockets(port, address, backlog=128)


def _nonblocking(one: socket.socket) -> socket.socket:
    one.setblocking(False)
    return one
