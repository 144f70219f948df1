"""Exchange: one HTTP request and its answer (RFC 9110, RFC 9112), over connections kept if the peer does.

A body goes out from the files themselves, piece by piece. What did not get through whole, or was not answered whole, is
Later in words: an answer that came before all was sent is no success. It must not know DICOM, nor what an answer means.
"""

import contextlib
import http.client
import select
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Later
from engine.parameters import WebAddress

CONNECT, STALLED, ANSWER = 20.0, 60.0, 120.0
"""Seconds for a connection to come about, for a peer that takes nothing more, and for the whole answer."""

PIECE = 1 << 18
"""Bytes in one go; a line that takes less than this in the time of STALLED is no line."""

LONGEST_ANSWER = 4 << 20
"""Bytes of an answer that are looked at: whoever says more says nothing that we understand."""

CHUNKED_FROM = 1 << 31
"""From so many bytes on, a body has no Content-Length but chunks: Java servers count in 32 bits."""

Body = Sequence[bytes | Path]
"""What is sent, one after the other: bytes as they are, and files as they lie on disk."""


class Unreachable(Later):
    """The peer is away, or breaks off: what comes next would fare no better."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a peer is waited for, in seconds."""

    connect: float = CONNECT
    stalled: float = STALLED
    answer: float = ANSWER


PATIENT = Patience()


