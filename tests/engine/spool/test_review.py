"""`review`: what waits for a person, goes on when it is approved and stays when it is not, through crashes."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from engine import review
from engine.errors import Never
from engine.journal import Journal
from engine.ledger import DELIVERED, HELD, WAITING, ledger
from engine.program import Call, Contact
from engine.replay import held
from engine.step import HOLD, REVIEW
from tests.data.make import forward, mail, put, store
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk
from tests.engine.spool.test_collect import collect, rules

LOOK, AWAIT = Call("review", {}), Call("await", {})
CLEANED = put("InstitutionName", "Clean")
"""Stands for what cleans: what has not come past it must never be stored."""
CHAIN = (CLEANED, LOOK, store("Institution"))


def settled(line: Line, after: float = 1.0) -> None:
    """Turn until nothing moves any more."""
    for _ in range(4):
        line.turn(time.time() + after)


def received(root: Path, *chain: Call, failure: tuple[Call, ...] | None = None) -> Line:
    """A line that has taken in one object, and turned."""
    line = Line(root, rules(*(chain or CHAIN), failure=failure), Pacs())
    line.receive("1.2.1")
    settled(line)
    return line


def waits(line: Line) -> list[str]:
    """The ids of what waits for a review."""
    return [one.id for one in review.waiting(line.spool)]


def institutions(line: Line) -> list[str]:
    """Of all that is stored."""
    return sorted(str(dcmread(path).InstitutionName) for path in line.archive.rglob("*.dcm"))


def states(line: Line) -> dict[str, int]:
    """The ledger, what is nought left out; nothing is missing in it."""
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        found = ledger(journal)
    assert found.difference == 0
    return {state: count for state, count in found.states.items() if count}


def told(line: Line) -> list[str]:
    """What happened, in order."""
    return [event["event"] for event in line.spool.history.lines()]


def test_it_is_held_until_it_is_approved_and_goes_on_behind_the_step(tmp_path: Path) -> None:
    line = received(tmp_path)
    [one] = review.waiting(line.spool)
    assert (one.route, one.sender, line.stored()) == ("main", "SONO1", [])
    assert states(line) == {HELD: 1}
    [entry] = line.spool.outbox(HOLD).all()
    assert "`stellwerk review`" in entry.why
    review.approve(line.spool, one.id, by="Dr. Probe")
    assert (waits(line), states(line)) == ([], {WAITING: 1})
    settled(line)
    assert (institutions(line), line.held(), line.spool.unfinished()) == (["Clean"], [], 0)
    assert states(line) == {DELIVERED: 1}
    [approved] = [event for event in line.spool.history.lines() if event["event"] == "approved"]
    assert approved["by"] == "Dr. Probe"


def test_it_goes_on_as_if_the_step_had_answered_at_once(tmp_path: Path) -> None:
    line = received(tmp_path)
    review.approve(line.spool, *waits(line))
    settled(line)
    at_once = received(tmp_path / "other", CLEANED, store("Institution"))
    [one], [other] = (sorted(each.archive.rglob("*.dcm")) for each in (line, at_once))
    assert one.read_bytes() == other.read_bytes()
    assert one.relative_to(line.archive) == other.relative_to(at_once.archive)


def test_rejected_it_stays_as_it_was_received_and_released_it_is_cleaned_and_reviewed_anew(tmp_path: Path) -> None:
    line = received(tmp_path)
    review.reject(line.spool, *waits(line), why="a name is left below the scale")
    settled(line)
    assert (waits(line), line.stored(), states(line)) == ([], [], {HELD: 1})
    [entry] = line.spool.outbox(HOLD).all()
    assert "a name is left below the scale" in entry.why
    assert (dcmread(entry.file).InstitutionName, entry.cleared) == ("Praxis Süd", ())
    line.spool.release(entry.id)
    settled(line)
    review.approve(line.spool, *waits(line))
    settled(line)
    assert (institutions(line), line.held(), states(line)) == (["Clean"], [], {DELIVERED: 1})


def test_it_can_be_taken_through_rules_that_were_mended_meanwhile(tmp_path: Path) -> None:
    line = received(tmp_path)
    mended = Line(tmp_path, rules(put("InstitutionName", "Cleaner"), LOOK, store("Institution")), Pacs())
    review.again(mended.spool, *waits(mended))
    settled(mended)
    review.approve(mended.spool, *waits(mended))
    settled(mended)
    assert (institutions(mended), mended.held()) == (["Cleaner"], [])
    assert line.digest != mended.digest


def test_a_release_is_no_approval_and_a_replay_leaves_it_alone(tmp_path: Path) -> None:
    line = received(tmp_path)
    [number] = waits(line)
    with pytest.raises(Never, match="stellwerk review"):
        line.spool.release(number)
    with pytest.raises(Never, match="stellwerk review"):
        line.spool.release(number, line.digest)
    assert held(line.spool, "", "") == []
    settled(line)
    assert (waits(line), line.stored()) == ([number], [])


def test_what_does_not_wait_for_a_review_can_be_neither_approved_nor_rejected(tmp_path: Path) -> None:
    line = received(tmp_path, put("NumberOfFrames", "many"), store())
    [entry] = line.spool.outbox(HOLD).all()
    for number in (entry.id, "nothing", f"../hold/{entry.id}"):
        with pytest.raises(KeyError):
            review.approve(line.spool, number)
        with pytest.raises(KeyError):
            review.reject(line.spool, number, "no")
    assert "approved" not in told(line)


def test_deleted_it_is_gone(tmp_path: Path) -> None:
    line = received(tmp_path)
    line.spool.delete(*waits(line))
    settled(line)
    assert (line.held(), line.stored(), [path for path in line.spool.held.glob("*") if path.is_file()]) == ([], [], [])


def test_what_stands_in_front_is_done_and_an_await_in_front_is_waited_for(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, LOOK, store()), Pacs())
    line.pacs.away = {"1.2.1"}
    line.receive("1.2.1")
    settled(line)
    assert (waits(line), line.owed(REVIEW)) == ([], ["1.2.1"])
    line.pacs.away = set()
    settled(line, 60)
    assert line.pacs.got == ["1.2.1"]
    review.approve(line.spool, *waits(line))
    settled(line)
    assert line.stored() == ["1.2.1"]


def test_what_fails_behind_it_takes_on_failure_as_it_was_received(tmp_path: Path) -> None:
    chain = (CLEANED, LOOK, put("NumberOfFrames", "many"), forward("PACS"))
    line = received(tmp_path, *chain, failure=(store("Institution"),))
    review.approve(line.spool, *waits(line))
    settled(line)
    assert (institutions(line), line.pacs.got, line.held()) == (["Praxis Süd"], [], [])


def test_a_study_is_collected_behind_it_as_its_images_are_approved(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(LOOK, collect(), forward("PACS")), Pacs())
    for uid in ("1.2.1", "1.2.2"):
        line.receive(uid)
    settled(line)
    for number in waits(line):
        review.approve(line.spool, number)
    settled(line)
    assert (line.owed("study.collect"), line.pacs.got) == (["1.2.1", "1.2.2"], [])
    settled(line, 200)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_a_mail_behind_it_tells_of_what_stood_in_front(tmp_path: Path) -> None:
    some = replace(rules(store(), LOOK, forward("PACS"), mail("admin")), contacts=(Contact("admin", ("a@b.example",)),))
    line = Line(tmp_path, some, Pacs())
    line.receive("1.2.1")
    settled(line)
    assert line.stored() == ["1.2.1"]
    settled(line)  # the outcome is kept as long as it waits
    review.approve(line.spool, *waits(line))
    settled(line)
    [report] = line.spool.outbox("admin.mail").all()
    outcomes = [line.spool.outbox("admin.mail").receipt(number) for number in report.awaits]
    assert sorted(one.outbox for one in outcomes if one is not None) == ["PACS", "archive.store"]
    assert not list(line.spool.outbox(REVIEW).receipts.iterdir())


def test_bytes_whose_note_is_torn_come_back_and_are_never_approved(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(*CHAIN), Pacs())
    line.receive("1.2.1")
    line.router.turn()
    [note] = line.spool.outbox(REVIEW).entries.iterdir()
    note.write_bytes(b"{")
    again = Line(tmp_path, rules(*CHAIN), Pacs())
    for _ in range(2):
        settled(again)
        [entry] = again.spool.outbox(HOLD).all()
        assert (waits(again), "cannot be read" in entry.why) == ([], True)
        again.spool.release(entry.id)


def test_of_two_who_disagree_one_is_heard(tmp_path: Path) -> None:
    for number in range(20):
        root = tmp_path / str(number)
        line = received(root)
        [one] = waits(line)
        other = Line(root, rules(*CHAIN), Pacs())
        heard: list[str] = []

        def says(what: str, does: Callable[[], None], heard: list[str] = heard) -> None:
            with suppress(KeyError):
                does()
                heard.append(what)

        yes = threading.Thread(target=says, args=("yes", lambda line=line, one=one: review.approve(line.spool, one)))
        no = threading.Thread(
            target=says, args=("no", lambda other=other, one=one: review.reject(other.spool, one, "no"))
        )
        for thread in (yes, no) if number % 2 else (no, yes):
            thread.start()
        yes.join()
        no.join()
        settled(line)
        assert (institutions(line), line.held()) == ((["Clean"], []) if heard == ["yes"] else ([], ["1.2.1"]))


def approves(line: Line) -> None:
    """A person approves all there is."""
    for number in waits(line):
        review.approve(line.spool, number)


def rejects(line: Line) -> None:
    """A person rejects all there is, and has what was rejected cleaned anew."""
    for number in waits(line):
        review.reject(line.spool, number, "no")
    for entry in line.spool.outbox(HOLD).all():
        line.spool.release(entry.id)


@pytest.mark.parametrize("person", [approves, rejects])
def test_a_crash_at_any_operation_neither_loses_nor_doubles_it_nor_lets_out_what_is_not_clean(
    tmp_path: Path, person: Callable[[Line], None]
) -> None:
    program = rules(*CHAIN)

    def live(root: Path) -> None:
        line = Line(root, program, Pacs())
        line.receive("1.2.1")
        settled(line)
        person(line)
        settled(line)

    (tmp_path / "count").mkdir()
    with disk() as done:
        live(tmp_path / "count")
    assert len(done) > 60
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        root.mkdir()
        with disk(crash_at=point), suppress(Crash):
            live(root)
        line = Line(root, program, Pacs())
        settled(line)
        assert set(institutions(line)) <= {"Clean"}, f"point {point}"
        there = len(line.stored()) + len(line.held())
        assert there == 1 or "received" not in told(line), f"{there} there, point {point}"
        for entry in line.spool.outbox(HOLD).all():
            if not entry.waits_for_review:
                line.spool.release(entry.id)  # rejected, or for a note that could not be read
        settled(line)
        approves(line)
        settled(line)
        assert institutions(line) == ["Clean"] * there, f"point {point}"
        assert (line.held(), line.spool.unfinished()) == ([], 0), f"point {point}"


@pytest.mark.parametrize("person", [approves, rejects])
def test_a_disk_that_fails_at_any_operation_costs_a_try_and_nothing_else(
    tmp_path: Path, person: Callable[[Line], None]
) -> None:
    program = rules(*CHAIN)

    def line_that_waits(root: Path) -> Line:
        line = Line(root, program, Pacs())
        line.receive("1.2.1")
        settled(line)
        return line

    def judged(line: Line) -> None:
        person(line)
        settled(line)

    (tmp_path / "count").mkdir()
    line = line_that_waits(tmp_path / "count")
    with disk() as done:
        judged(line)
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        root.mkdir()
        line = line_that_waits(root)
        with disk(error_at=point), suppress(OSError):
            judged(line)
        again = Line(root, program, Pacs())
        for _ in range(2):
            settled(again, 100)
            for entry in again.spool.outbox(HOLD).all():
                if not entry.waits_for_review:
                    again.spool.release(entry.id)
            approves(again)
        settled(again, 100)
        assert (institutions(again), again.held(), again.spool.unfinished()) == (["Clean"], [], 0), f"point {point}"
