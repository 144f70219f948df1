"""PDUs by hand, so that they may be wrong: what a sender puts on the wire, and how its answers are read."""

import socket
import struct

from engine.dicom.command import C_STORE_RQ, Command, decode, encode
from engine.dicom.negotiate import EXPLICIT_LITTLE

CT = "1.2.840.10008.5.1.4.1.1.2"


def request(
    called: bytes = b"STELLWERK",
    calling: bytes = b"SENDER",
    syntax: bytes = EXPLICIT_LITTLE.encode(),
    contexts: int = 1,
    sop_class: str = CT,
) -> bytes:
    """An A-ASSOCIATE-RQ that proposes so many contexts, numbered 1, 3, 5 …"""

    def item(kind: int, value: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(value)) + value

    proposed = item(0x30, sop_class.encode()) + item(0x40, syntax)
    context = b"".join(item(0x20, struct.pack("B3x", 2 * n + 1) + proposed) for n in range(contexts))
    user = item(0x50, item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.3"))
    body = struct.pack(">Hxx16s16s32x", 1, called.ljust(16), calling.ljust(16))
    body += item(0x10, b"1.2.840.10008.3.1.1.1") + context + user
    return struct.pack(">BxI", 1, len(body)) + body


def pdv(flags: int, data: bytes, context: int = 1) -> bytes:
    return struct.pack(">IBB", len(data) + 2, context, flags) + data


def p_data(*values: bytes) -> bytes:
    return struct.pack(">BxI", 4, sum(map(len, values))) + b"".join(values)


def established(sock: socket.socket, asked: bytes) -> bytes:
    """Ask for an association and get it; the body of the acceptance."""
    sock.sendall(asked)
    head = sock.recv(6, socket.MSG_WAITALL)
    assert head[0] == 2
    return sock.recv(int.from_bytes(head[2:], "big"), socket.MSG_WAITALL)


def stored(sock: socket.socket) -> int | None:
    head = sock.recv(12, socket.MSG_WAITALL)
    assert head[0] == 4
    return decode(sock.recv(int.from_bytes(head[2:6], "big") - 6, socket.MSG_WAITALL)).status


def store(message: int = 7, sop_instance: str = "1.2.3", sop_class: str = CT) -> bytes:
    """The command set of a C-STORE-RQ."""
    return encode(Command(C_STORE_RQ, message, sop_class, sop_instance, has_dataset=True))


STORE = store()
RELEASE = b"\5\0\0\0\0\4\0\0\0\0"