@dataclass(frozen=True, slots=True)
class Answer:
    """What the peer has answered, whole."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class Site:
    """A web address and the idle connections to it. Any number of threads may post at once."""

    def __init__(
        self,
        address: WebAddress,
        context: Callable[[], ssl.SSLContext],
        *,
        keeps: Callable[[Answer], bool] = lambda _: True,
        patience: Patience = PATIENT,
        chunked_from: int = CHUNKED_FROM,
    ) -> None:
        self._address, self._context, self._keeps, self._patience = address, context, keeps, patience
        self._chunked_from = chunked_from
        self._idle: deque[http.client.HTTPConnection] = deque()
        self.who = f"{address.host}:{address.port}"

    def post(self, path: str, headers: Mapping[str, str], body: Body) -> Answer:
        """Send one request and wait for its answer. Raises Later, and Unreachable where nobody answers."""
        while (idle := self._unused()) is not None:
            try:
                return self._exchange(idle, path, headers, body)
            except _Dropped:
                # It was closed while it lay idle: nothing was tried yet.
                continue
        try:
            return self._exchange(self._connect(), path, headers, body)
        except _Dropped as dropped:
            raise Unreachable(f"{self.who} closed the connection without an answer") from dropped

    def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        """Ask for something, over a connection of its own. Raises Later, and Unreachable where nobody answers."""
        connection = self._connect()
        try:
            connection.request("GET", path, headers={"User-Agent": "Stellwerk", **headers})
            return self._answer(connection, True)[0]
        except OSError as error:
            raise Unreachable(f"{self.who} breaks off ({error.strerror or type(error).__name__})") from None
        except _Dropped as dropped:
            raise Unreachable(f"{self.who} closed the connection without an answer") from dropped
        finally:
            connection.close()

    def close(self) -> None:
        """Close what lies idle."""
        while (idle := self._unused()) is not None:
            idle.close()

    def _unused(self) -> http.client.HTTPConnection | None:
        """A connection that lies idle and that the peer has not closed."""
        while self._idle:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            # Nothing is asked of it, so whatever there is to read is its end.
            if connection.sock is not None and not _readable(connection.sock):
                return connection
            connection.close()
        return None

    def _connect(self) -> http.client.HTTPConnection:
        address, wait = self._address, self._patience.connect
        connection: http.client.HTTPConnection
        try:
            if address.secure:
                connection = http.client.HTTPSConnection(
                    address.host, address.port, timeout=wait, context=self._context()
                )
            else:
                connection = http.client.HTTPConnection(address.host, address.port, timeout=wait)
            connection.connect()
        except ssl.SSLCertVerificationError as error:
            why = getattr(error, "verify_message", "") or str(error)
            raise Unreachable(f"the certificate of {self.who} is not accepted: {why}") from None
        except ssl.SSLError:
            raise Unreachable(f"{self.who} does not speak TLS as we do; is it https there?") from None
        except socket.gaierror:
            raise Unreachable(f"{address.host} is a name that nobody knows; is it written right?") from None
        except TimeoutError:
            raise Unreachable(f"{self.who} does not answer") from None
        except OSError as error:
            raise Unreachable(f"{self.who} cannot be reached ({error.strerror or type(error).__name__})") from None
        connection.sock.settimeout(self._patience.stalled)
        # Header and body go one after the other: the second must not wait for the peer's word on the first.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _exchange(
        self, connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str], body: Body
    ) -> Answer:
        kept = False
        try:
            whole = self._send(connection, path, headers, body)
            answer, open_still = self._answer(connection, whole)
            if not whole and answer.status < 400:
                raise Unreachable(f"{self.who} answered before it had everything")
            kept = whole and open_still and self._keeps(answer)
        finally:
            if kept:
                self._idle.append(connection)
            else:
                connection.close()
        return answer

    def _send(self, connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str], body: Body) -> bool:
        """Whether all of it went out; where not, the peer may have said why before it closed."""
        length = sum(piece.stat().st_size if isinstance(piece, Path) else len(piece) for piece in body)
        chunked = length >= self._chunked_from
        connection.putrequest("POST", path, skip_accept_encoding=True)
        connection.putheader("User-Agent", "Stellwerk")
        for name, value in headers.items():
            connection.putheader(name, value)
        # In lower case: CTP takes `Chunked` for something else.
        connection.putheader(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(length))))
        sent = 0
        try:
            connection.endheaders()
            for piece in _pieces(body):
                connection.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                sent += len(piece)
            if sent != length:
                raise Later("a file on our disk changed while it was sent")
            if chunked:
                connection.send(b"0\r\n\r\n")
        except TimeoutError:
            raise Unreachable(f"{self.who} takes nothing more") from None
        except _Unreadable as error:
            raise Later(f"the image cannot be read from our own disk ({error})") from None
        except OSError:
            return False
        return True

    def _answer(self, connection: http.client.HTTPConnection, whole: bool) -> tuple[Answer, bool]:
        """The answer, and whether the connection is open still."""
        sock = connection.sock
        if sock is None:
            raise _Dropped
        sock.settimeout(self._patience.answer if whole else min(self._patience.answer, 2.0))
        late = threading.Event()

        def give_up() -> None:
            late.set()
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

        # A peer that says a letter a minute is never silent for long, and never done.
        timer = threading.Timer(self._patience.answer, give_up)
        timer.daemon = True
        timer.start()
        try:
            response = connection.getresponse()
            said = response.read(LONGEST_ANSWER + 1)
            if late.is_set():
                raise TimeoutError
            if len(said) > LONGEST_ANSWER or (response.length or 0) > 0:
                raise http.client.HTTPException
        except TimeoutError:
            raise Unreachable(f"{self.who} gives no answer") from None
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
            if late.is_set():
                raise Unreachable(f"{self.who} gives no answer") from None
            raise _Dropped from None
        except (http.client.HTTPException, ValueError):
            raise Unreachable(f"{self.who} gives an answer that cannot be read; is it a web server?") from None
        except OSError as error:
            raise Unreachable(f"{self.who} breaks off ({error.strerror or type(error).__name__})") from None
        finally:
            timer.cancel()
        with contextlib.suppress(OSError):
            sock.settimeout(self._patience.stalled)
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, said), not response.will_close


class _Dropped(Exception):
    """Closed without a single letter of an answer."""


class _Unreadable(Exception):
    """A file of ours, not the network."""


def _readable(sock: socket.socket) -> bool:
    poll = select.poll()  # select knows no more than 1024 files
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _pieces(body: Body) -> Iterator[bytes]:
    for piece in body:
        if isinstance(piece, bytes):
            yield piece
            continue
        try:
            with piece.open("rb") as file:
                while data := file.read(PIECE):
                    yield data
        except OSError as error:
            raise _Unreadable(error.strerror or type(error).__name__) from None
