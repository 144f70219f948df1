"""`confirm`: an object is delivered when its destination has committed to it; what is in doubt is asked about first."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from engine import files
from engine.commitments import Commitments
from engine.destinations.node import RECALLED, DicomNode
from engine.dicom import Listener, Reception, command
from engine.dicom.commitment import Results, decode_request
from engine.dicom.committing import services
from engine.dicom.negotiate import EVERYTHING, STORAGE_COMMITMENT, Policy
from engine.dicom.services import Call, Reply
from engine.entry import IN_DOUBT, STORED
from engine.program import Destination
from engine.pump import Pump
from engine.router import Router
from engine.signature import Argument
from engine.spool import Spool
from engine.step import HOLD
from tests.dicom.conftest import until
from tests.dicom.scripted import Scripted
from tests.engine.spool.crash_kit import Line, Pacs, program

US = "1.2.840.10008.5.1.4.1.1.6.1"


class Archive:
    """A PACS of our own make, which commits as a test says: `reasons` by SOP instance; `silent`, it never answers."""

    def __init__(self, folder: Path, policy: Policy = EVERYTHING) -> None:
        self.got: list[str] = []
        self.asked: list[list[str]] = []
        self.transactions: list[str] = []
        self.reasons: dict[str, int] = {}
        self.has_all = False
        self.silent = False
        table = dict(services(self._judge, lambda _: False, lambda *_: None))
        self._answering = table[STORAGE_COMMITMENT, command.N_ACTION_RQ]
        table[STORAGE_COMMITMENT, command.N_ACTION_RQ] = self._act
        folder.mkdir()
        self.listener = Listener(0, self._take, folder=folder, address="127.0.0.1", services=table, policy=policy)
        self.listener.start()

    def _take(self, reception: Reception) -> None:
        self.got.append(reception.sop_instance_uid)
        reception.dataset_file.unlink()

    def _act(self, call: Call) -> Reply:
        request = decode_request(call.dataset, call.syntax)
        self.transactions.append(request.transaction)
        self.asked.append([uid for _, uid in request.instances])
        return Reply(0) if self.silent else self._answering(call)

    def _judge(self, instances: object) -> dict[tuple[str, str], int]:
        assert isinstance(instances, tuple)
        failed = {one: self.reasons[one[1]] for one in instances if one[1] in self.reasons}
        return failed | {one: 0x0112 for one in instances if one[1] not in self.got}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """One that takes and commits to everything."""
    one = Archive(tmp_path / "theirs")
    yield one
    one.listener.stop(0)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, mail."""
    return Line(tmp_path, program(), Pacs())


class Sending:
    """The pump of PACS, with the real sender."""

    def __init__(self, line: Line, port: int, *words: str) -> None:
        arguments = {"address": Argument("text", f"PACS@127.0.0.1:{port}")}
        arguments |= {word: Argument("word", word) for word in words}
        if "confirm" in words:
            arguments["within"] = Argument("duration", "5 minutes")
        self.commitments = Commitments()
        self.node = DicomNode(Destination("PACS", "dicom", arguments), "US", self.commitments)
        self.node.linger = 5.0
        self.outbox = line.spool.outbox("PACS")
        self.pump = Pump(self.outbox, lambda: self.node, line.router.refuse)

    def turn(self, later: float = 0.0) -> None:
        """Send what can be sent then."""
        self.outbox._look_later = 0.0
        self.pump._clock_ahead = None  # time has passed: nobody has set the clock
        while self.pump.turn(time.time() + later) == 0:
            pass

    def states(self) -> dict[str, int]:
        """How many are where."""
        return {name: count for name, count in self.outbox.count().items() if count}

    def sent(self) -> list[str]:
        """What the notes say."""
        return [entry.sent for entry in self.outbox.all()]


@pytest.fixture
def sending(line: Line, archive: Archive) -> Iterator[Callable[..., Sending]]:
    """Start one."""
    made: list[Sending] = []

    def make(*words: str, port: int = 0) -> Sending:
        made.append(Sending(line, port or archive.listener.port, *words))
        return made[-1]

    yield make
    for one in made:
        one.node.close()


Make = Callable[..., Sending]


def receive(line: Line, *uids: str) -> None:
    """Take in and route."""
    for uid in uids:
        line.receive(uid)
    while line.router.turn():
        pass


