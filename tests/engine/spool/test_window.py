"""Very many waiting objects: bounded memory, fairness between senders, what is urgent first, several connections."""

import os
import random
import threading
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest

from engine.destinations import DESTINATIONS
from engine.destinations.node import DicomNode
from engine.entry import Entry
from engine.numbers import Numbers, arrival, bucket, bucket_of
from engine.object import Origin
from engine.outbox import STALE, WAKE
from engine.parameters import Connections
from engine.program import Call, Destination, Program, Route
from engine.pump import Pump, Report, Sent
from engine.signature import Argument, Misfit
from engine.window import FRESH, PORTION, Window
from tests.engine.spool.crash_kit import FORWARD, Line, Pacs, program, write_instance

URGENT = Call("forward", {"destinations": Argument("word", "PACS"), "urgent": Argument("word", "urgent")})


@pytest.fixture
def pacs() -> Pacs:
    """A PACS that takes everything."""
    return Pacs()


@pytest.fixture
def line(tmp_path: Path, pacs: Pacs) -> Line:
    """Port 1 → forward PACS, urgently what is from SONO9."""
    listeners, destinations = program().listeners, program().destinations
    where = program().routes[0].where
    return Line(tmp_path, Program(listeners, destinations, routes=(Route("main", "port 1", where, (FORWARD,)),)), pacs)


def receive(line: Line, uid: str, sender: str) -> None:
    """Take in one object from that sender."""
    path = line.spool.new_work_file()
    write_instance(path, uid)
    line.spool.accept(path, Origin("dicom", 1, sender, "STELLWERK", "10.0.0.1"), line.digest)


def route(line: Line) -> None:
    while line.router.turn():
        pass


def pump(line: Line, pacs: Pacs) -> Pump:
    return Pump(line.spool.outbox("PACS"), lambda: pacs, line.router.refuse)


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_number_tells_when_and_of_whom_it_is() -> None:
    numbers = Numbers(0x12345, lambda: 1_700_000_000_000_000_000)
    one, two = numbers.new("CT1"), numbers.new("MR1")
    assert one < two
    assert arrival(one) == pytest.approx(1_700_000_000)
    assert bucket(one) == bucket(f"{one}-0123456789ab.dcm") == bucket_of("CT1")
    assert bucket(one) != bucket(two)


def test_a_clock_that_is_set_back_makes_no_number_twice() -> None:
    times = iter([5_000_000, 4_000_000, 4_000_000])
    numbers = Numbers(1, lambda: next(times))
    made = [numbers.new("A") for _ in range(3)]
    assert made == sorted(set(made))


def test_a_name_that_is_none_of_ours_has_no_sender() -> None:
    assert bucket("image.dcm") == ""
    assert bucket("18c2f0a1b2c3d4e50f3-0123456789ab.dcm") == "", "a number of an earlier edition"


# ── windows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def fill(folder: Path, sender: str, times: Sequence[int]) -> None:
    for moment in times:
        (folder / f"{Numbers(1, lambda moment=moment: moment).new(sender)}-0.dcm").touch()


def test_each_sender_has_its_turn_and_the_oldest_of_each_goes_first(tmp_path: Path) -> None:
    fill(tmp_path, "BULK", range(1000, 1100))
    fill(tmp_path, "SONO", [2001, 2000])
    taken = list(Window(tmp_path).take(6))
    assert [bucket(name) for name in taken[:4]] == [bucket_of("BULK"), bucket_of("SONO")] * 2
    assert [int(name[:16], 16) for name in taken] == [1000, 2000, 1001, 2001, 1002, 1003]


def test_one_look_keeps_few_names_however_many_there_are(tmp_path: Path) -> None:
    fill(tmp_path, "BULK", range(1000, 2000))
    fill(tmp_path, "SONO", range(5000, 5010))
    window = Window(tmp_path, most=100)
    seen = []
    for _ in range(200):
        for name in window.take(7):
            (tmp_path / name).unlink()
            seen.append(int(name[:16], 16))
        assert sum(map(len, window._queues.values())) <= 100
    assert sorted(seen) == [*range(1000, 2000), *range(5000, 5010)], "each once"
    bulk = [moment for moment in seen if moment < 5000]
    assert bulk == sorted(bulk)


