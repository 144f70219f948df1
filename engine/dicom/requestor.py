"""The requestor's half of one association: ask for it, store and find over it, release it (PS3.7 9.1, PS3.8 9.2).

Must not know which objects there are, their order, or what becomes of them (send.py). Every failure to get or keep
an association is Later: even "AE title not recognized", which somebody usually corrects within the hour.
"""

import contextlib
import io
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

from engine.dicom import associate, command, status
from engine.dicom.command import Command
from engine.dicom.negotiate import ACCEPTED, Context
from engine.dicom.pdu import (
    A_ABORT,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    MAX_PDU,
    SERVICE_PROVIDER,
    SERVICE_USER,
    Connection,
    LostError,
    ViolationError,
    release_request,
)
from engine.dicom.peer import Peer
from engine.errors import Later
from engine.tls import words


@dataclass(frozen=True)
class Patience:
    """How many seconds to wait for a peer."""

    connect: float = 15  # TCP; PS3.8 leaves it open
    associate: float = 30  # ARTIM
    respond: float = 180  # archives commit, compress and forward before they answer
    release: float = 5


USUAL_PATIENCE = Patience()
_STOP_SECONDS = 0.25  # how often `stop` is asked while a peer thinks about its answer
_MOST_RESPONSE_BYTES = 1 << 16


class Stopped(Exception):  # not an error: we were asked to
    """`stop` said so while an object was under way."""