# ── committed, or not ───────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_committed_is_delivered(line: Line, archive: Archive, sending: Make) -> None:
    pacs = sending("confirm")
    receive(line, "1.1", "1.2")
    pacs.turn()
    assert archive.got == ["1.1", "1.2"]
    assert archive.asked == [["1.1", "1.2"]]
    assert pacs.states() == {}


def test_without_confirm_nobody_is_asked(line: Line, archive: Archive, sending: Make) -> None:
    pacs = sending()
    receive(line, "1.1")
    pacs.turn()
    assert (archive.got, archive.asked, pacs.states()) == (["1.1"], [], {})


def test_what_is_not_committed_yet_is_owed_and_asked_about_again_not_sent_again(
    line: Line, archive: Archive, sending: Make
) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    receive(line, "1.1")
    pacs.turn()
    assert (pacs.states(), pacs.sent()) == ({"stored": 1}, [STORED])
    assert "not committed to it yet" in pacs.outbox.all()[0].why
    assert pacs.pump.trouble == "", "nothing has failed"
    pacs.turn(later=250)
    assert len(archive.asked) == 1
    archive.silent = False
    pacs.node.linger = 5.0
    pacs.turn(later=310)
    assert archive.got == ["1.1"]
    assert len(set(archive.transactions)) == 2
    assert pacs.states() == {}


def test_an_answer_that_comes_later_delivers_at_the_next_turn(line: Line, archive: Archive, sending: Make) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    receive(line, "1.1", "1.2")
    pacs.turn()
    assert pacs.states() == {"stored": 2}
    pacs.commitments.hear(Results(archive.transactions[0], ((US, "1.1"),), {(US, "1.2"): 0x0122}))
    pacs.turn()
    assert pacs.states() == {}
    assert line.held() == ["1.2"]
    [held] = line.spool.outbox(HOLD).all()
    assert "does not commit to it: SOP class not supported (0122)" in held.why
    assert archive.got == ["1.1", "1.2"]
    assert pacs.commitments.words("PACS") == {}


def test_a_failure_that_passes_is_asked_about_again(line: Line, archive: Archive, sending: Make) -> None:
    archive.reasons = {"1.1": 0x0213}
    pacs = sending("confirm")
    receive(line, "1.1")
    pacs.turn()
    assert (pacs.states(), pacs.sent()) == ({"later": 1}, [IN_DOUBT])
    assert "resource limitation (0213)" in pacs.pump.trouble
    archive.reasons = {}
    pacs.turn(later=20)
    assert (archive.got, pacs.states()) == (["1.1"], {})


def test_what_was_taken_and_is_not_there_is_sent_again(line: Line, archive: Archive, sending: Make) -> None:
    archive.reasons = {"1.1": 0x0112}
    pacs = sending("confirm")
    receive(line, "1.1")
    pacs.turn()
    assert (pacs.states(), pacs.sent()) == ({"later": 1}, [""])
    archive.reasons = {}
    pacs.turn(later=20)
    assert (archive.got, pacs.states()) == (["1.1", "1.1"], {})


def test_what_an_answer_does_not_mention_is_not_committed(line: Line, archive: Archive, sending: Make) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    receive(line, "1.1", "1.2")
    pacs.turn()
    pacs.commitments.hear(Results(archive.transactions[0], ((US, "1.1"),)))
    pacs.turn()
    assert [str(dcmread(entry.file).SOPInstanceUID) for entry in pacs.outbox.all()] == ["1.2"]


def test_a_peer_that_does_not_offer_commitment_gets_nothing(line: Line, sending: Make) -> None:
    plain = Scripted(lambda call: call.serve() and None)
    pacs = sending("confirm", port=plain.peer.port)
    receive(line, "1.1")
    pacs.turn()
    assert plain.stored == []
    assert "does not offer storage commitment" in pacs.pump.trouble
    assert pacs.sent() == [""]
    plain.close()


def test_where_confirm_is_taken_out_of_the_rules_what_was_stored_is_delivered(
    line: Line, archive: Archive, sending: Make
) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    receive(line, "1.1")
    pacs.turn()
    plain = sending()
    plain.turn(later=310)
    assert (archive.got, plain.states()) == (["1.1"], {})


# ── after a crash, and in doubt ─────────────────────────────────────────────────────────────────────────────────────


def restart(line: Line) -> None:
    """As after a power cut."""
    line.spool = Spool(line.root / "spool")
    line.spool.recover()
    line.router = Router(line.spool, lambda: line.plan, lambda _: None)