def test_a_look_keeps_the_oldest_in_whatever_order_the_folder_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, "BULK", range(1000, 1400))
    fill(tmp_path, "SONO", range(5000, 5100))
    found = [path.name for path in tmp_path.iterdir()]
    for seed in range(20):
        random.Random(seed).shuffle(found)
        monkeypatch.setattr("engine.window.entries", lambda _folder: iter(found))
        taken = [int(name[:16], 16) for name in Window(tmp_path, most=100).take(100)]
        assert taken == [moment for pair in zip(range(1000, 1050), range(5000, 5050), strict=True) for moment in pair]


def test_what_comes_while_many_wait_is_seen_before_they_are_done(tmp_path: Path) -> None:
    now = 0.0
    fill(tmp_path, "BULK", range(1000, 1100))
    window = Window(tmp_path, clock=lambda: now)
    for name in window.take(5):
        (tmp_path / name).unlink()
    fill(tmp_path, "SONO", [3000])
    now = FRESH
    assert bucket_of("SONO") in [bucket(name) for name in window.take(2)]


def test_a_name_that_was_not_used_up_comes_again(tmp_path: Path) -> None:
    fill(tmp_path, "SONO", [1, 2])
    window = Window(tmp_path)
    for name in window.take(2):
        assert name
        break
    assert len(list(window.take(5))) == 1
    assert len(list(window.take(5))) == 2, "a new look"


def test_a_hundred_thousand_waiting_objects_cost_little_memory(tmp_path: Path) -> None:
    first, folder = tmp_path, tmp_path / "ready"
    folder.mkdir()
    for moment in range(100_000):
        if moment % 50_000 == 0:  # a file has 65,000 names at most on ext4
            first = tmp_path / str(moment)
            first.touch()
        os.link(first, folder / f"{moment:016x}001aa-0.dcm")
    tracemalloc.start()
    window = Window(folder)
    assert len(list(window.take(100))) == 100
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


# ── outboxes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_large_study_of_one_sender_does_not_keep_another_waiting(line: Line, pacs: Pacs) -> None:
    for number in range(150):
        receive(line, f"1.1.{number}", "BULK")
    receive(line, "1.2.1", "SONO1")
    route(line)
    pump(line, pacs).turn(time.time())
    assert "1.2.1" in pacs.got[:2]


def test_the_router_is_fair_between_senders_too(line: Line) -> None:
    for number in range(40):
        receive(line, f"1.1.{number}", "BULK")
    receive(line, "1.2.1", "SONO1")
    line.router.turn()
    assert "1.2.1" in line.owed("PACS")


def test_what_is_urgent_goes_first_also_after_a_restart(tmp_path: Path, pacs: Pacs) -> None:
    base = program()
    routes = (
        Route("usual", "port 1", base.routes[0].where, (FORWARD,)),
        Route("rest", "port 1", base.routes[1].where, (URGENT,)),
    )
    rules = Program(base.listeners, base.destinations, routes=routes)
    line = Line(tmp_path, rules, pacs)
    for number in range(5):
        line.receive(f"1.1.{number}")
    line.receive("1.9", "OT")
    route(line)
    assert line.spool.outbox("PACS").count() == {
        "waiting": 0,
        "urgent": 1,
        "ready": 5,
        "again": 0,
        "active": 0,
        "stored": 0,
        "later": 0,
    }
    assert [entry.object for entry in line.spool.outbox("PACS").claim(1)] == [
        max(e.object for e in line.spool.outbox("PACS").all())
    ]
    line = Line(tmp_path, rules, pacs)
    assert line.spool.outbox("PACS").count()["urgent"] == 1, "what was claimed is urgent again"
    pump(line, pacs).turn(time.time())
    assert pacs.got[0] == "1.9"


def test_an_urgent_object_that_must_wait_for_its_time_is_urgent_then_too(tmp_path: Path, pacs: Pacs) -> None:
    base = program()
    rules = Program(base.listeners, base.destinations, routes=(Route("r", "port 1", base.routes[0].where, (URGENT,)),))
    line = Line(tmp_path, rules, pacs)
    pacs.away = {"1.9"}
    line.receive("1.9")
    route(line)
    pump(line, pacs).turn(time.time())
    assert line.spool.outbox("PACS").count()["later"] == 1
    line.spool.outbox("PACS").wake_due(time.time() + 3600)
    assert line.spool.outbox("PACS").count()["urgent"] == 1


