"""`await`: what stands behind it goes once all in front of it has been delivered; never before, and always then."""

import time
from contextlib import suppress
from pathlib import Path

import pytest

from engine import gates
from engine.entry import Receipt, glance
from engine.program import Call, Listener, Program, Route
from engine.signature import Argument
from engine.step import HOLD
from tests.data.make import forward, hold, mail, store
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk

AWAIT = Call("await", {})


def rules(*chain: Call, failure: tuple[Call, ...] | None = None) -> Program:
    """One route on port 1."""
    listener = Listener("port 1", "dicom", {"port": Argument("number", "1")})
    return Program(listeners=(listener,), routes=(Route("main", "port 1", None, chain, failure),))


def states(line: Line, name: str) -> dict[str, int]:
    """Where the entries of an outbox are, as far as there are any."""
    return {state: count for state, count in line.spool.outbox(name).count().items() if count}


def test_behind_it_waits_until_before_it_is_delivered(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    line.receive("1.2.1")
    now = time.time()
    line.turn(now)
    line.turn(now + 1)
    assert (states(line, "PACS"), states(line, "archive.store")) == ({"later": 1}, {"waiting": 1})
    assert line.stored() == []
    pacs.away = set()
    line.turn(now + 100)
    line.turn(now + 101)
    assert (pacs.got, line.stored()) == (["1.2.1"], ["1.2.1"])
    assert line.spool.unfinished() == 0
    assert not list((tmp_path / "spool" / "outbox" / "archive.store" / "gates").iterdir())


def test_each_of_several_is_waited_for(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(tmp_path, rules(store(), forward("PACS"), AWAIT, forward("READER"), AWAIT, forward("LAST")), pacs)
    line.receive("1.2.1")
    line.turn(time.time())
    assert line.stored() == ["1.2.1"]
    assert (states(line, "READER"), states(line, "LAST")) == ({"waiting": 1}, {"waiting": 1})
    assert pacs.got == []
    pacs.away = set()
    for late in range(3):
        line.turn(time.time() + 100 + late)
    assert pacs.got == ["1.2.1"] * 3
    assert line.spool.unfinished() == 0


def test_word_of_one_is_read_once_while_the_other_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pacs = Pacs()
    uids = {f"1.2.{number}" for number in range(5)}
    pacs.away = set(uids)
    line = Line(tmp_path, rules(store(), forward("PACS"), AWAIT, forward("READER")), pacs)
    for uid in sorted(uids):
        line.receive(uid)
    line.turn(time.time())
    reader = line.spool.outbox("READER")
    reader.open_gates()
    read: list[bytes] = []
    really = Receipt.from_bytes

    def reading(data: bytes) -> Receipt:
        read.append(data)
        return really(data)

    monkeypatch.setattr(Receipt, "from_bytes", reading)
    reader.open_gates()
    assert (read, states(line, "READER")) == ([], {"waiting": 5}), "a PACS may be away with a hundred thousand"
    pacs.away = set()
    for late in range(3):
        line.turn(time.time() + 100 + late)
    assert sorted(pacs.got) == sorted([*uids, *uids])
    assert len(read) == 10
    assert line.spool.unfinished() == 0


def test_what_is_held_in_front_keeps_it_waiting_until_a_person_releases_that(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    line.receive("1.2.1")
    for _ in range(2):
        line.turn(time.time())
    assert (line.held(), states(line, "archive.store")) == (["1.2.1"], {"waiting": 1})
    pacs.refuse = set()
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    for _ in range(2):
        line.turn(time.time())
    assert (line.held(), line.stored(), pacs.got) == ([], ["1.2.1"], ["1.2.1"])


def test_what_a_person_deletes_in_front_brings_it_into_the_hold_and_a_release_sends_it(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    line.receive("1.2.1")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.delete(held.id)
    line.turn(time.time())
    [waited] = line.spool.outbox(HOLD).all()
    assert waited.why == "it waited for PACS, and what was held there was deleted by a person"
    assert line.stored() == []
    line.spool.release(waited.id)
    line.turn(time.time())
    assert (line.held(), line.stored()) == ([], ["1.2.1"])


def test_where_the_failure_chain_takes_over_it_is_left_out_with_all_that_waits_for_it(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse = {"1.2.1"}
    chain = (forward("PACS"), AWAIT, forward("READER"), AWAIT, store())
    line = Line(tmp_path, rules(*chain, failure=(hold("the PACS refused it"),)), pacs)
    line.receive("1.2.1")
    for _ in range(3):
        line.turn(time.time())
    assert (line.held(), line.stored(), pacs.got) == (["1.2.1"], [], [])
    assert line.spool.unfinished() == 0
    left = [(told["outbox"], told["why"]) for told in line.spool.history.lines() if told["event"] == "left out"]
    # In either order: both wait for the PACS.
    assert {outbox for outbox, _ in left} == {"READER", "archive.store"}
    assert all("has not taken what was to go first" in why for _, why in left)


def test_a_mail_behind_it_is_sent_only_when_all_is_well(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, mail("admin")), pacs)
    line.receive("1.2.1")
    line.turn(time.time())
    home = line.spool.outbox("admin.mail")
    home.open_gates()
    assert states(line, "admin.mail") == {"waiting": 1}
    pacs.away = set()
    line.turn(time.time() + 100)
    home.open_gates()
    [entry] = home.all()
    assert states(line, "admin.mail") == {"ready": 1}
    assert home.receipt(entry.awaits[0]) is not None


def test_the_patience_begins_when_the_gate_opens(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, forward("ALATER")), Pacs())
    line.receive("1.2.1")
    line.turn(time.time())  # the pump of ALATER has had its turn before that of the PACS
    home = line.spool.outbox("ALATER")
    [before] = home.all()
    home.open_gates()
    [after] = home.all()
    assert (len(before.gates), after.gates) == (1, ())
    assert after.since > before.since


def test_hold_neither_waits_nor_is_waited_for(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(hold("look at it"), AWAIT, forward("PACS"), AWAIT, hold("and again")), Pacs())
    line.receive("1.2.1")
    line.turn(time.time())
    assert (line.held(), line.pacs.got) == (["1.2.1", "1.2.1"], ["1.2.1"])


def test_a_note_that_cannot_be_read_is_held_when_its_turn_comes(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    line.receive("1.2.1")
    line.turn(time.time())
    [note] = (tmp_path / "spool" / "outbox" / "archive.store" / "entries").glob("*.json")
    note.write_text("{")
    pacs.away = set()
    for late in (100, 101):
        line.turn(time.time() + late)
    assert line.held() == ["1.2.1"]


def test_word_that_cannot_be_read_holds_the_one_that_waits_for_it_and_the_others_go(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, forward("ALATER")), Pacs())
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        line.receive(uid)
    line.turn(time.time())  # the pump of ALATER has had its turn before that of the PACS
    torn, half, _ = sorted((tmp_path / "spool" / "outbox" / "ALATER" / "gates").iterdir())
    torn.write_bytes(b"\x00" * 40)
    half.write_text('{"entry": "1"}')
    line.turn(time.time() + 1)
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3", "1.2.3"]
    held = line.spool.outbox(HOLD).all()
    assert {entry.why for entry in held} == {
        "nobody knows any more whether what was to go first was delivered: release it if it was"
    }
    assert line.held() == ["1.2.1", "1.2.2"]
    for entry in held:
        line.spool.release(entry.id)
    line.turn(time.time() + 2)
    assert sorted(line.pacs.got[4:]) == ["1.2.1", "1.2.2"]
    assert line.spool.unfinished() == 0


def test_word_that_cannot_be_read_waits_as_long_as_the_one_that_left_it_is_there_to_say_it_again(
    tmp_path: Path,
) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    line.receive("1.2.1")
    line.turn(time.time())
    [owed], [waiting] = line.spool.outbox("PACS").all(), line.spool.outbox("archive.store").all()
    (tmp_path / "spool" / "outbox" / "archive.store" / "gates" / f"{waiting.id}.{owed.id}.json").write_text("{")
    line.turn(time.time() + 1)
    assert (line.held(), states(line, "archive.store")) == ([], {"waiting": 1})
    pacs.away = set()
    for late in (100, 101):
        line.turn(time.time() + late)
    assert (line.held(), line.stored()) == ([], ["1.2.1"])


def test_what_waits_for_one_whose_note_was_torn_does_not_wait_for_ever(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1", "1.2.2"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    for uid in ("1.2.1", "1.2.2"):
        line.receive(uid)
    line.turn(time.time())
    torn, _ = sorted((tmp_path / "spool" / "outbox" / "PACS" / "entries").glob("*.json"))
    torn.write_text("{")
    pacs.away = {"1.2.2"}
    for late in (100, 101):
        line.turn(time.time() + late)
    line.spool.tidy(time.time() + 60)
    line.turn(time.time() + 102)
    # Held it is no word: what may still be sent, and what is away, are waited for.
    assert (line.held(), states(line, "archive.store")) == (["1.2.1"], {"waiting": 2})
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    for late in (103, 104):
        line.turn(time.time() + late)
    assert (pacs.got, line.held(), states(line, "archive.store")) == (["1.2.1"], [], {"waiting": 2})
    line.spool.tidy(0.0)
    line.turn(time.time() + 105)
    assert line.held() == [], "what has just been promised is not looked at"
    line.spool.tidy(time.time() + 60)
    line.turn(time.time() + 106)
    assert (line.held(), states(line, "archive.store")) == (["1.2.1"], {"waiting": 1})
    [waited] = line.spool.outbox(HOLD).all()
    assert waited.why == "nobody knows any more whether what was to go first was delivered: release it if it was"
    pacs.away = set()
    line.spool.release(waited.id)
    for late in (4000, 4001):
        line.turn(time.time() + late)
    assert (line.stored(), line.held(), line.spool.unfinished()) == (["1.2.1", "1.2.2"], [], 0)


def test_what_came_after_that_time_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1", "1.2.2"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, store()), pacs)
    line.receive("1.2.1")
    between = time.time()
    line.receive("1.2.2")
    line.turn(time.time())
    opened: list[str] = []

    def noting(entries: Path, number: str) -> dict[str, object]:
        opened.append(number)
        return glance(entries, number)

    monkeypatch.setattr(gates, "glance", noting)
    home = line.spool.outbox("archive.store")
    first, second = home.all()
    assert gates.find_lost(home, line.spool, between) == 0
    assert opened == [first.id], "it was promised later all the same"
    assert gates.find_lost(home, line.spool, time.time()) == 0
    for note in (tmp_path / "spool" / "outbox" / "PACS" / "entries").iterdir():
        note.unlink()
    assert gates.find_lost(home, line.spool, time.time()) == 2
    assert {word.name.partition(".")[0] for word in home.gates.iterdir()} == {first.id, second.id}


@pytest.mark.parametrize("refuse", [False, True], ids=["sent", "on-failure"])
def test_a_crash_at_any_operation_neither_loses_it_nor_lets_it_go_before_its_time(tmp_path: Path, refuse: bool) -> None:
    program = rules(forward("PACS"), AWAIT, store(), failure=(hold("the PACS refused it"),))

    def live(root: Path, pacs: Pacs) -> bool:
        if refuse:
            pacs.refuse = {"1.2.1"}
        line = Line(root, program, pacs)
        line.receive("1.2.1")
        for _ in range(2):
            line.turn(time.time())
        return True

    (tmp_path / "count").mkdir()
    with disk() as done:
        live(tmp_path / "count", Pacs())
    assert len(done) > 40
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        root.mkdir()
        pacs = Pacs()
        with disk(crash_at=point), suppress(Crash):
            live(root, pacs)
        again = Line(root, program, pacs)
        assert not (again.stored() and not pacs.got), f"stored before the PACS had it, point {point}"
        for late in range(3):
            again.turn(time.time() + late)
        received = any(told["event"] == "received" for told in again.spool.history.lines()) or bool(pacs.got)
        assert again.spool.unfinished() == 0, f"waits for ever, point {point}"
        if refuse:
            assert (pacs.got, again.stored()) == ([], [])
            assert again.held() == ["1.2.1"] * len(again.held())
            assert len(again.held()) == 1 or not received, f"point {point}"
        else:
            assert again.stored() == sorted(set(pacs.got)), f"point {point}"
            assert again.stored() or not received, f"lost, point {point}"


def test_a_crash_after_the_bad_news_and_a_destination_that_takes_it_the_second_time(tmp_path: Path) -> None:
    program = rules(forward("PACS"), AWAIT, store(), failure=(hold("the PACS refused it"),))
    (tmp_path / "count").mkdir()

    def live(root: Path) -> None:
        pacs = Pacs()
        pacs.refuse = {"1.2.1"}
        line = Line(root, program, pacs)
        line.receive("1.2.1")
        for _ in range(2):
            line.turn(time.time())

    with disk() as done:
        live(tmp_path / "count")
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        root.mkdir()
        with disk(crash_at=point), suppress(Crash):
            live(root)
        line = Line(root, program, Pacs())
        if not list(line.spool.waiting()) and not line.spool.unfinished() and not line.held():
            continue  # it had not been taken in
        for late in range(3):
            line.turn(time.time() + late)
        # Either the PACS has it, and then the archive too; or a person has it, and then neither.
        assert line.spool.unfinished() == 0
        assert (line.pacs.got, line.stored(), line.held()) in (
            (["1.2.1"], ["1.2.1"], []),
            ([], [], ["1.2.1"]),
        ), f"point {point}"
