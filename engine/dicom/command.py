"""DIMSE command sets (PS3.7 6.3, 9.3, 10.3): the few fields that we use, between bytes and a dataclass.

Pure. Must not know sockets, datasets or what a status means (status.py). By hand, because pydicom needs a
millisecond for it and refuses UIDs that real devices send.
"""

import struct
from dataclasses import dataclass

C_STORE_RQ, C_STORE_RSP = 0x0001, 0x8001
C_FIND_RQ, C_FIND_RSP = 0x0020, 0x8020
C_ECHO_RQ, C_ECHO_RSP = 0x0030, 0x8030
C_CANCEL_RQ = 0x0FFF
N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP = 0x0100, 0x8100
N_ACTION_RQ, N_ACTION_RSP = 0x0130, 0x8130
_NO_DATASET = 0x0101

_GROUP_LENGTH, _SOP_CLASS_UID, _REQUESTED_SOP_CLASS_UID = 0x0000, 0x0002, 0x0003
_FIELD, _MESSAGE_ID, _RESPONDED_TO = 0x0100, 0x0110, 0x0120
_PRIORITY, _DATASET_TYPE, _STATUS = 0x0700, 0x0800, 0x0900
_SOP_INSTANCE_UID, _REQUESTED_SOP_INSTANCE_UID = 0x1000, 0x1001
_EVENT_TYPE, _ACTION_TYPE = 0x1002, 0x1008
_HEADER = struct.Struct("<HHI")


@dataclass(frozen=True)
class Command:
    """A command set. UIDs are as sent, without padding: odd, over-long or empty ones are for the caller to judge."""

    field: int
    message_id: int = 0  # of a request; of the request being responded to in a response
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    has_dataset: bool = False
    status: int | None = None
    type_id: int | None = None  # which action is asked for, or which event is told of

    @property
    def is_request(self) -> bool:
        return not self.field & 0x8000


def decode(data: bytes) -> Command:
    """The command in these bytes (implicit VR little endian, always); ValueError if it has none."""
    elements: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(data):
        group, element, length = _HEADER.unpack_from(data, position)
        position += 8
        if group != 0 or position + length > len(data):
            raise ValueError("the command set is damaged")
        elements[element] = data[position : position + length]
        position += length
    field = _number(elements, _FIELD)
    if field is None:
        raise ValueError("the command set has no command field")
    message_id = _number(elements, _RESPONDED_TO if field & 0x8000 else _MESSAGE_ID)
    return Command(
        field=field,
        message_id=message_id or 0,
        sop_class_uid=_uid(elements.get(_SOP_CLASS_UID) or elements.get(_REQUESTED_SOP_CLASS_UID, b"")),
        sop_instance_uid=_uid(elements.get(_SOP_INSTANCE_UID) or elements.get(_REQUESTED_SOP_INSTANCE_UID, b"")),
        has_dataset=_number(elements, _DATASET_TYPE) not in (None, _NO_DATASET),
        status=_number(elements, _STATUS),
        type_id=_number(elements, _EVENT_TYPE if _EVENT_TYPE in elements else _ACTION_TYPE),
    )


def encode(command: Command) -> bytes:
    """A request or response as bytes, elements in ascending order, group length first."""
    # What an action is asked of is "requested", everything else is "affected" (PS3.7 10.3.5).
    requested = command.field == N_ACTION_RQ
    elements: list[tuple[int, bytes]] = []
    if command.sop_class_uid:
        elements.append((_REQUESTED_SOP_CLASS_UID if requested else _SOP_CLASS_UID, _padded(command.sop_class_uid)))
    elements.append((_FIELD, _short(command.field)))
    elements.append((_MESSAGE_ID if command.is_request else _RESPONDED_TO, _short(command.message_id)))
    if command.field in (C_STORE_RQ, C_FIND_RQ):
        elements.append((_PRIORITY, _short(0)))
    elements.append((_DATASET_TYPE, _short(1 if command.has_dataset else _NO_DATASET)))
    if command.status is not None:
        elements.append((_STATUS, _short(command.status)))
    if command.sop_instance_uid:
        element = _REQUESTED_SOP_INSTANCE_UID if requested else _SOP_INSTANCE_UID
        elements.append((element, _padded(command.sop_instance_uid)))
    if command.type_id is not None:
        is_event = command.field & ~0x8000 == N_EVENT_REPORT_RQ
        elements.append((_EVENT_TYPE if is_event else _ACTION_TYPE, _short(command.type_id)))
    body = b"".join(_HEADER.pack(0, element, len(value)) + value for element, value in elements)
    return _HEADER.pack(0, _GROUP_LENGTH, 4) + struct.pack("<I", len(body)) + body


def response(request: Command, status: int) -> Command:
    """The response to a request, whatever its kind, without a dataset."""
    return Command(
        field=request.field | 0x8000,
        message_id=request.message_id,
        sop_class_uid=request.sop_class_uid,
        sop_instance_uid=request.sop_instance_uid,
        status=status,
        type_id=request.type_id,
    )


def _number(elements: dict[int, bytes], element: int) -> int | None:
    value = elements.get(element, b"")
    return int.from_bytes(value[:2], "little") if len(value) >= 2 else None


def _short(number: int) -> bytes:
    return struct.pack("<H", number)


def _uid(value: bytes) -> str:
    # latin-1, because it maps every byte and back: what a device sent wrongly is returned to it unchanged.
    return value.decode("latin-1").strip("\0 ")


def _padded(uid: str) -> bytes:
    value = uid.encode("latin-1", "replace")
    return value + b"\0" if len(value) % 2 else value
