"""Replay: what was stored goes through the rules as if it came again; once, however often it is repeated."""

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.journal import Journal
from engine.ledger import ledger
from engine.narrow import narrowed
from engine.plan import prepare
from engine.program import Program, Route
from engine.replay import Judged, Replay, held, promised, skipped, stored
from engine.step import HOLD
from engine.whereabouts import whereabouts
from tests.engine.spool.crash_kit import FORWARD, STORE, Crash, Line, Pacs, disk, program

OUTBOX = "archive.store"


def rules() -> Program:
    """Store and send."""
    first = program()
    return Program(
        first.listeners, first.destinations, routes=(Route("main", "port 1", first.routes[0].where, (STORE, FORWARD)),)
    )


def only_stored() -> Program:
    """What ran when the images came: they were stored only."""
    return replace(rules(), routes=(replace(rules().routes[0], chain=(STORE,)),))


def judged(
    line: Line,
    journal: Journal,
    plan: Program,
    *,
    to: str = "",
    name: str = "",
    port: int | None = None,
    hold: bool = False,
) -> tuple[Replay, list[Judged]]:
    """What a replay of everything would do."""
    one = Replay(line.spool, journal, prepare(plan), to, name)
    one.look(whereabouts(line.spool.root))
    copies = held(line.spool, "", "") if hold else stored(journal, OUTBOX, line.archive, "", "")
    return one, [one.judge(copy, port) for copy in copies]


def replayed(
    line: Line, plan: Program, *, to: str = "", name: str = "", port: int | None = None, hold: bool = False
) -> int:
    """Replay everything; how many were taken in."""
    digest = line.spool.keep_program(plan)
    with Journal(line.spool.root) as journal:
        one, found = judged(line, journal, plan, to=to, name=name, port=port, hold=hold)
        chosen = [copy for copy in found if not copy.skipped]
        for copy in chosen:
            one.accept(copy, digest)
    return len(chosen)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """Three images that were only stored, and a PACS that has nothing."""
    return of_old(tmp_path)


def of_old(root: Path) -> Line:
    line = Line(root, only_stored(), Pacs())
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        line.receive(uid)
    line.turn(time.time())
    assert line.stored() == ["1.2.1", "1.2.2", "1.2.3"]
    return line


def test_what_was_stored_goes_where_the_new_rules_say_by_the_way_it_came(line: Line) -> None:
    assert replayed(line, rules()) == 3
    number = min(line.spool.waiting())
    accepted = line.spool.load(number)
    origin = accepted.obj.origin
    assert (origin.kind, origin.port, origin.sender, origin.called) == ("dicom", 1, "SONO1", "STELLWERK")
    assert origin.address == "10.0.0.1"
    assert accepted.program == rules().digest
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert line.stored() == ["1.2.1", "1.2.2", "1.2.3"], "one copy each"
    assert not line.held()


def test_to_repeat_it_does_nothing_twice(line: Line) -> None:
    assert replayed(line, rules()) == 3
    assert replayed(line, rules()) == 0, "they lie in incoming"
    line.turn(time.time())
    assert replayed(line, rules()) == 0, "they have gone"
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    # Under a name it is another replay.
    assert replayed(line, rules(), name="after the fire") == 3


def test_the_ledger_knows_a_replayed_object_for_the_same(line: Line) -> None:
    replayed(line, rules())
    with Journal(line.spool.root) as journal:
        assert ledger(journal).states["waiting"] == 3
        line.turn(time.time())
        count = ledger(journal)
    assert (count.received, count.states["delivered"], count.difference) == (3, 3, 0)


def test_a_crash_at_any_operation_and_a_repetition_lose_nothing_and_do_nothing_twice(tmp_path: Path) -> None:
    def again(line: Line) -> None:
        replayed(line, rules())
        line.turn(time.time())

    (tmp_path / "old").mkdir()
    line = of_old(tmp_path / "old")
    shutil.copytree(tmp_path / "old", tmp_path / "count")
    with disk() as done:
        again(Line(tmp_path / "count", rules(), Pacs()))
    assert len(done) > 60
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        shutil.copytree(tmp_path / "old", root)
        pacs = Pacs()
        with disk(crash_at=point), pytest.raises(Crash):
            again(Line(root, rules(), pacs))
        line = Line(root, rules(), pacs)
        again(line)
        line.turn(time.time() + 10)
        assert line.stored() == ["1.2.1", "1.2.2", "1.2.3"], f"point {point}"
        assert sorted(set(pacs.got)) == ["1.2.1", "1.2.2", "1.2.3"], f"lost, point {point}"
        # What was sent when the machine stopped, before that was noted, is sent once more.
        assert len(pacs.got) <= 3 + 3, f"point {point}"
        assert not line.held()
        with Journal(line.spool.root) as journal:
            count = ledger(journal, rest=lambda _: None)
            assert (count.received, count.difference) == (3, 0), f"point {point}"
            twice = "SELECT 1 FROM objects WHERE length(number) = 32 AND told GROUP BY substr(number, 17)"
            twice += " HAVING count(*) > 1"
            assert journal.db.execute(twice).fetchall() == [], f"taken in twice, point {point}"


