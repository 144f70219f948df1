"""A-ASSOCIATE (PS3.8 9.3.2 to 9.3.4), between bytes and plain data. The only file that imports pynetdicom.

pynetdicom's PDU classes do the layout. Its primitives, state machine and threads stay out: they validate what we
must merely pass on, and poll. Must not know sockets, or which proposals are welcome (negotiate.py).
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_items import (
    ApplicationContextItem,
    AsynchronousOperationsWindowSubItem,
    MaximumLengthSubItem,
    PresentationContextItemAC,
    PresentationContextItemRQ,
    SCP_SCU_RoleSelectionSubItem,
    UserIdentitySubItemAC,
    UserIdentitySubItemRQ,
    UserInformationItem,
)
from pynetdicom.pdu_primitives import (
    _UI,  # any of its notifications: the type its own functions want
    A_ASSOCIATE,
    AsynchronousOperationsWindowNegotiation,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext

from engine.dicom.negotiate import ACCEPTED, IMPLICIT_LITTLE, STORAGE_COMMITMENT, Answer, Context
from engine.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from engine.dicom.pdu import MAX_PDU

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"

MOST_OPERATIONS = 16
"""Operations under way at once on one association, at most (PS3.7 D.3.3.3): each may end without an answer."""


@dataclass(frozen=True)
class Role:
    """What the caller wants to be for a class: its user, its provider, or both (PS3.7 D.3.3.4)."""

    sop_class: str
    user: bool
    provider: bool


@dataclass(frozen=True)
class Claim:
    """Who the caller says it is (User Identity Negotiation, PS3.7 D.3.3.7), with the proof where one was given."""

    name: str
    passcode: str | None = field(repr=False)
    wants_answer: bool


@dataclass(frozen=True)
class Request:
    """What a caller asks for."""

    calling_ae: str
    called_ae: str
    application_context: str
    contexts: tuple[Context, ...]
    max_pdu: int  # the longest P-DATA-TF the caller takes; 0 is without limit
    roles: tuple[Role, ...] = ()
    operations: int = 1  # how many the caller would like to have under way at once; 0 is without limit
    claim: Claim | None = None


@dataclass(frozen=True)
class Acceptance:
    """What a peer granted us: answers by context id (result, transfer syntax), and the PDU length it takes."""

    answers: dict[int, tuple[int, str]]
    max_pdu: int
    operations: int = 1  # how many of ours may be under way at once


@dataclass(frozen=True)
class Rejection:
    """A-ASSOCIATE-RJ: result, source and reason of PS3.8 Table 9-21."""

    result: int
    source: int
    reason: int

    @property
    def words(self) -> str:
        return _REASONS.get((self.source, self.reason), "no reason given")


# What pynetdicom raises for bytes it does not understand, found by fuzzing.
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, AssertionError, NotImplementedError, struct.error)

PERMANENT, TRANSIENT = 1, 2
NO_REASON = Rejection(PERMANENT, 1, 1)
APPLICATION_CONTEXT_NOT_SUPPORTED = Rejection(PERMANENT, 1, 2)
CALLING_AE_NOT_RECOGNIZED = Rejection(PERMANENT, 1, 3)
CALLED_AE_NOT_RECOGNIZED = Rejection(PERMANENT, 1, 7)
LOCAL_LIMIT_EXCEEDED = Rejection(TRANSIENT, 3, 2)

_REASONS = {
    (1, 2): "it does not support the application context",
    (1, 3): "it does not know our AE title",
    (1, 7): "it does not go by that AE title",
    (2, 2): "it does not support the protocol version",
    (3, 1): "it is congested",
    (3, 2): "its limit of associations or space is exceeded",
}


def decode_request(body: bytes) -> Request:
    """The request in the body of an A-ASSOCIATE-RQ; ValueError if it cannot be read."""
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(_headed(0x01, _with_names(body)))
        contexts = [_context(item) for item in pdu.presentation_context]
        application_context = str(pdu.application_context_name or "")
        max_pdu = _max_pdu(pdu.user_information)
        roles = tuple(_roles(pdu.user_information))
        operations = _operations(pdu.user_information)
        claim = _claim(pdu.user_information)
    except _UNREADABLE:
        raise ValueError("the association request cannot be read") from None
    if len({context.id for context in contexts}) != len(contexts):
        raise ValueError("two presentation contexts have the same number")
    called, calling = (body[start : start + 16].decode("latin-1").strip("\0 ") for start in (4, 20))
    return Request(calling, called, application_context, tuple(contexts), max_pdu, roles, operations, claim)


def encode_acceptance(request: Request, answers: Sequence[Answer]) -> bytes:
    """A-ASSOCIATE-AC. Extended negotiation and so on go unanswered: their defaults then hold (PS3.7 D.3).

    Roles are granted for storage commitment, whose results come on an association that its provider asks for. Of
    operations we perform one after the other, so several may well be under way: their answers come in order.

    A claim that nobody has looked at goes unanswered: whoever did not, takes it out of the request before.
    """
    pdu = A_ASSOCIATE_AC()
    pdu.variable_items.append(_application_context())
    for answer in answers:
        item = PresentationContextItemAC()
        # A rejected context has a transfer syntax too, which does not count (PS3.8 9.3.3.2).
        syntax = answer.transfer_syntax if answer.result == ACCEPTED else IMPLICIT_LITTLE
        context = _presentation_context(answer.id, None, (syntax,))
        context.result = answer.result
        item.from_primitive(context)
        pdu.variable_items.append(item)
    served = {answer.abstract_syntax for answer in answers if answer.result == ACCEPTED} & {STORAGE_COMMITMENT}
    roles = [role for role in request.roles if role.sop_class in served and (role.user or role.provider)]
    operations = 1 if request.operations == 1 else min(request.operations or MOST_OPERATIONS, MOST_OPERATIONS)
    information = _user_information(roles, operations)
    if request.claim is not None and request.claim.wants_answer:
        answer_to_claim = UserIdentitySubItemAC()
        answer_to_claim.server_response = b""  # for a name and a passcode, that it is there says yes
        information.user_data.append(answer_to_claim)
    pdu.variable_items.append(information)
    encoded = bytearray(pdu.encode())
    # The names are sent back as they came (PS3.8 9.3.3), also those pynetdicom would refuse to encode.
    encoded[10:42] = b"".join(name.encode("latin-1")[:16].ljust(16) for name in (request.called_ae, request.calling_ae))
    return bytes(encoded)


def encode_request(
    called_ae: str, calling_ae: str, contexts: Iterable[Context], roles: Iterable[Role] = (), operations: int = 1
) -> bytes:
    """A-ASSOCIATE-RQ. `operations`: how many of ours we would like to have under way at once."""
    primitive = A_ASSOCIATE()
    primitive.called_ae_title, primitive.calling_ae_title = called_ae, calling_ae
    primitive.application_context_name = UID(APPLICATION_CONTEXT)
    primitive.presentation_context_definition_list = [
        _presentation_context(context.id, context.abstract_syntax, context.transfer_syntaxes) for context in contexts
    ]
    primitive.user_information = _notifications(roles, operations)
    return A_ASSOCIATE_RQ(primitive).encode()


def decode_acceptance(body: bytes) -> Acceptance:
    """The answers in the body of an A-ASSOCIATE-AC; ValueError if they cannot be read."""
    pdu = A_ASSOCIATE_AC()
    try:
        pdu.decode(_headed(0x02, _with_names(body)))
        answers = {
            int(item.presentation_context_id or 0): (
                -1 if item.result is None else int(item.result),
                str(item.transfer_syntax or ""),
            )
            for item in pdu.presentation_context
        }
        return Acceptance(answers, _max_pdu(pdu.user_information), _operations(pdu.user_information))
    except _UNREADABLE:
        raise ValueError("the answer to our association request cannot be read") from None


def encode_rejection(rejection: Rejection) -> bytes:
    return struct.pack(">BxIxBBB", 0x03, 4, rejection.result, rejection.source, rejection.reason)


def decode_rejection(body: bytes) -> Rejection:
    return Rejection(*body[1:4]) if len(body) >= 4 else NO_REASON


def _headed(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxI", kind, len(body)) + body


def _with_names(body: bytes) -> bytes:
    """The body with AE titles pynetdicom accepts: it refuses all-blank and non-ASCII ones, we read them ourselves."""
    return body[:4] + b"CALLED".ljust(16) + b"CALLING".ljust(16) + body[36:]


def _context(item: PresentationContextItemRQ) -> Context:
    number = item.presentation_context_id or 0
    if number % 2 == 0:
        raise ValueError("presentation contexts have odd numbers")
    return Context(number, _text(item.abstract_syntax), tuple(_text(uid) for uid in item.transfer_syntax))


def _text(uid: str | None) -> str:
    return str(uid or "").strip("\0 ")


def _max_pdu(information: UserInformationItem | None) -> int:
    for item in information.user_data if information else []:
        if isinstance(item, MaximumLengthSubItem):
            return int(item.maximum_length_received or 0)
    return 16384  # the item is missing, though mandatory: what every implementation can take


def _claim(information: UserInformationItem | None) -> Claim | None:
    """A name, or a name and a passcode. Kerberos, SAML and JWT (types 3 to 5) are nothing that we could check."""
    for item in information.user_data if information else []:
        if isinstance(item, UserIdentitySubItemRQ) and item.user_identity_type in (1, 2):
            name = (item.primary_field or b"").decode("utf-8", "replace")
            passcode = (item.secondary_field or b"").decode("utf-8", "replace")
            return Claim(name, passcode if item.user_identity_type == 2 else None, bool(item.response_requested))
    return None


def _roles(information: UserInformationItem | None) -> Iterable[Role]:
    for item in information.user_data if information else []:
        if isinstance(item, SCP_SCU_RoleSelectionSubItem):
            yield Role(_text(item.sop_class_uid), bool(item.scu_role), bool(item.scp_role))


def _operations(information: UserInformationItem | None) -> int:
    """How many operations the requestor may have under way: its wish in a request, what is granted in an answer."""
    for item in information.user_data if information else []:
        if isinstance(item, AsynchronousOperationsWindowSubItem):
            number = item.maximum_number_operations_invoked
            return 1 if number is None else number
    return 1  # without a word about it, one after the other


def _application_context() -> ApplicationContextItem:
    item = ApplicationContextItem()
    item.application_context_name = UID(APPLICATION_CONTEXT)
    return item


def _presentation_context(number: int, abstract_syntax: str | None, syntaxes: Sequence[str]) -> PresentationContext:
    context = PresentationContext()
    context.context_id = number
    if abstract_syntax is not None:
        context.abstract_syntax = UID(abstract_syntax)
    context.transfer_syntax = [UID(syntax) for syntax in syntaxes]
    return context


def _user_information(roles: Iterable[Role], operations: int) -> UserInformationItem:
    item = UserInformationItem()
    item.from_primitive(_notifications(roles, operations))
    return item


def _notifications(roles: Iterable[Role], operations: int) -> list[_UI]:
    length = MaximumLengthNotification()
    length.maximum_length_received = MAX_PDU
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    items: list[_UI] = [length, implementation]
    if operations != 1:
        window = AsynchronousOperationsWindowNegotiation()
        window.maximum_number_operations_invoked = operations
        window.maximum_number_operations_performed = 1
        items.append(window)
    for role in roles:
        selection = SCP_SCU_RoleSelectionNegotiation()
        selection.sop_class_uid = UID(role.sop_class)
        selection.scu_role, selection.scp_role = role.user, role.provider
        items.append(selection)
    return [*items, version]
