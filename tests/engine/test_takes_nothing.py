"""A DICOM node that takes nothing, with the real sender and a real node: it is offered a few of what waits, no more."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.torture.peers import Peer
from engine.destinations.node import DicomNode
from engine.dicom.associate import MOST_OPERATIONS
from engine.enough import ALL_REFUSED, IN_A_ROW
from engine.errors import Later, Never
from engine.program import Destination
from engine.pump import Pump
from engine.signature import Argument
from tests.engine.spool.crash_kit import Line, Pacs, program

MANY = 60


class Answering(Peer):
    """Answers each object as it is told to; `asked` is what it was offered."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.say: Callable[[int], Exception | None] = lambda _number: None
        super().__init__("PACS", folder)

    def answer(self, uid: str) -> None:
        """The next one."""
        self.asked.append(uid)
        error = self.say(len(self.asked))
        if error is not None:
            raise error


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Answering]:
    """It takes everything, as long as nothing else is said."""
    one = Answering(tmp_path / "theirs")
    yield one
    one.close()


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A backlog for it."""
    one = Line(tmp_path / "line", program(), Pacs())
    for number in range(MANY):
        one.receive(f"1.2.{number}")
    while one.router.turn():
        pass
    return one


@pytest.fixture
def pump(line: Line, peer: Answering) -> Iterator[Pump]:
    """Its pump, with the sender that the appliance has for it."""
    node = DicomNode(
        Destination("PACS", "dicom", {"address": Argument("text", f"PACS@127.0.0.1:{peer.port}")}), "STELLWERK"
    )
    yield Pump(line.spool.outbox("PACS"), lambda: node, line.router.refuse)
    node.close()


def test_one_without_room_is_offered_a_few_and_the_rest_has_used_up_no_try(peer: Answering, pump: Pump) -> None:
    peer.say = lambda _number: Later("no room")
    assert pump.turn(time.time()) == 0.0
    assert IN_A_ROW <= len(peer.asked) < IN_A_ROW + MOST_OPERATIONS
    counts = pump.outbox.count()
    assert counts["later"] == len(peer.asked)
    assert counts["ready"] == MANY - len(peer.asked)
    assert [entry.sent for entry in pump.outbox.all()] == [""] * MANY, "nothing is in doubt"
    assert pump.turn(time.time()) > 5, "it is left alone"


def test_one_that_refuses_everything_is_offered_ten(line: Line, peer: Answering, pump: Pump) -> None:
    peer.say = lambda _number: Never("not here")
    pump.turn(time.time())
    assert ALL_REFUSED <= len(peer.asked) < ALL_REFUSED + MOST_OPERATIONS
    assert len(line.held()) == len(peer.asked)
    assert pump.outbox.count()["ready"] == MANY - len(peer.asked)
    assert pump.trouble.startswith("it refuses all that it is sent")


def test_one_object_it_has_no_room_for_keeps_none_behind_it_waiting(peer: Answering, pump: Pump) -> None:
    peer.say = lambda number: Later("no room for this one") if number % 3 == 1 else None
    for _ in range(2):
        pump.turn(time.time())
    assert len(peer.asked) == MANY
    assert sum(len(digests) for digests in peer.got.values()) == MANY * 2 // 3
    assert pump.outbox.count()["later"] == MANY // 3
    assert pump.trouble == ""


def test_when_it_is_well_again_it_gets_all_that_waited(line: Line, peer: Answering, pump: Pump) -> None:
    peer.say = lambda _number: Later("no room")
    pump.turn(time.time())
    peer.say = lambda _number: None
    pump.try_again()
    while pump.turn(time.time()) == 0.0:
        pass
    assert sorted(peer.got) == sorted(f"1.2.{number}" for number in range(MANY))
    assert line.held() == []
