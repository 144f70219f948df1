"""Storage commitment as we serve it (PS3.4 Annex J): others ask whether we answer for what they have sent us.

It is done here rather than by handing such associations to pynetdicom: one message each way, beside an engine with two
threads for each association. Must not know what we have: that is judged by a function it is given.
"""

import contextlib
from collections.abc import Callable, Mapping, Sequence

from engine.dicom import command, commitment, status
from engine.dicom.associate import Role
from engine.dicom.command import Command
from engine.dicom.commitment import Instance, Request, Results
from engine.dicom.negotiate import STORAGE_COMMITMENT, Context
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.peer import Peer
from engine.dicom.requestor import Association, Patience
from engine.dicom.services import Call, Event, Reply, Services
from engine.errors import Later

Judge = Callable[[Sequence[Instance]], Mapping[Instance, int]]
"""Instances → the failure reason of each that we do not answer for."""

Unheard = Callable[[Call, Results], None]
"""The caller was gone before it had heard the results; the call they answer."""

_NO_SUCH_ACTION = 0x0123
_PATIENCE = Patience(connect=10, associate=15, respond=30, release=3)


def services(judge: Judge, hear: Callable[[Results], bool], unheard: Unheard) -> Services:
    """A part of a listener's table: being asked to commit, and hearing what those say whom we have asked."""
    event = commitment.hearing(hear)

    def act(call: Call) -> Reply:
        if call.asked.sop_instance_uid != commitment.INSTANCE:
            return Reply(status.NO_SUCH_INSTANCE)
        if call.asked.type_id != commitment.REQUEST:
            return Reply(_NO_SUCH_ACTION)
        try:
            request = commitment.decode_request(call.dataset, call.syntax)
        except ValueError:
            return Reply(status.PROCESSING_FAILURE)
        results = _results(request, judge)
        type_id, information = commitment.encode_results(results, call.syntax)
        told = Command(
            command.N_EVENT_REPORT_RQ,
            sop_class_uid=STORAGE_COMMITMENT,
            sop_instance_uid=commitment.INSTANCE,
            type_id=type_id,
        )

        def ended(heard: bool) -> None:
            if not heard:
                unheard(call, results)

        return Reply(status.SUCCESS, Event(told, information, ended))

    def be_told(call: Call) -> Reply:
        return Reply(event(call.asked, call.dataset, call.syntax))

    return {
        (STORAGE_COMMITMENT, command.N_ACTION_RQ): act,
        (STORAGE_COMMITMENT, command.N_EVENT_REPORT_RQ): be_told,
    }


def tell(peer: Peer, results: Results) -> None:
    """Tell results on an association of our own, as their provider (PS3.7 D.3.3.4). Raises Later."""
    contexts = [Context(2 * n + 1, sop_class, (syntax,)) for n, (sop_class, syntax) in enumerate(commitment.PAIRS)]
    role = Role(STORAGE_COMMITMENT, user=False, provider=True)
    code = None
    with contextlib.suppress(LostError, ViolationError), Association(peer, contexts, _PATIENCE, roles=[role]) as ours:
        code = commitment.tell(ours, results)
    if code != status.SUCCESS:
        raise Later(f"{peer} does not take the results of its storage commitment")


def _results(request: Request, judge: Judge) -> Results:
    failed = judge(request.instances)
    return Results(
        request.transaction,
        tuple(one for one in request.instances if one not in failed),
        {one: failed[one] for one in request.instances if one in failed},
    )
