"""The requestor's half of one association: ask for it, operate over it, release it (PS3.7 9.1, PS3.8 9.2).

Must not know which objects there are, their order, or what becomes of them (send.py). Every failure to get or keep
an association is Later: even "AE title not recognized", which somebody usually corrects within the hour.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from engine.dicom import associate, command, status
from engine.dicom.associate import Role
from engine.dicom.command import Command
from engine.dicom.negotiate import ACCEPTED, IMPLICIT_LITTLE, Context
from engine.dicom.pdu import (
    A_ABORT,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    SERVICE_PROVIDER,
    SERVICE_USER,
    AbortedError,
    Connection,
    LostError,
    SilentError,
    ViolationError,
    release_request,
    release_response,
)
from engine.dicom.peer import Peer
from engine.dicom.stream import BytesContent, Content, Stream
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
_LAST_WORDS_SECONDS = 1.0
_MOST_COMMAND_BYTES = 1 << 16  # a response has about 200
_MOST_DATASET_BYTES = 1 << 24  # the results of a storage commitment name every object; all others are short

Event = Callable[[Command, bytes, str], int]
"""An N-EVENT-REPORT has come: its command, its data set and the transfer syntax of that → the status to answer."""


class Stopped(Exception):  # not an error: we were asked to
    """`stop` said so while an object was under way."""


def unwanted(_asked: Command, _dataset: bytes, _syntax: str) -> int:
    """The Event of whoever expects none."""
    return status.UNRECOGNIZED_OPERATION


class Association:
    """An association with a peer, from `with` to release. Use it from one thread at a time."""

    def __init__(
        self,
        peer: Peer,
        proposed: Sequence[Context],
        patience: Patience,
        *,
        roles: Iterable[Role] = (),
        operations: int = 1,
        event: Event = unwanted,
    ) -> None:
        """operations: how many C-STOREs may be under way at once, if the peer grants it. Raises Later."""
        self.peer = peer
        self._patience = patience
        self._event = event
        self._message_id = 0
        self._open: dict[int, int] = {}
        self.late: list[Command] = []
        """Answers that had come already when the connection broke while we were sending."""
        self._connection = Connection(_connect(peer, patience), patience.associate)
        try:
            acceptance = self._negotiate(proposed, roles, operations)
        except (LostError, ViolationError, ValueError) as error:
            self._connection.abort(SERVICE_PROVIDER)
            raise Later(f"{peer} gives no association: {error}") from None
        except BaseException:
            self._connection.close()
            raise
        self.operations = max(1, min(acceptance.operations or operations, operations))
        self._stream = Stream(self._connection, acceptance.max_pdu)
        missing = (-1, "")  # a context the peer did not answer is refused
        self._results = {
            (context.abstract_syntax, context.transfer_syntaxes[0]): (
                acceptance.answers.get(context.id, missing)[0],
                context.id,
            )
            for context in proposed
        }
        self._syntaxes = {context.id: context.transfer_syntaxes[0] for context in proposed}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.release()
        else:
            self.drop(error)

    def release(self) -> None:
        """End it in peace. Everything has been answered: a peer that is slow, or gone, takes nothing back."""
        with contextlib.suppress(LostError, ViolationError):
            self._connection.wait_up_to(self._patience.release, in_all=True)
            self._connection.send(release_request())
            self._connection.control()
        self._connection.close()

    def drop(self, error: BaseException) -> None:
        """End it after this error."""
        if isinstance(error, LostError):
            self._connection.close()
        else:
            self._connection.abort(SERVICE_USER if isinstance(error, Stopped) else SERVICE_PROVIDER)

    def fileno(self) -> int:
        """The number of its socket."""
        return self._connection.fileno()

    def result(self, sop_class: str, syntax: str) -> int:
        """What the peer answered to this pair: ACCEPTED or why not (PS3.8 Table 9-18)."""
        return self._results.get((sop_class, syntax), (-1, 0))[0]

    def covers(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Whether all of these pairs of SOP class and transfer syntax were proposed to the peer."""
        return self._results.keys() >= set(pairs)

    # --- operations --------------------------------------------------------------------------------------

    def echo(self, sop_class: str, syntax: str) -> int:
        """C-ECHO; the status answered."""
        return self._ask(Command(command.C_ECHO_RQ, self._next_id(), sop_class), syntax)

    def store(
        self, sop_class: str, sop_instance: str, syntax: str, content: Content, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Begin a C-STORE; the number under which it is answered (`answer`).

        Raises LostError where the peer cannot have got all of it; then `late` has what it had answered before.
        """
        asked = Command(command.C_STORE_RQ, self._next_id(), sop_class, sop_instance, has_dataset=True)
        try:
            self._send(asked, syntax, content, stop)
        except SilentError:
            raise
        except LostError as error:
            raise self._last_words(error) from None
        return asked.message_id

    def answer(self, stop: Callable[[], bool] = lambda: False) -> tuple[int, int]:
        """Wait for the next answer to what was begun: its number and its status."""
        self._wait(stop)
        answer, _ = self._response()
        return answer.message_id, answer.status or 0

    def has_answer(self) -> bool:
        """Whether something has come that can be read now, or the end of the association."""
        return self._connection.has_news(0)

    def find(self, sop_class: str, syntax: str, identifier: bytes, most: int) -> tuple[int, list[bytes]]:
        """C-FIND; the last status, and the identifiers of the matches. ViolationError after more than `most`."""
        asked = Command(command.C_FIND_RQ, self._next_id(), sop_class, has_dataset=True)
        self._send(asked, syntax, BytesContent(identifier), lambda: False)
        found: list[bytes] = []
        while True:
            answer, match = self._response()
            if answer.status not in status.PENDING:
                return answer.status or 0, found
            self._open[asked.message_id] = answer.field
            found.append(match)
            if len(found) > most:
                raise ViolationError("the peer's answer has no end")

    def action(self, sop_class: str, instance: str, syntax: str, type_id: int, information: bytes) -> int:
        """N-ACTION; the status answered."""
        asked = Command(command.N_ACTION_RQ, self._next_id(), sop_class, instance, has_dataset=True, type_id=type_id)
        return self._ask(asked, syntax, BytesContent(information))

    def report_event(self, sop_class: str, instance: str, syntax: str, type_id: int, information: bytes) -> int:
        """N-EVENT-REPORT; the status answered."""
        field = command.N_EVENT_REPORT_RQ
        asked = Command(field, self._next_id(), sop_class, instance, has_dataset=True, type_id=type_id)
        return self._ask(asked, syntax, BytesContent(information))

    def listen(self, seconds: float, enough: Callable[[], bool] = lambda: False) -> None:
        """Take what the peer has to tell, for so long or until it is `enough`. LostError when it ends meanwhile."""
        end = time.monotonic() + seconds
        while not enough() and self._connection.has_news(max(0.0, end - time.monotonic())):
            self._connection.wait_up_to(self._patience.associate, in_all=True)
            if self._message() is not None:
                raise ViolationError("the peer answers what it was not asked")
            if time.monotonic() >= end:
                break

    # --- messages ----------------------------------------------------------------------------------------

    def _ask(self, asked: Command, syntax: str, content: Content | None = None) -> int:
        self._send(asked, syntax, content, lambda: False)
        self._wait(lambda: False)
        answer, _ = self._response()
        return answer.status or 0

    def _send(self, asked: Command, syntax: str, content: Content | None, stop: Callable[[], bool]) -> None:
        def look() -> None:
            if stop():
                raise Stopped

        self._connection.wait_up_to(self._patience.respond)
        context_id = self._results[asked.sop_class_uid, syntax][1]
        self._stream.send(context_id, command.encode(asked), content, look)
        self._open[asked.message_id] = asked.field | 0x8000

    def _wait(self, stop: Callable[[], bool]) -> None:
        end = time.monotonic() + self._patience.respond
        while not self._connection.has_news(_STOP_SECONDS):
            if stop():
                raise Stopped
            if time.monotonic() > end:
                raise SilentError("the peer was silent for too long")

    def _last_words(self, error: LostError) -> LostError:
        """Take in what the peer had said before the line broke; the error, or that it has aborted."""
        try:
            self._connection.wait_up_to(_LAST_WORDS_SECONDS, in_all=True)
            while self._open:
                self.late.append(self._response()[0])
        except AbortedError as aborted:
            return aborted
        except (LostError, ViolationError):
            pass
        return error

    def _response(self) -> tuple[Command, bytes]:
        """The next response to what is open, and its data set."""
        while (message := self._message()) is None:
            pass  # an event was told of in between
        answer, dataset = message
        if self._open.pop(answer.message_id, None) != answer.field or answer.status is None:
            raise ViolationError("the peer answered something else than it was asked")
        return answer, dataset

    def _message(self) -> tuple[Command, bytes] | None:
        """The next response with its data set; None where it was an event, which has then been dealt with."""
        context_id, data = self._collect(of_command=True)
        try:
            read = command.decode(data)
        except ValueError as error:
            raise ViolationError(str(error)) from None
        dataset = self._collect(of_command=False)[1] if read.has_dataset else b""
        if read.field == command.N_EVENT_REPORT_RQ:
            code = self._event(read, dataset, self._syntaxes.get(context_id, IMPLICIT_LITTLE))
            self._stream.send(context_id, command.encode(command.response(read, code)), None, lambda: None)
            return None
        if read.is_request:
            raise ViolationError("the peer asks for something that only we may ask for here")
        return read, dataset

    def _collect(self, *, of_command: bool) -> tuple[int, bytes]:
        """All fragments of a command, or of a data set."""
        collected = bytearray()
        most = _MOST_COMMAND_BYTES if of_command else _MOST_DATASET_BYTES
        while (value := self._connection.value()) is not None:
            if value.is_command != of_command:
                raise ViolationError("a command and a data set are mixed up in an answer")
            if len(collected) + value.length > most:
                raise ViolationError("the peer's answer has no end")
            for piece in self._connection.pieces(value.length):
                collected += piece
            if value.is_last:
                return value.context_id, bytes(collected)
        with contextlib.suppress(LostError):
            self._connection.send(release_response())
        raise LostError("the peer released the association instead of an answer")

    def _negotiate(self, proposed: Sequence[Context], roles: Iterable[Role], operations: int) -> associate.Acceptance:
        self._connection.wait_up_to(self._patience.associate, in_all=True)
        self._connection.send(
            associate.encode_request(self.peer.called_ae, self.peer.calling_ae, proposed, roles, operations)
        )
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