def test_after_a_restart_it_is_asked_again_at_once(line: Line, archive: Archive, sending: Make) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    receive(line, "1.1")
    pacs.turn()
    restart(line)
    archive.silent = False
    again = sending("confirm")
    again.turn()
    assert archive.got == ["1.1"], "its bytes were not sent again"
    assert len(archive.asked) == 2
    assert again.states() == {}


@pytest.mark.parametrize("arrived", [True, False])
def test_what_was_under_way_at_a_crash_is_asked_about_and_sent_only_where_it_is_not_there(
    arrived: bool, line: Line, archive: Archive, sending: Make
) -> None:
    receive(line, "1.1")
    line.spool.outbox("PACS").claim(10)
    restart(line)
    if arrived:
        archive.got.append("1.1")
    pacs = sending("confirm")
    assert pacs.sent() == [IN_DOUBT]
    pacs.turn()
    assert archive.asked[0] == ["1.1"]
    assert archive.got == ["1.1"]
    assert pacs.states() == {}
    assert "later" not in {line["event"] for line in line.spool.history.lines()}, "it has cost no try"


def test_a_line_that_breaks_before_the_answer_leaves_it_in_doubt(line: Line, archive: Archive, sending: Make) -> None:
    deaf = Scripted(lambda call: call.hear() and None)
    pacs = sending(port=deaf.peer.port)
    receive(line, "1.1")
    pacs.turn()
    assert (deaf.stored, pacs.sent()) == (["1.1"], [IN_DOUBT])
    deaf.close()
    archive.got.append("1.1")
    again = sending("confirm")
    again.turn(later=20)
    assert (archive.got, again.states()) == (["1.1"], {})


def test_what_is_waiting_for_word_can_be_given_up(line: Line, archive: Archive, sending: Make) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    pacs.node.patience = 100.0
    receive(line, "1.1")
    pacs.turn()
    [entry] = pacs.outbox.all()
    files.write(pacs.outbox.entries / f"{entry.id}.json", replace(entry, since=time.time() - 1000).to_bytes())
    pacs.turn(later=310)
    assert line.held() == ["1.1"]
    [held] = line.spool.outbox(HOLD).all()
    assert "given up after" in held.why
    assert "not committed" in held.why


def test_a_thousand_answers_at_once_are_all_taken_down(line: Line, archive: Archive, sending: Make) -> None:
    archive.silent = True
    pacs = sending("confirm")
    pacs.node.linger = 0.0
    uids = [f"1.1.{n}" for n in range(250)]
    receive(line, *uids)
    pacs.turn()
    assert pacs.states() == {"stored": 250}
    for transaction, asked in zip(archive.transactions, archive.asked, strict=True):
        pacs.commitments.hear(Results(transaction, tuple((US, uid) for uid in asked)))
    pacs.turn()
    until(lambda: pacs.states() == {})
    assert sorted(archive.got) == sorted(uids)
    assert pacs.commitments.words("PACS") == {}


def test_of_very_many_answers_a_look_takes_some_and_the_next_looks_the_others(sending: Make) -> None:
    pacs = sending("confirm")
    gone = [(f"{number}-a", f"1.1.{number}") for number in range(2 * RECALLED + 1)]
    transaction = pacs.commitments.open("PACS", gone)
    pacs.commitments.hear(Results(transaction, tuple((US, uid) for _, uid in gone)))
    left = []
    for _ in range(3):
        pacs.node.pick(pacs.outbox, time.time())
        left.append(len(pacs.commitments.words("PACS")))
    assert left == [RECALLED + 1, 1, 0]


# ── the register ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_what_was_asked_can_be_answered_and_only_once() -> None:
    heard: list[str] = []
    register = Commitments(heard.append)
    transaction = register.open("PACS", [("1-a", "1.1"), ("2-a", "1.1"), ("3-a", "1.3")])
    assert not register.hear(Results("1.2.3", ((US, "1.1"),)))
    assert register.is_open(transaction)
    assert register.hear(Results(transaction, ((US, "1.1"), (US, "1.9")), {(US, "1.3"): 0x0112}))
    assert not register.hear(Results(transaction, ((US, "1.3"),)))
    assert register.words("PACS") == {"1-a": None, "2-a": None, "3-a": 0x0112}
    assert heard == ["PACS"]
    register.forget("PACS", ["1-a", "3-a"])
    assert register.words("PACS") == {"2-a": None}


def test_transactions_have_uids_that_nobody_can_guess() -> None:
    register = Commitments()
    uids = {register.open("PACS", [("1-a", "1.1")]) for _ in range(100)}
    assert len(uids) == 100
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in uids)
