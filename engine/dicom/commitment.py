"""Storage commitment (PS3.4 Annex J): its data sets, what its failure reasons mean, and how a user asks for it.

A peer that has committed an instance answers for it: only then may others' copies go. Must not know who keeps track of
what was asked (engine.commitments), nor files.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pydicom import Dataset
from pydicom.uid import UID

from engine.dicom import identifier, status
from engine.dicom.command import Command
from engine.dicom.negotiate import ALTERNATIVES, STORAGE_COMMITMENT
from engine.dicom.requestor import Association, Event, accepted
from engine.errors import Later, Never, Unknown

INSTANCE = "1.2.840.10008.1.20.1.1"  # the well-known instance that is asked (PS3.4 J.3.2)
REQUEST = 1  # the one action there is
COMMITTED, FAILURES_EXIST = 1, 2  # the two events
PAIRS = tuple((STORAGE_COMMITMENT, syntax) for syntax in ALTERNATIVES)

NO_SUCH_INSTANCE = status.NO_SUCH_INSTANCE
CLASS_CONFLICT = 0x0119
RESOURCE_LIMITATION = 0x0213

_PASSING = frozenset({0x0110, 0x0131, RESOURCE_LIMITATION})
"""Failure reasons (PS3.3 C.14.1.1) that say nothing about the object: it is asked about again."""

Instance = tuple[str, str]
"""SOP class and SOP instance UID."""


@dataclass(frozen=True)
class Request:
    """Somebody asks us to answer for these instances."""

    transaction: str
    instances: tuple[Instance, ...]


@dataclass(frozen=True)
class Results:
    """What became of one request: the instances that are committed, and the failure reason of each other one."""

    transaction: str
    committed: tuple[Instance, ...] = ()
    failed: Mapping[Instance, int] = field(default_factory=dict)


def outcome(reason: int, peer: str) -> Later | Never:
    """What it means for an object that it was not committed for this reason."""
    if reason == NO_SUCH_INSTANCE:
        return Later(f"{peer} does not have the object: it is sent again")
    words = f"{peer} has taken the object, and does not commit to it: {status.words(reason)}"
    return Unknown(words) if reason in _PASSING else Never(words)


def ask(association: Association, transaction: str, instances: Iterable[Instance]) -> None:
    """N-ACTION: ask the peer to commit to these; it answers by an event. Raises Later, LostError, ViolationError."""
    syntax = offered(association)
    wanted = Dataset()
    wanted.TransactionUID = UID(transaction)
    wanted.ReferencedSOPSequence = [_reference(instance) for instance in instances]
    information = identifier.encode(wanted, syntax)
    code = association.action(STORAGE_COMMITMENT, INSTANCE, syntax, REQUEST, information)
    if code != status.SUCCESS:
        raise Later(f"{association.peer} cannot be asked to commit now: {status.words(code)}")


def offered(association: Association) -> str:
    """The transfer syntax in which the peer speaks of commitment; Later where it does not."""
    syntax = accepted(association, STORAGE_COMMITMENT, ALTERNATIVES)
    if syntax is None:
        raise Later(
            f"{association.peer} does not offer storage commitment: nothing is sent there until it does, or until"
            " `confirm` is taken out of the rules"
        )
    return syntax


def tell(association: Association, results: Results) -> int:
    """N-EVENT-REPORT: what became of a request; the status answered. Raises Later, LostError, ViolationError."""
    syntax = offered(association)
    type_id, information = encode_results(results, syntax)
    return association.report_event(STORAGE_COMMITMENT, INSTANCE, syntax, type_id, information)


def hearing(hear: Callable[[Results], bool]) -> Event:
    """What to do with an event: `hear` is told of results, and says whether they were asked for."""

    def event(told: Command, data: bytes, syntax: str) -> int:
        if told.sop_class_uid != STORAGE_COMMITMENT:
            return status.UNRECOGNIZED_OPERATION
        try:
            results = decode_results(data, syntax)
        except ValueError:
            return status.PROCESSING_FAILURE
        return status.SUCCESS if hear(results) else status.NO_SUCH_INSTANCE

    return event


def encode_results(results: Results, syntax: str) -> tuple[int, bytes]:
    """The event's type, and its data set."""
    told = Dataset()
    told.TransactionUID = UID(results.transaction)
    if results.committed:
        told.ReferencedSOPSequence = [_reference(instance) for instance in results.committed]
    if results.failed:
        told.FailedSOPSequence = [_reference(instance, reason) for instance, reason in results.failed.items()]
    return FAILURES_EXIST if results.failed else COMMITTED, identifier.encode(told, syntax)


def decode_request(data: bytes, syntax: str) -> Request:
    """What somebody asks for. ValueError where it cannot be read."""
    asked = identifier.decode(data, syntax)
    return Request(identifier.text(asked, "TransactionUID"), tuple(_instances(asked, "ReferencedSOPSequence")))


def decode_results(data: bytes, syntax: str) -> Results:
    """What a peer tells. ValueError where it cannot be read."""
    told = identifier.decode(data, syntax)
    committed = tuple(_instances(told, "ReferencedSOPSequence"))
    failed = dict(zip(_instances(told, "FailedSOPSequence"), _reasons(told), strict=True))
    # Of one that stands in both, the worse is believed.
    return Results(
        identifier.text(told, "TransactionUID"), tuple(one for one in committed if one not in failed), failed
    )


def _reference(instance: Instance, reason: int | None = None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = map(identifier.uid, instance)
    if reason is not None:
        item.FailureReason = reason
    return item


def _instances(dataset: Dataset, keyword: str) -> Iterable[Instance]:
    for item in identifier.items(dataset, keyword):
        yield identifier.text(item, "ReferencedSOPClassUID"), identifier.text(item, "ReferencedSOPInstanceUID")


def _reasons(dataset: Dataset) -> Iterable[int]:
    for item in identifier.items(dataset, "FailedSOPSequence"):
        yield identifier.number(item, "FailureReason", status.PROCESSING_FAILURE)
