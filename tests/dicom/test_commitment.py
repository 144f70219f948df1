"""Storage commitment and queries with pynetdicom at the other end, both ways round."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_role, evt
from pynetdicom.transport import ThreadedAssociationServer

from engine.dicom import Listener, Peer, Pool, Whereabouts, which_are_there
from engine.dicom.commitment import (
    CLASS_CONFLICT,
    INSTANCE,
    NO_SUCH_INSTANCE,
    PAIRS,
    Instance,
    Results,
    ask,
    hearing,
    outcome,
)
from engine.dicom.committing import services, tell
from engine.dicom.negotiate import EXPLICIT_LITTLE, IMPLICIT_LITTLE, STORAGE_COMMITMENT, STUDY_ROOT_FIND
from engine.dicom.services import Call
from engine.errors import Later, Never, Unknown
from tests.dicom.conftest import CT, HASTY, Listen, to, until

GOOD, BAD, OTHER = (CT, "1.2.1"), (CT, "1.2.2"), ("1.2.840.10008.5.1.4.1.1.7", "1.2.3")


def judge(instances: Sequence[Instance]) -> Mapping[Instance, int]:
    """All but two are ours."""
    return {one: NO_SUCH_INSTANCE if one == BAD else CLASS_CONFLICT for one in instances if one in (BAD, OTHER)}


def request(*instances: Instance, transaction: str = "1.2.9") -> Dataset:
    """The data set of an N-ACTION."""
    asked = Dataset()
    asked.TransactionUID = transaction
    asked.ReferencedSOPSequence = []
    for sop_class, sop_instance in instances:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        asked.ReferencedSOPSequence.append(item)
    return asked


class Modality:
    """pynetdicom as a user of storage commitment: it keeps what it is told."""

    def __init__(self, port: int, syntax: str = EXPLICIT_LITTLE) -> None:
        self.told: list[Dataset] = []
        self.hears = threading.Event()
        """Cleared, it does not answer what it is told."""
        self.hears.set()
        ae = AE("MODALITY")
        ae.add_requested_context(STORAGE_COMMITMENT, syntax)
        self.association = ae.associate(
            "127.0.0.1", port, ae_title="STELLWERK", evt_handlers=[(evt.EVT_N_EVENT_REPORT, self._hear)]
        )
        assert self.association.is_established

    def ask(self, *instances: Instance, action: int = 1, instance: str = INSTANCE) -> int:
        """N-ACTION; its status."""
        status, _ = self.association.send_n_action(request(*instances), action, STORAGE_COMMITMENT, instance)
        return int(status.Status)

    def _hear(self, event: evt.Event) -> tuple[int, None]:
        self.hears.wait(5)
        self.told.append(event.event_information)
        return 0, None


Unheard = list[tuple[Call, Results]]


@pytest.fixture
def unheard() -> Unheard:
    """What the listener could not tell."""
    return []


@pytest.fixture
def committing(listen: Listen, unheard: Unheard) -> Callable[..., Listener]:
    """A listener that commits to what `judge` says."""
    heard: list[Results] = []
    table = services(judge, lambda results: bool(heard.append(results)) or True, lambda *one: unheard.append(one))
    return lambda: listen(services=table)


# ── others ask us ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
def test_a_modality_hears_on_its_association_what_we_answer_for(
    syntax: str, committing: Callable[..., Listener], unheard: Unheard
) -> None:
    modality = Modality(committing().port, syntax)
    assert modality.ask(GOOD, BAD, OTHER) == 0
    until(lambda: len(modality.told) == 1)
    [told] = modality.told
    assert told.TransactionUID == "1.2.9"
    assert [item.ReferencedSOPInstanceUID for item in told.ReferencedSOPSequence] == ["1.2.1"]
    assert [(item.ReferencedSOPInstanceUID, item.FailureReason) for item in told.FailedSOPSequence] == [
        ("1.2.2", 0x0112),
        ("1.2.3", 0x0119),
    ]
    assert modality.ask(GOOD) == 0
    until(lambda: len(modality.told) == 2)
    assert "FailedSOPSequence" not in modality.told[1]
    modality.association.release()
    time.sleep(0.1)
    assert unheard == []


def test_a_caller_that_goes_at_once_has_not_heard(committing: Callable[..., Listener], unheard: Unheard) -> None:
    modality = Modality(committing().port)
    modality.hears.clear()
    assert modality.ask(GOOD) == 0
    modality.association.abort()
    until(lambda: len(unheard) == 1)
    modality.hears.set()
    [(call, results)] = unheard
    assert (call.calling_ae, call.called_ae) == ("MODALITY", "STELLWERK")
    assert results == Results("1.2.9", (GOOD,), {})


def test_what_is_no_request_for_commitment_is_refused(committing: Callable[..., Listener]) -> None:
    modality = Modality(committing().port)
    assert modality.ask(GOOD, action=2) == 0x0123
    assert modality.ask(GOOD, instance="1.2.3.4") == 0x0112
    modality.association.release()


def test_without_a_service_commitment_is_not_offered(listen: Listen) -> None:
    ae = AE("MODALITY")
    ae.add_requested_context(STORAGE_COMMITMENT)
    ae.add_requested_context("1.2.840.10008.1.1")
    association = ae.associate("127.0.0.1", listen().port)
    assert [context.abstract_syntax for context in association.rejected_contexts] == [STORAGE_COMMITMENT]
    association.release()


def test_results_are_told_on_an_association_of_our_own() -> None:
    told: list[Dataset] = []

    def hear(event: evt.Event) -> tuple[int, None]:
        told.append(event.event_information)
        return 0, None

    peer = scp_as_user(hear)
    tell(peer, Results("1.2.9", (GOOD,), {BAD: 0x0112}))
    assert [item.ReferencedSOPInstanceUID for item in told[0].ReferencedSOPSequence] == ["1.2.1"]
    with pytest.raises(Later, match="refuses the connection"):
        tell(Peer("AWAY", "127.0.0.1", 1), Results("1.2.9"))


def scp_as_user(hear: Callable[[evt.Event], tuple[int, None]]) -> Peer:
    """A modality that waits for its results on a port of its own."""
    ae = AE("MODALITY")
    ae.add_supported_context(STORAGE_COMMITMENT, [EXPLICIT_LITTLE], scu_role=False, scp_role=True)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)])
    assert isinstance(server, ThreadedAssociationServer)
    return Peer("MODALITY", "127.0.0.1", server.server_address[1])


# ── we ask others ───────────────────────────────────────────────────────────────────────────────────────────────────


class Archive:
    """pynetdicom as a provider. `how`: it answers on the same association, or on a new one to that port."""

    def __init__(self, how: int = 0, failing: Mapping[str, int] = {}) -> None:  # only read
        self.asked: list[Dataset] = []
        self._how, self._failing = how, failing
        self.threads: list[threading.Thread] = []
        ae = AE("ARCHIVE")
        ae.add_supported_context(STORAGE_COMMITMENT, [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_ACTION, self._act)])
        assert isinstance(server, ThreadedAssociationServer)
        self.server = server
        self.peer = Peer("ARCHIVE", "127.0.0.1", server.server_address[1])

    def _act(self, event: evt.Event) -> tuple[int, None]:
        asked = event.action_information
        self.asked.append(asked)
        thread = threading.Thread(target=self._tell, args=(event.assoc, asked), daemon=True)
        self.threads.append(thread)
        thread.start()
        return 0, None

    def _tell(self, association: object, asked: Dataset) -> None:
        time.sleep(0.1)
        told = Dataset()
        told.TransactionUID = asked.TransactionUID
        told.ReferencedSOPSequence, failed = [], []
        for item in asked.ReferencedSOPSequence:
            reason = self._failing.get(str(item.ReferencedSOPInstanceUID))
            if reason is None:
                told.ReferencedSOPSequence.append(item)
            else:
                item.FailureReason = reason
                failed.append(item)
        if failed:
            told.FailedSOPSequence = failed
        own = None
        if self._how:
            ae = AE("ARCHIVE")
            ae.add_requested_context(STORAGE_COMMITMENT)
            role = build_role(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
            own = association = ae.associate("127.0.0.1", self._how, ext_neg=[role])
        association.send_n_event_report(told, 2 if failed else 1, STORAGE_COMMITMENT, INSTANCE)  # type: ignore[attr-defined]
        if own is not None:
            own.release()


@pytest.fixture
def archive() -> Iterator[Callable[..., Archive]]:
    """Start one."""
    running: list[Archive] = []

    def start(how: int = 0, failing: Mapping[str, int] = {}) -> Archive:  # only read
        running.append(Archive(how, failing))
        return running[-1]

    yield start
    for one in running:
        one.server.shutdown()


def test_an_archive_answers_on_the_association_it_was_asked_on(archive: Callable[..., Archive]) -> None:
    heard: list[Results] = []
    provider = archive(failing={"1.2.2": 0x0213})
    pool = Pool(provider.peer, HASTY, event=hearing(lambda results: bool(heard.append(results)) or True))
    association, _ = pool.take(PAIRS)
    transaction = str(generate_uid())
    ask(association, transaction, [GOOD, BAD])
    association.listen(5, lambda: bool(heard))
    assert heard == [Results(transaction, (GOOD,), {BAD: 0x0213})]
    pool.give(association)
    pool.close()


def test_what_comes_late_is_heard_on_an_idle_association(archive: Callable[..., Archive]) -> None:
    heard: list[Results] = []
    pool = Pool(archive().peer, HASTY, event=hearing(lambda results: bool(heard.append(results)) or True))
    association, _ = pool.take(PAIRS)
    ask(association, str(generate_uid()), [GOOD])
    pool.give(association)
    until(lambda: bool(heard) and pool.idle == 1)
    pool.close()


def test_an_archive_answers_on_an_association_of_its_own_to_our_listener(
    archive: Callable[..., Archive], listen: Listen
) -> None:
    heard: list[Results] = []
    hear = lambda results: bool(heard.append(results)) or True  # noqa: E731
    listener = listen(services=services(judge, hear, lambda *_: None))
    provider = archive(how=listener.port)
    pool = Pool(provider.peer, HASTY)
    association, _ = pool.take(PAIRS)
    transaction = str(generate_uid())
    ask(association, transaction, [GOOD])
    pool.give(association)
    until(lambda: bool(heard))
    assert heard == [Results(transaction, (GOOD,), {})]
    pool.close()


def test_we_commit_to_ourselves(committing: Callable[..., Listener]) -> None:
    heard: list[Results] = []
    pool = Pool(to(committing()), HASTY, event=hearing(lambda results: bool(heard.append(results)) or True))
    association, _ = pool.take(PAIRS)
    ask(association, "1.2.9", [GOOD, BAD])
    association.listen(5, lambda: bool(heard))
    assert heard == [Results("1.2.9", (GOOD,), {BAD: 0x0112})]
    pool.give(association)
    pool.close()


def test_a_peer_without_commitment_is_not_asked(scp: Callable[..., Peer]) -> None:
    peer = scp({CT: [EXPLICIT_LITTLE]}, [])
    pool = Pool(peer, HASTY)
    association, _ = pool.take([*PAIRS, (CT, EXPLICIT_LITTLE)])
    with pytest.raises(Later, match="does not offer storage commitment"):
        ask(association, "1.2.9", [GOOD])
    pool.close()
    association.release()


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(0x0110, Unknown), (0x0213, Unknown), (0x0131, Unknown), (0x0112, Later), (0x0122, Never), (0x0119, Never)],
)
def test_a_failure_reason_says_whether_it_is_tried_again(reason: int, kind: type[Exception]) -> None:
    assert type(outcome(reason, "PACS")) is kind


# ── queries ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def found(uid: str) -> Dataset:
    """One match."""
    match = Dataset()
    match.QueryRetrieveLevel = "IMAGE"
    match.SOPInstanceUID = uid
    return match


def test_a_peer_is_asked_which_objects_it_has(scp: Callable[..., Peer]) -> None:
    def answer(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        asked = event.identifier
        assert asked.QueryRetrieveLevel == "IMAGE"
        assert (asked.StudyInstanceUID, asked.SeriesInstanceUID) == ("1.1", "1.2")
        if asked.SOPInstanceUID == "1.3":
            yield 0xFF00, found("1.3")

    peer = scp({STUDY_ROOT_FIND: [EXPLICIT_LITTLE]}, [(evt.EVT_C_FIND, answer)])
    pool = Pool(peer, HASTY)
    assert which_are_there(pool, [Whereabouts("1.1", "1.2", uid) for uid in ("1.3", "1.4")]) == [True, False]
    pool.close()


def test_a_peer_that_lists_whatever_it_has_is_not_believed(scp: Callable[..., Peer]) -> None:
    def answer(_: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield from ((0xFF00, found(f"1.9.{n}")) for n in range(20))

    pool = Pool(scp({STUDY_ROOT_FIND: [IMPLICIT_LITTLE]}, [(evt.EVT_C_FIND, answer)]), HASTY)
    assert which_are_there(pool, [Whereabouts("1.1", "1.2", "1.3")]) == [False]
    pool.close()


def test_a_peer_that_answers_no_queries_has_nothing_as_far_as_we_know(scp: Callable[..., Peer]) -> None:
    pool = Pool(scp({CT: [EXPLICIT_LITTLE]}, []), HASTY)
    assert which_are_there(pool, [Whereabouts("1.1", "1.2", "1.3")]) == [False]
    pool.close()
    with pytest.raises(Later):
        which_are_there(Pool(Peer("AWAY", "127.0.0.1", 1), HASTY), [Whereabouts("1.1", "1.2", "1.3")])