def test_what_was_tried_before_leaves_half_of_the_room_to_what_was_not(line: Line, pacs: Pacs) -> None:
    old = [f"1.1.{number}" for number in range(20)]
    pacs.away = set(old)
    for uid in old:
        receive(line, uid, "SONO1")
    route(line)
    pump(line, pacs).turn(time.time())
    for number in range(20):
        receive(line, f"1.2.{number}", "SONO1")
    route(line)
    home = line.spool.outbox("PACS")
    home.wake_due(time.time() + 3600)
    claimed = home.claim(10)
    assert sum(entry.tries == 0 for entry in claimed) == 5
    assert len(claimed) == 10


def test_what_was_tried_before_has_all_of_the_room_where_nothing_else_wants_it(line: Line, pacs: Pacs) -> None:
    pacs.away = {f"1.1.{number}" for number in range(20)}
    for uid in sorted(pacs.away):
        receive(line, uid, "SONO1")
    route(line)
    pump(line, pacs).turn(time.time())
    home = line.spool.outbox("PACS")
    home.wake_due(time.time() + 3600)
    assert len(home.claim(10)) == 10


def test_a_claim_ends_where_it_is_large_enough(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.outbox.LARGE", 1)
    receive(line, "1.1", "SONO1")
    receive(line, "1.2", "SONO1")
    route(line)
    home = line.spool.outbox("PACS")
    assert len(home.claim(100)) == 1
    assert len(home.claim(100)) == 1


def test_a_window_of_time_that_opens_for_very_many_wakes_them_bit_by_bit(line: Line) -> None:
    home = line.spool.outbox("PACS")
    for number in range(WAKE + 5):
        (home.later / f"{number:016x}001aa-0.dcm").touch()
    now = time.time()
    assert home.wake_due(now) == now, "there are more"
    assert home.count()["ready"] == WAKE
    assert home.wake_due(now) is None
    assert {state: count for state, count in home.count().items() if count} == {"ready": WAKE + 5}


# ── what the disk kept from being taken down ────────────────────────────────────────────────────────────────────────


def test_what_is_claimed_and_in_nobodys_hand_is_owed_again(
    line: Line, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(line, "1.1", "SONO1")
    route(line)
    home = line.spool.outbox("PACS")
    [entry] = home.claim(1)
    home.give_back_stale([])
    assert home.count()["active"] == 1, "it may be in the hands of a person's command"
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + STALE)
    home.give_back_stale([entry.id])
    assert home.count()["active"] == 1, "it is being sent"
    home.give_back_stale([])
    home.give_back_stale([])
    monkeypatch.setattr(time, "monotonic", lambda: now + 2 * STALE)
    home.give_back_stale([])
    assert home.count()["again"] == 1, "it may have been sent"
    pump(line, pacs).turn(time.time())
    assert pacs.got == ["1.1"]


def test_it_is_owed_again_also_where_there_is_always_something_to_send(
    line: Line, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(line, "1.1", "SONO1")
    route(line)
    home = line.spool.outbox("PACS")
    home.claim(1)
    busy = pump(line, pacs)
    began = time.monotonic()
    for minute in range(4):
        receive(line, f"1.2.{minute}", "SONO1")
        route(line)
        now = began + minute * STALE
        monkeypatch.setattr(time, "monotonic", lambda now=now: now)
        assert busy.turn(time.time()) == 0.0, "it has sent something"
    assert "1.1" in pacs.got


def test_a_disk_that_keeps_an_outcome_from_being_taken_down_costs_a_second_try_and_nothing_else(
    line: Line, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive(line, "1.1", "SONO1")
    route(line)
    with monkeypatch.context() as patch:
        patch.setattr("engine.files.append", _full)
        with pytest.raises(OSError, match="space"):
            pump(line, pacs).turn(time.time())
    now = time.monotonic()
    ours = pump(line, pacs)
    ours.turn(time.time())
    monkeypatch.setattr(time, "monotonic", lambda: now + STALE + 1)
    ours.turn(time.time())
    ours.turn(time.time())
    assert pacs.got == ["1.1", "1.1"], "its answer was not noted, so it is sent again"
    assert line.owed("PACS") == []
    assert [told["event"] for told in line.spool.history.lines()].count("delivered") == 1


def _full(_path: Path, _data: bytes) -> None:
    raise OSError(28, os.strerror(28))


def test_tidying_removes_only_what_is_old_and_has_no_bytes(line: Line) -> None:
    receive(line, "1.1", "SONO1")
    route(line)
    home = line.spool.outbox("PACS")
    [entry] = home.all()
    (home.entries / "0-0.json").write_text("{}")
    (home.received / "0-0.dcm").touch()
    (line.spool.incoming / "0.json").write_text("{}")
    line.spool.tidy(time.time() - 60)
    assert len(list(home.entries.iterdir())) == 2, "it is too young: its bytes may be on their way"
    line.spool.tidy(time.time() + 1)
    assert [path.stem for path in home.entries.iterdir()] == [entry.id]
    assert not list(home.received.iterdir())
    assert not list(line.spool.incoming.iterdir())


def test_tidying_rests_after_each_portion_and_ends_there_when_it_is_told_to(line: Line) -> None:
    home = line.spool.outbox("PACS")
    for number in range(3 * PORTION + 1):
        (home.entries / f"{number}.json").write_text("{}")
    left = []

    def rest() -> bool:
        left.append(len(list(home.entries.iterdir())))
        return len(left) == 2

    line.spool.tidy(time.time() + 1, rest)
    assert left == [2 * PORTION + 1, PORTION + 1]
    assert len(list(home.entries.iterdir())) == PORTION + 1, "the next start does it"
    line.spool.tidy(time.time() + 1)
    assert not list(home.entries.iterdir())


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("jump", [86400.0, -86400.0])
def test_when_the_clock_is_set_nothing_waits_a_day_for_its_next_try(line: Line, pacs: Pacs, jump: float) -> None:
    pacs.away = {"1.1"}
    receive(line, "1.1", "SONO1")
    route(line)
    ours = pump(line, pacs)
    ours.turn(time.time())
    assert ours.turn(time.time()) > 0, "it waits"
    pacs.away = set()
    ours.turn(time.time() + jump)
    ours.turn(time.time() + jump)
    assert pacs.got == ["1.1"]


def test_a_time_that_lies_absurdly_far_ahead_is_not_waited_for(line: Line) -> None:
    """The battery of the clock was empty at the start: it is 1970."""
    home = line.spool.outbox("PACS")
    (home.later / "0-0.dcm").touch()
    (home.entries / "0-0.json").write_text("{}")
    home.wake_due(86400.0)
    assert home.count()["ready"] == 1


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Wide(Pacs):
    """A PACS that takes four associations at once, and waits in each until there are as many as it expects."""

    connections = 4

    def __init__(self, expected: int) -> None:
        super().__init__()
        self.barrier = threading.Barrier(expected)

    def pick(self, outbox: object, now: float) -> list[Entry]:
        """One at a time, so that there is something for each."""
        return outbox.claim(1)  # type: ignore[attr-defined]

    def send(self, entries: Sequence[Entry], report: Report, stopping: object) -> None:
        """Take it once all have come."""
        self.barrier.wait(10)
        for entry in entries:
            report(entry, Sent("PACS"))


def test_as_many_are_sent_at_once_as_the_rules_say(line: Line) -> None:
    wide = Wide(4)
    for number in range(8):
        receive(line, f"1.{number + 1}", "SONO1")
    route(line)
    ours = pump(line, wide)
    threads = [threading.Thread(target=ours.loop, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 10
    while any(line.spool.outbox("PACS").count().values()) and time.monotonic() < end:
        time.sleep(0.01)
    ours.stop()
    for thread in threads:
        thread.join(10)
    assert line.owed("PACS") == []
    assert not wide.barrier.broken, "never fewer, and never more, than four at once"


def test_a_destination_says_how_many_connections_it_takes() -> None:
    signature = DESTINATIONS["dicom"]
    assert "connections" in signature.kinds
    address = {"address": Argument("text", "PACS@127.0.0.1:104")}
    assert DicomNode(Destination("PACS", "dicom", address), "US").connections == 1
    four = address | {"connections": Argument("number", "4")}
    assert DicomNode(Destination("PACS", "dicom", four), "US").connections == 4


@pytest.mark.parametrize(("kind", "text"), [("number", "0"), ("number", "33"), ("number", "2.5"), ("word", "many")])
def test_no_peer_takes_any_number_of_connections(kind: str, text: str) -> None:
    with pytest.raises(Misfit, match="1 to 32"):
        Connections.of(Argument(kind, text))
