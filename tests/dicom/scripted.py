"""A peer that does what a test says, PDU by PDU: it speaks the protocol as far as the script wants, and no further."""

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import replace

from engine.dicom import Peer, associate, command, conversation
from engine.dicom.associate import Request
from engine.dicom.command import Command
from engine.dicom.negotiate import Answer, Policy, accept
from engine.dicom.pdu import Connection, LostError, ViolationError, release_response

Script = Callable[["Call"], None]


class Call:
    """One association, accepted."""

    def __init__(self, sock: socket.socket, number: int, operations: int, policy: Policy) -> None:
        self.number = number
        """Counts from 1."""
        self.socket = sock
        self.connection = Connection(sock, 20)
        self.request: Request = conversation.hear_request(self.connection)
        self.answers: tuple[Answer, ...] = accept(self.request.contexts, policy)
        granted = replace(self.request, operations=min(operations, self.request.operations or operations))
        self.connection.send(associate.encode_acceptance(granted, self.answers))
        self.stored: list[str] = []
        """SOP instance UIDs, as they came."""
        self.context_id = 1

    def hear(self) -> Command | None:
        """The next command, its data set read away; None where the caller asks for the release, which is granted."""
        data = bytearray()
        while (value := self.connection.value()) is not None:
            self.context_id = value.context_id
            for piece in self.connection.pieces(value.length):
                data += piece if value.is_command else b""
            if value.is_command and value.is_last:
                heard = command.decode(bytes(data))
                if not heard.has_dataset:
                    return heard
            elif value.is_last:
                self.stored.append(heard.sop_instance_uid)
                return heard
        self.connection.send(release_response())
        self.connection.hang_up()
        return None

    def answer(self, asked: Command, status: int = 0, message_id: int | None = None) -> None:
        """Answer it, perhaps under another number."""
        said = command.response(asked, status)
        self.say(said if message_id is None else replace(said, message_id=message_id))

    def say(self, said: Command) -> None:
        """Send a command without a data set."""
        self.connection.send_command(self.context_id, command.encode(said), 16384)

    def serve(self, most: int = 1 << 30) -> bool:
        """Take so many objects as it should be; whether the caller released the association."""
        for _ in range(most):
            asked = self.hear()
            if asked is None:
                return True
            self.answer(asked)
        return False


class Scripted:
    """Runs the script for each association, one after the other in threads of their own."""

    def __init__(self, script: Script, operations: int = 1, policy: Policy | None = None) -> None:
        self._script, self._operations, self._policy = script, operations, policy or Policy()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.peer = Peer("SCRIPTED", "127.0.0.1", self._server.getsockname()[1])
        self.calls: list[Call] = []
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def stored(self) -> list[str]:
        """All SOP instance UIDs that came whole."""
        return [uid for call in self.calls for uid in call.stored]

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._server.accept()
                threading.Thread(target=self._run, args=(sock,), daemon=True).start()

    def _run(self, sock: socket.socket) -> None:
        with contextlib.suppress(LostError, ViolationError, OSError):
            call = Call(sock, len(self.calls) + 1, self._operations, self._policy)
            self.calls.append(call)
            self._script(call)
        sock.close()