class Association:
    """An association with a peer, from `with` to release. Use it from one thread."""

    def __init__(self, peer: Peer, proposed: Sequence[Context], patience: Patience) -> None:
        self.peer = peer
        self._patience = patience
        self._message_id = 0
        self._connection = Connection(_connect(peer, patience), patience.associate)
        try:
            acceptance = self._negotiate(proposed)
        except (LostError, ViolationError, ValueError) as error:
            self._connection.abort(SERVICE_PROVIDER)
            raise Later(f"{peer} gives no association: {error}") from None
        except BaseException:
            self._connection.close()
            raise
        self._most = min(acceptance.max_pdu or MAX_PDU, MAX_PDU)
        missing = (-1, "")  # a context the peer did not answer is refused
        self._results = {
            (context.abstract_syntax, context.transfer_syntaxes[0]): (
                acceptance.answers.get(context.id, missing)[0],
                context.id,
            )
            for context in proposed
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._release()
        elif isinstance(error, LostError):
            self._connection.close()
        else:
            self._connection.abort(SERVICE_USER if isinstance(error, Stopped) else SERVICE_PROVIDER)

    def result(self, sop_class: str, syntax: str) -> int:
        """What the peer answered to this pair: ACCEPTED or why not (PS3.8 Table 9-18)."""
        return self._results.get((sop_class, syntax), (-1, 0))[0]

    def echo(self, sop_class: str, syntax: str) -> int:
        """C-ECHO; the status answered."""
        return self._ask(Command(command.C_ECHO_RQ, self._next_id(), sop_class), syntax, None, 0, lambda: False)

    def store(
        self, sop_class: str, sop_instance: str, syntax: str, file: BinaryIO, length: int, stop: Callable[[], bool]
    ) -> int:
        """C-STORE the next `length` bytes of a file, as they are; the status answered."""
        asked = Command(command.C_STORE_RQ, self._next_id(), sop_class, sop_instance, has_dataset=True)
        return self._ask(asked, syntax, file, length, stop)

    def find(self, sop_class: str, syntax: str, identifier: bytes, most: int) -> tuple[int, list[bytes]]:
        """C-FIND; the last status, and the identifiers of the matches. LostError after more than `most` of them."""
        asked = Command(command.C_FIND_RQ, self._next_id(), sop_class, has_dataset=True)
        connection, context_id = self._connection, self._results[sop_class, syntax][1]
        connection.wait_up_to(self._patience.respond)
        connection.send_command(context_id, command.encode(asked), self._most)
        for _ in connection.send_dataset(context_id, io.BytesIO(identifier), len(identifier), self._most):
            pass
        found: list[bytes] = []
        while True:
            answer = self._response()
            self._check(answer, asked)
            match = self._dataset(context_id) if answer.has_dataset else b""
            if answer.status not in status.PENDING:
                return answer.status or 0, found
            found.append(match)
            if len(found) > most:
                raise ViolationError("the peer's answer has no end")

    def _check(self, answer: Command, asked: Command) -> None:
        if answer.message_id != asked.message_id or answer.field != asked.field | 0x8000 or answer.status is None:
            raise ViolationError("the peer answered something else than it was asked")

    def _dataset(self, context_id: int) -> bytes:
        collected = bytearray()
        while (value := self._connection.value()) is not None:
            if value.is_command or value.context_id != context_id:
                raise ViolationError("another message began in the middle of an answer")
            if len(collected) + value.length > _MOST_RESPONSE_BYTES:
                raise ViolationError("the peer's answer has no end")
            for piece in self._connection.pieces(value.length):
                collected += piece
            if value.is_last:
                return bytes(collected)
        raise LostError("the peer released the association in the middle of an answer")

    def _ask(self, asked: Command, syntax: str, file: BinaryIO | None, length: int, stop: Callable[[], bool]) -> int:
        connection, context_id = self._connection, self._results[asked.sop_class_uid, syntax][1]
        connection.wait_up_to(self._patience.respond)
        connection.send_command(context_id, command.encode(asked), self._most)
        if file is not None:
            for _ in connection.send_dataset(context_id, file, length, self._most):
                if stop():
                    raise Stopped
        waited = 0.0
        while waited < self._patience.respond and not connection.has_news(_STOP_SECONDS):
            waited += _STOP_SECONDS
            if stop():
                raise Stopped
        answer = self._response()
        self._check(answer, asked)
        return answer.status or 0

    def _response(self) -> Command:
        collected = bytearray()
        while (value := self._connection.value()) is not None:
            if len(collected) + value.length > _MOST_RESPONSE_BYTES:
                raise ViolationError("the peer's answer has no end")
            for piece in self._connection.pieces(value.length):
                if value.is_command:
                    collected += piece
            if value.is_command and value.is_last:
                try:
                    return command.decode(bytes(collected))
                except ValueError as error:
                    raise ViolationError(str(error)) from None
        raise LostError("the peer released the association instead of an answer")

    def _negotiate(self, proposed: Sequence[Context]) -> associate.Acceptance:
        self._connection.wait_up_to(self._patience.associate, in_all=True)
        self._connection.send(associate.encode_request(self.peer.called_ae, self.peer.calling_ae, proposed))
        kind, body = self._connection.control()
        if kind == A_ASSOCIATE_RJ:
            rejection = associate.decode_rejection(body)
            self._connection.close()
            raise Later(f"{self.peer} rejects the association: {rejection.words}")
        if kind == A_ABORT:
            raise LostError("it aborts instead of an answer")
        if kind != A_ASSOCIATE_AC:
            raise ViolationError("it does not speak DICOM")
        acceptance = associate.decode_acceptance(body)
        if 0 < acceptance.max_pdu < 32:
            raise ViolationError("it takes only PDUs too short to carry anything")
        return acceptance

    def _release(self) -> None:
        # Everything has been answered: a peer that is slow, or gone, at the goodbye takes nothing back.
        with contextlib.suppress(LostError, ViolationError):
            self._connection.wait_up_to(self._patience.release, in_all=True)
            self._connection.send(release_request())
            self._connection.control()
        self._connection.close()

    def _next_id(self) -> int:
        self._message_id = self._message_id % 65535 + 1
        return self._message_id


def accepted(association: Association, sop_class: str, syntaxes: Sequence[str]) -> str | None:
    """The first of these transfer syntaxes the peer takes for this SOP class."""
    return next((syntax for syntax in syntaxes if association.result(sop_class, syntax) == ACCEPTED), None)


def _connect(peer: Peer, patience: Patience) -> socket.socket:
    context = peer.tls() if peer.tls is not None else None
    line = _dial(peer, patience)
    return line if context is None else _secured(line, context, peer, patience)


def _secured(line: socket.socket, context: ssl.SSLContext, peer: Peer, patience: Patience) -> socket.socket:
    """The same with TLS on it, and with a certificate there that is trusted here."""
    line.settimeout(patience.associate)
    try:
        return context.wrap_socket(line, server_hostname=peer.host.rstrip("."))  # which also says the name (SNI)
    except (OSError, ValueError) as error:
        line.close()
        why = words(error) if isinstance(error, OSError) else f"{peer.host} is no name for TLS"
        raise Later(f"{peer}: {why}") from None


def _dial(peer: Peer, patience: Patience) -> socket.socket:
    try:
        return socket.create_connection((peer.host, peer.port), timeout=patience.connect)
    except socket.gaierror:
        raise Later(f"{peer}: the name {peer.host} is not known here (DNS)") from None
    except ConnectionRefusedError:
        raise Later(f"{peer} refuses the connection: nothing listens there") from None
    except TimeoutError:
        raise Later(f"{peer} does not answer: no connection within {patience.connect:g} seconds") from None
    except OSError as error:
        raise Later(f"{peer} cannot be reached: {error.strerror or 'network error'}") from None
    except UnicodeError:
        raise Later(f"{peer}: {peer.host} is no name that could be looked up") from None
