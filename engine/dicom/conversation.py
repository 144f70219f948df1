"""The acceptor's half of one association: ask-and-answer from A-ASSOCIATE-RQ to release (PS3.7 9.1, PS3.8 9.2).

Must not know where objects go, who may call, or that there are other associations: it is given two functions.
"""

from collections.abc import Callable, Iterator, Mapping

from engine.dicom import associate, command, status
from engine.dicom.command import Command
from engine.dicom.inbound import Inbound
from engine.dicom.negotiate import ACCEPTED, Answer
from engine.dicom.pdu import (
    A_ASSOCIATE_RQ,
    INVALID_PARAMETER_VALUE,
    MAX_PDU,
    SERVICE_PROVIDER,
    UNEXPECTED_PDU,
    Connection,
    LostError,
    ViolationError,
    release_response,
)
from engine.dicom.services import Desk, Services

# What an object comes with: its command, its context as accepted, its dataset in pieces, each valid until the next.
Store = Callable[[Command, Answer, Iterator[memoryview]], int]

_MOST_COMMAND_BYTES = 1 << 16  # a C-STORE-RQ has about 200
_MOST_REFUSED_BYTES = 1 << 32  # of an object that nobody wants: its sender may hear so, but not send for ever


def hear_request(connection: Connection) -> associate.Request:
    """The association the caller asks for."""
    kind, body = connection.control()
    if kind != A_ASSOCIATE_RQ:
        raise ViolationError("an association request was expected", UNEXPECTED_PDU)
    try:
        return associate.decode_request(body)
    except ValueError as error:
        raise ViolationError(str(error), INVALID_PARAMETER_VALUE) from None


def refuse(connection: Connection, rejection: associate.Rejection) -> None:
    connection.send(associate.encode_rejection(rejection))
    connection.hang_up()


def converse(
    connection: Inbound,
    request: associate.Request,
    answers: tuple[Answer, ...],
    store: Store,
    services: Services,
    address: str,
) -> None:
    """Accept the association and serve it until its release; LostError or ViolationError when it ends otherwise."""
    connection.send(associate.encode_acceptance(request, answers))
    contexts = {answer.id: answer for answer in answers if answer.result == ACCEPTED}
    most = min(request.max_pdu or MAX_PDU, MAX_PDU)
    if most < 32:
        raise ViolationError("the caller takes only PDUs too short to carry anything", INVALID_PARAMETER_VALUE)
    desk = Desk(connection, most, services, (request.calling_ae, request.called_ae, address))
    try:
        while (message := _next_command(connection, contexts)) is not None:
            context, asked = message
            pieces = connection.dataset(context.id) if asked.has_dataset else iter(())
            if desk.takes(asked, context):
                desk.serve(asked, context, pieces)
                connection.message_ends()
                continue
            code = _serve(asked, context, pieces, store)
            _read_on(pieces)
            connection.message_ends()
            if code is not None:
                connection.send_command(context.id, command.encode(command.response(asked, code)), most)
        connection.send(release_response())
    finally:
        desk.close()
    connection.hang_up()


def _read_on(pieces: Iterator[memoryview]) -> None:
    """Read what was refused half-way to its end, or its bytes would be taken for the next command."""
    left = _MOST_REFUSED_BYTES
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise ViolationError("what was refused has no end")


def _serve(asked: Command, context: Answer, pieces: Iterator[memoryview], store: Store) -> int | None:
    """The status to answer with, or None for what wants no answer."""
    match asked.field:
        case command.C_ECHO_RQ:
            return status.SUCCESS
        case command.C_STORE_RQ if not asked.has_dataset:
            return status.CANNOT_UNDERSTAND
        case command.C_STORE_RQ if not asked.sop_instance_uid:
            return status.INVALID_INSTANCE
        case command.C_STORE_RQ:
            return store(asked, context, pieces)
        case command.C_CANCEL_RQ:
            return None  # of a query we never had
        case _ if asked.is_request:
            return status.UNRECOGNIZED_OPERATION
        case _:
            raise ViolationError("a response came where a request was expected")


def _next_command(connection: Inbound, contexts: Mapping[int, Answer]) -> tuple[Answer, Command] | None:
    collected = bytearray()
    while (value := connection.value()) is not None:
        if not value.is_command:
            raise ViolationError("a dataset came without a command")
        if value.context_id not in contexts:
            raise ViolationError("a command came in a context that was not accepted", INVALID_PARAMETER_VALUE)
        if len(collected) + value.length > _MOST_COMMAND_BYTES:
            raise ViolationError("a command set is too long", INVALID_PARAMETER_VALUE)
        collected += connection.body(value.length)
        if value.is_last:
            try:
                return contexts[value.context_id], command.decode(bytes(collected))
            except ValueError as error:
                raise ViolationError(str(error)) from None
    if collected:
        raise ViolationError("the release came in the middle of a command", UNEXPECTED_PDU)
    return None


def end(connection: Connection, error: LostError | ViolationError) -> None:
    """Say goodbye as PS3.8 9.3.8 wants it, after `converse` failed."""
    reason = error.reason if isinstance(error, ViolationError) else 0
    connection.abort(SERVICE_PROVIDER, reason)
