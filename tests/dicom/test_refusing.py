"""Who may not come in, and what they are told: result, source and reason (PS3.8 9.3.4)."""

import ipaddress
import socket

from engine.dicom.associate import encode_request
from engine.dicom.negotiate import (
    IMPLICIT_LITTLE,
    VERIFICATION,
    Context,
)
from engine.dicom.requestor import Association
from tests.dicom.conftest import (
    CT,
    HASTY,
    JPEG2000,
    Listen,
    to,
    until,
)


def rejection(port: int, calling: str = "SENDER", called: str = "STELLWERK") -> tuple[int, int, int] | None:
    """What a caller is told: result, source and reason; None if it is accepted.

    Read off the wire. pynetdicom's requestor, when the machine is busy, may notice that the connection is closed
    before it looks at the rejection, and call that an abort. DCMTK's reading of it is in test_interop.py.
    """
    asked = encode_request(called, calling, [Context(1, VERIFICATION, (IMPLICIT_LITTLE,))])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(asked)
        answer = sock.recv(10, socket.MSG_WAITALL)
    if answer[0] == 2:
        return None
    assert answer[0] == 3
    return answer[7], answer[8], answer[9]


def test_an_unknown_caller_is_rejected_for_its_ae_title(listen: Listen) -> None:
    listener = listen(accept_calling=frozenset({"CT_1", "CT_2"}))
    assert rejection(listener.port, calling="CT_2") is None
    assert rejection(listener.port, calling="CT_3") == (1, 1, 3)


def test_a_caller_that_calls_another_ae_title_is_rejected(listen: Listen) -> None:
    listener = listen(accept_called=frozenset({"STELLWERK"}))
    assert rejection(listener.port) is None
    assert rejection(listener.port, called="ANY-SCP") == (1, 1, 7)


def test_a_caller_from_a_foreign_network_is_rejected_without_a_reason(listen: Listen) -> None:
    listener = listen(networks=(ipaddress.ip_network("10.0.0.0/8"),))
    assert rejection(listener.port) == (1, 1, 1)


def test_a_full_disk_rejects_associations_for_the_time_being(listen: Listen) -> None:
    reasons: list[str | None] = ["the disk is full", None]
    listener = listen(may_receive=lambda: reasons.pop(0))
    assert rejection(listener.port) == (2, 3, 2)
    assert rejection(listener.port) is None


def test_more_associations_than_allowed_are_rejected_for_the_time_being(listen: Listen) -> None:
    listener = listen(max_associations=2)
    contexts = [Context(1, VERIFICATION, (IMPLICIT_LITTLE,))]
    with Association(to(listener), contexts, HASTY), Association(to(listener), contexts, HASTY):
        assert rejection(listener.port) == (2, 3, 2)
    until(lambda: not listener.associations)
    assert rejection(listener.port) is None


def test_queries_are_not_accepted_beside_storage(listen: Listen) -> None:
    find = "1.2.840.10008.5.1.4.1.2.2.1"
    contexts = [Context(1, find, (IMPLICIT_LITTLE,)), Context(3, CT, (JPEG2000,))]
    with Association(to(listen()), contexts, HASTY) as association:
        assert association.result(find, IMPLICIT_LITTLE) == 3
        assert association.result(CT, JPEG2000) == 0
