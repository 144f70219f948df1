"""What a listener serves beside storage: a table of services, and the desk that answers for them on one association.

A service may want to tell the caller something afterwards (results of a storage commitment): that goes over the same
association, while it lasts. Must not know what the services are, nor sockets.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from engine.dicom import command, status
from engine.dicom.command import Command
from engine.dicom.negotiate import Answer
from engine.dicom.pdu import Connection, ViolationError
from engine.dicom.stream import BytesContent, Stream

_MOST_DATASET_BYTES = 1 << 24
_MOST_OPEN = 100
"""Requests of ours that the caller has not answered yet, on one association."""


@dataclass(frozen=True)
class Call:
    """What a caller asks."""

    asked: Command
    dataset: bytes
    syntax: str
    calling_ae: str
    called_ae: str
    address: str


@dataclass(frozen=True)
class Event:
    """Something to tell the caller. `ended` is called once: with whether the caller has said that it heard it."""

    told: Command  # its message id does not count
    dataset: bytes
    ended: Callable[[bool], None]


@dataclass(frozen=True)
class Reply:
    """The status to answer, and what to tell afterwards."""

    status: int
    event: Event | None = None


Service = Callable[[Call], Reply]
Services = Mapping[tuple[str, int], Service]
"""By abstract syntax and command field (PS3.7 E.1)."""


class Desk:
    """Serves one association beside what it stores. Use it from the thread of that; call `close` at its end."""

    def __init__(self, connection: Connection, most: int, services: Services, caller: tuple[str, str, str]) -> None:
        """caller: calling and called AE title, and address."""
        self._connection, self._services, self._most = connection, services, most
        self._caller = caller
        self._stream: Stream | None = None
        self._open: dict[int, Event] = {}
        self._message_id = 0

    def takes(self, asked: Command, context: Answer) -> bool:
        """Whether this is for the desk: a service of its table, or the answer to what it has told."""
        if not asked.is_request:
            return asked.message_id in self._open and asked.field == command.N_EVENT_REPORT_RSP
        return (context.abstract_syntax, asked.field) in self._services

    def serve(self, asked: Command, context: Answer, pieces: Iterator[memoryview]) -> None:
        """Answer it. LostError or ViolationError when the association ends over it."""
        dataset = bytearray()
        for piece in pieces:
            dataset += piece
            if len(dataset) > _MOST_DATASET_BYTES:
                raise ViolationError("a request has no end")
        if not asked.is_request:
            self._open.pop(asked.message_id).ended(asked.status == status.SUCCESS)
            return
        service = self._services[context.abstract_syntax, asked.field]
        reply = service(Call(asked, bytes(dataset), context.transfer_syntax, *self._caller))
        self._send(context, command.response(asked, reply.status))
        if reply.event is not None:
            self._tell(context, reply.event)

    def close(self) -> None:
        """The association has ended: what was not answered was perhaps not heard."""
        while self._open:
            self._open.popitem()[1].ended(False)

    def _tell(self, context: Answer, event: Event) -> None:
        if len(self._open) >= _MOST_OPEN:
            event.ended(False)
            return
        self._message_id = self._message_id % 65535 + 1
        self._open[self._message_id] = event
        told = event.told
        self._send(
            context,
            Command(
                told.field, self._message_id, told.sop_class_uid, told.sop_instance_uid, True, type_id=told.type_id
            ),
            event.dataset,
        )

    def _send(self, context: Answer, said: Command, dataset: bytes | None = None) -> None:
        if self._stream is None:
            self._stream = Stream(self._connection, self._most)
        content = None if dataset is None else BytesContent(dataset)
        self._stream.send(context.id, command.encode(said), content, lambda: None)
