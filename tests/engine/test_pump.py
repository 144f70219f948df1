"""Pumps: retry, patience, refusal, and that one destination never delays another."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from engine import files, router
from engine.bench import PixelBench
from engine.enough import FEW
from engine.entry import IN_DOUBT, STORED, Entry
from engine.errors import Later, Never
from engine.object import Object
from engine.outcome import Delivery
from engine.plan import Plan
from engine.pump import FIRST_REST, LONGEST_REST, WINDOW, Pump, Report, Result, Sent, Stored
from engine.step import HOLD
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, program


class Keeps(Pacs):
    """A destination that commits to nothing yet; of those in `unsure`, nobody knows whether it has them."""

    unsure = ("1.2", "1.4")

    def send(self, entries: Sequence[Entry], report: Report, stopping: object) -> None:
        """Store them all."""
        for entry in entries:
            uid = str(dcmread(entry.file).SOPInstanceUID)
            self.got.append(uid)
            report(entry, Stored(time.time() + 600, "it has not committed to it yet", sure=uid not in self.unsure))


@pytest.fixture
def pacs() -> Pacs:
    """A PACS that takes everything."""
    return Pacs()


@pytest.fixture
def line(tmp_path: Path, pacs: Pacs) -> Line:
    """A line whose rule is: store, set, forward PACS, mail."""
    return Line(tmp_path, program(), pacs)


def pump(line: Line) -> Pump:
    """The pump of PACS."""
    return Pump(line.spool.outbox("PACS"), lambda: line.pacs, line.router.refuse)


def test_what_a_destination_takes_is_no_longer_owed(line: Line, pacs: Pacs) -> None:
    line.receive("1.1")
    line.turn(time.time())
    assert pacs.got == ["1.1"]
    assert line.owed("PACS") == []


def test_a_destination_that_is_away_delays_nothing_else(line: Line, pacs: Pacs) -> None:
    pacs.away = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    assert line.stored() == ["1.1"]
    assert line.owed("PACS") == ["1.1"]
    assert line.held() == []


def test_what_could_not_be_sent_is_sent_when_the_destination_is_back(line: Line, pacs: Pacs) -> None:
    pacs.away = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    pacs.away = set()
    pump(line).turn(time.time())
    assert pacs.got == [], "it waits before it tries again"
    pump(line).turn(time.time() + 3600)
    assert pacs.got == ["1.1"]


def test_one_refused_object_does_not_block_the_next(line: Line, pacs: Pacs) -> None:
    pacs.refuse = {"1.1"}
    line.receive("1.1")
    line.receive("1.2")
    line.turn(time.time())
    assert pacs.got == ["1.2"]
    assert line.held() == ["1.1"]
    [held] = line.spool.outbox(HOLD).all()
    assert held.why == "it refuses"


def test_one_object_that_must_wait_does_not_block_the_next(line: Line, pacs: Pacs) -> None:
    pacs.away = {"1.1"}
    line.receive("1.1")
    line.receive("1.2")
    line.turn(time.time())
    assert pacs.got == ["1.2"]
    assert line.owed("PACS") == ["1.1"]


def test_patience_ends_in_the_hold_with_the_last_reason(line: Line, pacs: Pacs) -> None:
    pacs.away = {"1.1"}
    pacs.patience = 0.0
    line.receive("1.1")
    line.turn(time.time())
    assert line.held() == ["1.1"]
    [held] = line.spool.outbox(HOLD).all()
    assert held.why.startswith("given up after")
    assert held.why.endswith("it is away")


def test_the_waits_double_from_ten_seconds_to_an_hour(line: Line, pacs: Pacs) -> None:
    waits = [pump(line).wait(pacs, tries) for tries in range(1, 12)]
    assert all(8 * 2**n <= wait <= 12 * 2**n for n, wait in enumerate(waits[:8]))
    assert all(2880 <= wait <= 4320 for wait in waits[9:])


def test_a_rule_may_fix_the_wait(line: Line, pacs: Pacs) -> None:
    pacs.every = 300.0
    assert {pump(line).wait(pacs, tries) for tries in (1, 2, 9)} == {300.0}


def test_a_pump_whose_destination_is_away_does_not_try_thousands_of_objects(line: Line, pacs: Pacs) -> None:
    for number in range(150):
        pacs.away.add(f"1.{number}")
        line.receive(f"1.{number}")
    while line.router.turn():
        pass
    one = pump(line)
    one.turn(time.time())
    assert one.turn(time.time()) > 5
    counts = line.spool.outbox("PACS").count()
    assert counts["later"] == FEW
    assert counts["ready"] == 150 - FEW


def test_released_from_the_hold_an_object_goes_to_the_destination_that_refused_it(line: Line, pacs: Pacs) -> None:
    pacs.refuse = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    pacs.refuse = set()
    line.spool.release(held.id)
    line.turn(time.time())
    assert pacs.got == ["1.1"]
    assert line.held() == []
    assert line.stored() == ["1.1"], "it is not stored a second time"


def test_released_from_the_hold_an_object_without_a_route_goes_by_the_rules_of_now(line: Line) -> None:
    line.receive("1.1", modality="XA")
    line.turn(time.time())
    assert line.held() == ["1.1"]
    [held] = line.spool.outbox(HOLD).all()
    assert held.why == "no route takes it"
    line.spool.release(held.id)
    line.turn(time.time())
    assert line.held() == ["1.1"], "the rules still have no route for it"


def test_on_failure_gets_the_object_as_it_was_received(tmp_path: Path, pacs: Pacs) -> None:
    line = Line(tmp_path, program(failure=True), pacs)
    pacs.refuse = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    assert held.why == "the PACS refused it"
    assert "Praxis S" in held.file.read_bytes().decode("latin-1"), "the route had set another institution"
    assert not list((tmp_path / "spool/outbox/PACS/received").iterdir())


def test_nothing_unclean_goes_outside_whatever_the_program_says(line: Line, pacs: Pacs) -> None:
    pacs.outside = True
    line.receive("1.1")
    line.turn(time.time())
    assert pacs.got == []
    assert line.held() == ["1.1"]


def test_to_release_what_is_unclean_does_not_open_the_door(line: Line, pacs: Pacs) -> None:
    pacs.outside = True
    line.receive("1.1")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    assert pacs.got == []
    assert line.held() == ["1.1"]


def test_what_a_sender_forgets_to_report_is_tried_again(
    line: Line, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forgetful(*_: object) -> None:
        raise ConnectionError

    line.receive("1.1")
    while line.router.turn():
        pass
    monkeypatch.setattr(pacs, "send", forgetful)
    with pytest.raises(ConnectionError):
        pump(line).turn(time.time())
    assert line.spool.outbox("PACS").count() == {
        "waiting": 0,
        "urgent": 0,
        "ready": 1,
        "again": 0,
        "active": 0,
        "stored": 0,
        "later": 0,
    }


def test_an_entry_whose_note_is_torn_is_held_and_not_lost(line: Line) -> None:
    line.receive("1.1")
    while line.router.turn():
        pass
    [note] = (line.root / "spool/outbox/PACS/entries").glob("*.json")
    note.write_text("{")
    pump(line).turn(time.time())
    assert line.held() == ["1.1"]
    [held] = line.spool.outbox(HOLD).all()
    assert "cannot be read" in held.why


def test_what_a_destination_hangs_on_does_not_stay_in_front_of_everything_else(line: Line, pacs: Pacs) -> None:
    """The first object makes the destination fall silent, so that nothing behind it is sent in that turn."""

    def hang(entries: Sequence[Entry], report: Report, _: object) -> None:
        silent = False
        for entry in entries:
            silent = silent or entry.object == first
            report(entry, Later("it does not answer") if silent else Sent())

    first = line.receive("1.0")
    for number in range(1, 20):
        line.receive(f"1.{number}")
    while line.router.turn():
        pass
    pacs.send = hang  # type: ignore[method-assign]  # this destination hangs on one object
    one, now = pump(line), time.time()
    for turn in range(60):
        one._paused_until = 0.0
        one.turn(now + turn * 8000)
    assert line.owed("PACS") == ["1.0"]


# --- a destination that refuses everything -------------------------------------------------------------------------


def promised(line: Line, many: int) -> list[str]:
    """So many objects, received and routed."""
    uids = [f"1.{number}" for number in range(many)]
    for uid in uids:
        line.receive(uid)
    while line.router.turn():
        pass
    return uids


def test_a_destination_that_refuses_everything_is_not_hurried(line: Line, pacs: Pacs) -> None:
    pacs.refuse = set(promised(line, WINDOW))
    one, now = pump(line), time.time()
    assert one.turn(now) == 0.0
    assert len(line.held()) == FEW, "nobody knows yet whether it takes anything"
    assert 0 < one.turn(time.time()) <= FIRST_REST, "it rests"
    assert len(line.held()) == FEW
    assert one.trouble == "it refuses all that it is sent, so a few are tried every 1 s: it refuses"
    rests = []
    for turn in range(1, 4):
        now += 3600
        one._paused_until = 0.0
        assert one.turn(now) == 0.0
        assert len(line.held()) == FEW + turn * FEW, "only a few are tried"
        rests.append(round(one._paused_until - time.time()))
    assert rests == [2, 4, 8]
    assert LONGEST_REST >= 8


def test_a_rest_never_becomes_long(line: Line, pacs: Pacs) -> None:
    pacs.refuse = set(promised(line, 8 * FEW))
    one, now = pump(line), time.time()
    for _ in range(8):
        one._paused_until = 0.0
        one.turn(now)
    assert LONGEST_REST - 1 < one._paused_until - time.time() <= LONGEST_REST


def test_it_is_hurried_again_as_soon_as_it_takes_one(line: Line, pacs: Pacs) -> None:
    uids = promised(line, FEW + FEW + 50)
    pacs.refuse = set(uids[:FEW])
    one, now = pump(line), time.time()
    one.turn(now)
    assert one.trouble
    assert one.turn(now + 2) == 0.0
    assert len(pacs.got) == FEW, "a few are tried"
    assert one.trouble == ""
    assert one.turn(now + 2) == 0.0
    assert sorted(pacs.got) == sorted(uids[FEW:]), "and then all that there is"


def test_one_refused_object_among_accepted_ones_costs_no_rest(line: Line, pacs: Pacs) -> None:
    pacs.refuse = set(promised(line, FEW + 20)[::2])
    one, now = pump(line), time.time()
    one.turn(now)
    one.turn(now)
    assert one.trouble == ""
    assert len(pacs.got) + len(line.held()) == FEW + 20


@pytest.mark.parametrize("how", ["resume", "try_again"])
def test_a_person_who_says_that_it_is_well_again_is_believed(line: Line, pacs: Pacs, how: str) -> None:
    uids = promised(line, FEW + 50)
    pacs.refuse = set(uids)
    one, now = pump(line), time.time()
    one.turn(now)
    assert one.turn(now) > 0
    pacs.refuse = set()
    getattr(one, how)()
    assert one.trouble == ""
    assert one.turn(now) == 0.0
    assert len(pacs.got) == FEW, "it is asked once more with a few"
    assert one.turn(now) == 0.0
    assert len(pacs.got) == 50


def test_when_nothing_waits_any_more_a_refusal_is_no_trouble(line: Line, pacs: Pacs) -> None:
    """What it has refused lies in the hold, which is told by itself."""
    pacs.refuse = set(promised(line, 1))
    one, now = pump(line), time.time()
    one.turn(now)
    one.turn(now + 2)
    assert one.trouble == ""
    line.receive("2.1")
    while line.router.turn():
        pass
    one.turn(now + 2)
    assert pacs.got == ["2.1"]


def test_a_destination_that_is_away_for_some_and_refuses_others_is_waited_for(line: Line, pacs: Pacs) -> None:
    uids = promised(line, 4)
    pacs.refuse, pacs.away = set(uids[:2]), set(uids[2:])
    one, now = pump(line), time.time()
    one.turn(now)
    assert one.turn(now) > 5
    assert one.trouble == "it is away"


def test_one_that_refused_everything_and_is_away_now_stays_in_trouble_though_nothing_can_be_sent(
    line: Line, pacs: Pacs
) -> None:
    uids = promised(line, FEW + 2)
    pacs.refuse, pacs.away = set(uids[:FEW]), set(uids[FEW:])
    one = pump(line)
    for _ in range(3):
        one._paused_until = 0.0
        one.turn(time.time())
    assert one.trouble == "it is away"


def test_only_a_few_are_claimed_until_the_first_is_taken_and_again_when_nothing_is(
    line: Line, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    promised(line, 4 * WINDOW)
    offered = []
    send = pacs.send
    answer: list[Result] = []

    def noted(entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        offered.append(len(entries))
        if answer:
            report(entries[0], answer[0])
        else:
            send(entries, report, stopping)

    monkeypatch.setattr(pacs, "send", noted)
    one = pump(line)
    for said in ([Later("no room")], [Never("not here")], [], [], [Later("no room")], [], []):
        answer[:] = said
        one._paused_until = 0.0
        one.turn(time.time())
    assert offered == [FEW, FEW, FEW, WINDOW, WINDOW, FEW, WINDOW]
    assert one.outbox.count()["active"] == 0, "what was not tried is given back"


def test_what_waits_for_its_time_is_put_aside_in_windows_as_it_says_nothing_of_the_destination(
    tmp_path: Path, pacs: Pacs
) -> None:
    line = Line(tmp_path, program(), pacs)
    promised(line, 2 * WINDOW)
    closed = {"window": "00:00-00:01", "during": "the first minute"}
    one = pump(line)
    for entry in one.outbox.all():
        files.write(one.outbox.entries / f"{entry.id}.json", replace(entry, note=closed).to_bytes())
    noon = datetime.now(UTC).astimezone().replace(hour=12).timestamp()
    for _ in range(2):
        one.turn(noon)
    assert one.outbox.count()["later"] == FEW + WINDOW
    assert pacs.got == []


def test_what_is_tried_again_later_shares_the_flushes_of_the_disk(line: Line, pacs: Pacs) -> None:
    pacs.away = set(promised(line, FEW))
    with disk() as done:
        pump(line).turn(time.time())
    assert line.spool.outbox("PACS").count()["later"] == FEW
    assert done.count("write") == 0
    assert done.count("sync_all") == 1


def test_an_outcome_that_the_disk_does_not_keep_keeps_no_other_from_being_taken_down(
    line: Line, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, away, taken = promised(line, 3)
    pacs.refuse, pacs.away = {refused}, {away}
    home = line.spool.outbox("PACS")

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(home, "done", full)
    with pytest.raises(OSError, match="No space"):
        pump(line).turn(time.time())
    assert pacs.got == [taken]
    assert line.held() == [refused]
    assert home.count()["later"] == 1
    assert home.count()["active"] == 1, "it is given back, and asked about, in a minute"


def test_an_on_failure_that_stumbles_over_one_object_holds_that_one_and_no_other(
    tmp_path: Path, pacs: Pacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, program(failure=True), pacs)
    pacs.refuse = set(promised(line, 3))
    first = min(entry.object for entry in line.spool.outbox("PACS").all())
    fail = router.fail

    def stumbling(plan: Plan, route: str, received: Object, why: str, bench: PixelBench) -> tuple[Delivery, ...] | None:
        if received.id == first:
            raise ZeroDivisionError
        return fail(plan, route, received, why, bench)

    monkeypatch.setattr(router, "fail", stumbling)
    pump(line).turn(time.time())
    assert sorted(entry.why for entry in line.spool.outbox(HOLD).all()) == [
        "it refuses; its `on failure` could not be run (ZeroDivisionError), a fault of the software",
        "the PACS refused it",
        "the PACS refused it",
    ]


def test_what_waits_for_word_is_taken_down_together(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Keeps())
    for number in range(1, 21):
        line.receive(f"1.{number}")
    line.router.turn()
    one = pump(line)
    one._takes_nothing = False  # it has taken others before
    with disk() as done:
        one.turn(time.time())
    assert (done.count("sync_all"), done.count("write")) == (1, 0)
    home = line.spool.outbox("PACS")
    assert {state: count for state, count in home.count().items() if count} == {"stored": 20}
    sent = {str(dcmread(entry.file).SOPInstanceUID): entry.sent for entry in home.all()}
    assert sent == {f"1.{number}": IN_DOUBT if number in (2, 4) else STORED for number in range(1, 21)}
    assert {entry.tries for entry in home.all()} == {0}
    due = home.wake_due(time.time())
    assert due is not None
    assert 500 < due - time.time() < 700


@pytest.mark.parametrize("fails", ["crash_at", "error_at"])
def test_wherever_it_is_broken_off_what_was_stored_is_asked_about_before_it_is_sent_again(
    tmp_path: Path, fails: str
) -> None:
    at = 0
    while True:
        at += 1
        line = Line(tmp_path / str(at), program(), Keeps())
        for uid in ("1.1", "1.2", "1.3"):
            line.receive(uid)
        line.router.turn()
        with disk(**{fails: at}) as done, suppress(Crash, OSError):
            pump(line).turn(time.time())
        if len(done) < at:
            break
        again = Line(tmp_path / str(at), program(), line.pacs)
        owed = {str(dcmread(entry.file).SOPInstanceUID): entry for entry in again.spool.outbox("PACS").all()}
        assert set(owed) == {"1.1", "1.2", "1.3"}, done[at - 1]
        assert all(owed[uid].sent for uid in line.pacs.got), done[at - 1]
    assert at > 5