def test_to_one_destination_nobody_else_gets_anything(line: Line) -> None:
    assert replayed(line, narrowed(rules(), "PACS"), to="PACS") == 3
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert [told["outbox"] for told in line.spool.history.lines() if told["event"] == "promised"].count(OUTBOX) == 3


def test_what_is_still_owed_to_it_is_left_alone(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.2"}
    line = Line(tmp_path, rules(), pacs)
    for uid in ("1.2.1", "1.2.2"):
        line.receive(uid)
    line.turn(time.time())
    with Journal(line.spool.root) as journal:
        _, found = judged(line, journal, narrowed(rules(), "PACS"), to="PACS")
        assert promised(found) == {"PACS": 1}
        assert skipped(found) == {"it is still owed to PACS": 1}


def test_what_these_rules_would_hold_or_send_nowhere_stays_where_it_is(line: Line) -> None:
    other = replace(rules(), routes=(replace(rules().routes[0], where=None, source="port 2"),))
    with Journal(line.spool.root) as journal:
        for plan, why in (
            (other, "these rules would hold it: no route takes it"),
            (replace(rules(), listeners=()), "it came in by port 1, where these rules do not listen"),
        ):
            _, found = judged(line, journal, plan)
            assert skipped(found) == {why: 3}
            assert promised(found) == {}


def test_of_a_copy_that_nobody_knows_one_must_say_how_it_came(line: Line) -> None:
    for folder in (line.spool.history.events, line.spool.history.keys):
        for path in folder.iterdir():
            path.unlink()
    assert replayed(line, rules()) == 0
    assert replayed(line, rules(), port=1) == 3
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert replayed(line, rules(), port=1) == 0


def test_what_a_person_replays_is_no_duplicate_also_of_a_copy_that_nobody_knows(line: Line) -> None:
    for file in line.archive.rglob("*.dcm"):
        file.rename(file.with_name(f"of old {file.name}"))
    to_pacs = narrowed(rules(), "PACS")
    assert replayed(line, to_pacs, to="PACS", port=1) == 3
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert replayed(line, to_pacs, to="PACS", port=1, name="after the fire") == 3
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"] * 2


def test_only_what_came_in_that_time(line: Line) -> None:
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        assert len(stored(journal, OUTBOX, line.archive, "2020-01-01", "")) == 3
        assert stored(journal, OUTBOX, line.archive, "2199-01-01", "") == []
        assert stored(journal, OUTBOX, line.archive, "2020-01-01", "2020-01-02") == []
        assert stored(journal, OUTBOX, line.archive / "none", "", "") == []


def test_other_bytes_at_the_same_place_are_another_copy(line: Line) -> None:
    assert replayed(line, rules()) == 3
    line.turn(time.time())
    first = next(line.archive.rglob("1.2.1.dcm"))
    other = first.read_bytes() + b"\0" * 2
    first.unlink()
    first.write_bytes(other)
    assert replayed(line, rules()) == 1


def test_what_is_held_goes_through_the_rules_and_out_of_the_hold(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse = {"1.2.1"}
    line = Line(tmp_path, rules(), pacs)
    line.receive("1.2.1")
    line.receive("1.2.2", "XA")
    line.turn(time.time())
    assert line.held() == ["1.2.1", "1.2.2"]
    # What the rules would hold again stays; what had been refused goes through these rules, not back there.
    assert replayed(line, only_stored(), hold=True) == 1
    line.turn(time.time())
    assert line.held() == ["1.2.2"]
    assert pacs.got == []
    [entry] = line.spool.outbox(HOLD).all()
    assert entry.origin.sender == "SONO1"
    with Journal(line.spool.root) as journal:
        count = ledger(journal)
        assert (count.received, count.states["held"], count.states["delivered"]) == (2, 1, 1)
