"""`collect`: the rest of the chain is one run for a whole study, through restarts, crashes and failing disks."""

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from engine.completeness import Complete
from engine.condition import Compare, Field, Literal
from engine.entry import Entry
from engine.outbox import Outbox
from engine.program import Call, Case, Choose, Listener, Program, Route
from engine.router import Router
from engine.signature import Argument
from engine.step import HOLD
from tests.data.make import discard, forward, hold, mail, put, store
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk

AWAIT = Call("await", {})
QUIET = 120.0


def collect(unit: str = "study") -> Call:
    """`collect study quiet 2 minutes`."""
    return Call("collect", {"unit": Argument("word", unit), "quiet": Argument("duration", "2 minutes")})


def rules(*chain: Call | Choose, failure: tuple[Call, ...] | None = None) -> Program:
    """One route on port 1."""
    listener = Listener("port 1", "dicom", {"port": Argument("number", "1")})
    return Program(listeners=(listener,), routes=(Route("main", "port 1", None, chain, failure),))


def us(*chain: Call) -> Choose:
    """Ultrasound only."""
    return Choose((Case(Compare(Field("Modality"), "=", Literal("text", "US")), chain),), None)


def settled(line: Line, after: float = QUIET + 1) -> None:
    """Turn until nothing moves any more, this long from now."""
    for _ in range(6):
        line.turn(time.time() + after)


def test_a_study_goes_on_when_it_has_been_quiet_and_not_before(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), forward("PACS")), Pacs())
    for uid in ("1.2.1", "1.2.2", "1.2.3"):
        line.receive(uid)
    settled(line, QUIET - 5)
    assert (line.pacs.got, line.owed("study.collect")) == ([], ["1.2.1", "1.2.2", "1.2.3"])
    settled(line)
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert line.spool.unfinished() == 0


def test_what_comes_late_is_collected_by_itself(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), forward("PACS")), Pacs())
    line.receive("1.2.1")
    settled(line)
    line.receive("1.2.2")
    settled(line, 1)
    assert line.pacs.got == ["1.2.1"]
    settled(line)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_a_study_whose_rules_the_disk_has_not_kept_is_held_and_the_next_goes_on(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), forward("PACS")), Pacs())
    line.receive("1.2.1")
    line.router.turn()
    (line.spool.programs / f"{line.digest}.json").write_bytes(b"{")
    again = Line(tmp_path, rules(collect(), forward("PACS"), store()), Pacs())
    again.receive("1.2.2")
    settled(again)
    assert again.pacs.got == ["1.2.2"]
    [held] = again.spool.outbox(HOLD).all()
    assert "can no longer be read" in held.why
    again.spool.release(held.id)
    settled(again)
    assert sorted(again.pacs.got) == ["1.2.1", "1.2.2"], "by the rules that run now"
    assert again.spool.unfinished() == 0


def test_quiet_counts_anew_after_a_restart_for_the_sender_may_have_been_shut_out(tmp_path: Path) -> None:
    some = rules(collect(), forward("PACS"))
    line = Line(tmp_path, some, Pacs())
    line.receive("1.2.1")
    line.turn(time.time())
    again = Line(tmp_path, some, Pacs())
    again.router.started = time.time() + 1000
    settled(again, 1000 + QUIET - 1)
    assert again.pacs.got == []
    settled(again, 1000 + QUIET + 1)
    assert again.pacs.got == ["1.2.1"]


def test_it_waits_for_what_was_accepted_and_is_not_routed_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, rules(collect(), forward("PACS")), Pacs())
    line.receive("1.2.1")
    line.turn(time.time())
    line.receive("1.2.2")
    monkeypatch.setattr(Router, "turn", lambda _: False)
    settled(line)
    assert line.pacs.got == []
    monkeypatch.undo()
    settled(line)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_all_of_it_goes_on_or_none(tmp_path: Path) -> None:
    broken = us(put("NumberOfFrames", "many"))
    line = Line(tmp_path, rules(store(), collect(), broken, forward("PACS")), Pacs())
    line.receive("1.2.1", "CT")
    line.receive("1.2.2", "US")
    settled(line)
    assert (line.pacs.got, line.held(), line.stored()) == ([], ["1.2.1", "1.2.2"], ["1.2.1", "1.2.2"])
    whys = [entry.why for entry in line.spool.outbox(HOLD).all()]
    assert whys[0].startswith("it goes on with all that was collected with it, or not at all")
    assert whys[1] in whys[0]


def test_its_failure_chain_takes_all_of_it_as_it_was_received(tmp_path: Path) -> None:
    broken = us(put("NumberOfFrames", "many"))
    some = rules(put("InstitutionName", "Nord"), collect(), broken, forward("PACS"), failure=(store("Institution"),))
    line = Line(tmp_path, some, Pacs())
    line.receive("1.2.1", "CT")
    line.receive("1.2.2", "US")
    settled(line)
    assert (line.pacs.got, line.held(), line.stored()) == ([], [], ["1.2.1", "1.2.2"])
    assert [path.name for path in line.archive.iterdir() if path.is_dir()] == ["Praxis Süd"]


def test_behind_it_the_object_is_as_it_was_changed_before(tmp_path: Path) -> None:
    some = rules(put("InstitutionName", "Nord"), collect(), us(store("Institution")), discard("no"))
    line = Line(tmp_path, some, Pacs())
    line.receive("1.2.1", "US")
    line.receive("1.2.2", "CT")
    settled(line)
    assert line.stored() == ["1.2.1"]
    assert [path.name for path in line.archive.iterdir() if path.is_dir()] == ["Nord"]
    assert line.spool.unfinished() == 0
    assert not list((line.spool.outbox("study.collect").received).iterdir())


def test_what_nothing_takes_behind_it_is_held_as_it_was_received(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(put("InstitutionName", "Nord"), collect(), us(forward("PACS"))), Pacs())
    line.receive("1.2.1", "US")
    line.receive("1.2.2", "CT")
    settled(line)
    assert (line.pacs.got, line.held()) == (["1.2.1"], ["1.2.2"])
    [held] = line.spool.outbox(HOLD).all()
    assert held.why == "no case of its route takes it"
    line.spool.release(held.id)
    settled(line)
    assert line.held() == ["1.2.2"], "a release goes through the rules again, and they still do not take it"


def test_inside_a_choose_the_rest_of_the_case_and_of_the_chain_follow(tmp_path: Path) -> None:
    some = rules(us(collect("series"), forward("READER")), forward("PACS"))
    line = Line(tmp_path, some, Pacs())
    line.receive("1.2.1", "CT")
    settled(line, 1)
    assert line.pacs.got == ["1.2.1"]


def test_one_without_a_study_is_held(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect("series"), forward("PACS")), Pacs())
    line.receive("1.2.1")
    settled(line)
    [held] = line.spool.outbox(HOLD).all()
    assert held.why == "it has no SeriesInstanceUID, so nothing says which series it belongs to"


def test_a_mail_behind_it_tells_of_what_was_stored_in_front_of_it(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(store(), collect(), mail("admin")), Pacs())
    line.receive("1.2.1")
    settled(line)
    mails = line.spool.outbox("admin.mail")
    [entry] = mails.all()
    receipt = mails.receipt(entry.awaits[0])
    assert receipt is not None
    assert (receipt.outcome, receipt.outbox) == ("delivered", "archive.store")
    assert not list(line.spool.outbox("study.collect").receipts.iterdir())
    assert line.held() == []


def test_and_of_what_is_sent_only_later(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), collect(), mail("admin")), pacs)
    line.receive("1.2.1")
    settled(line)
    mails = line.spool.outbox("admin.mail")
    [entry] = mails.all()
    assert mails.receipt(entry.awaits[0]) is None
    pacs.away = set()
    settled(line, 1000)
    assert mails.receipt(entry.awaits[0]) is not None
    assert not list(line.spool.outbox("study.collect").receipts.iterdir())


def test_who_wants_an_outcome_is_found_out_where_the_note_of_it_cannot_be_read(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.1", "1.2.2"}
    line = Line(tmp_path, rules(forward("PACS"), collect(), mail("admin")), pacs)
    for uid in ("1.2.1", "1.2.2"):
        line.receive(uid)
    settled(line)
    torn, _ = sorted(line.spool.outbox("study.collect").receipts.glob("*.to"))
    torn.write_text("[")
    mails = line.spool.outbox("admin.mail")
    pacs.away = set()
    settled(line, 1000)
    awaited = [number for entry in mails.all() for number in entry.awaits]
    assert len(awaited) == 2
    assert all(mails.receipt(number) is not None for number in awaited)
    assert not list(line.spool.outbox("study.collect").receipts.iterdir())


def test_an_await_in_front_of_it_delays_the_whole_study(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away = {"1.2.2"}
    line = Line(tmp_path, rules(forward("PACS"), AWAIT, collect(), store()), pacs)
    line.receive("1.2.1")
    line.receive("1.2.2")
    settled(line)
    assert (pacs.got, line.stored()) == (["1.2.1"], [])
    pacs.away = set()
    settled(line, 1000)
    settled(line, 1000 + QUIET + 1)
    assert line.stored() == ["1.2.1", "1.2.2"]


FILES = ("1.2.1", "1.2.2")
CHAIN = rules(put("InstitutionName", "Nord"), store(), collect(), forward("PACS"), mail("admin"))


def _until_all_is_done(line: Line) -> None:
    settled(line, 4000)


@pytest.mark.parametrize("error", [False, True], ids=["crash", "disk full"])
def test_at_each_operation_of_the_disk_nothing_is_lost_and_nothing_held(tmp_path: Path, error: bool) -> None:
    at = 0
    while True:
        at += 1
        root = tmp_path / str(at)
        line = Line(root, CHAIN, Pacs())
        for uid in FILES:
            line.receive(uid)
        line.turn(time.time())
        with disk(**{"error_at" if error else "crash_at": at}) as done, suppress(Crash, OSError):
            settled(line)
        if len(done) < at:
            break
        if error:
            _until_all_is_done(line)
            assert line.owed("study.collect") == [], f"operation {at}: {done[at - 1]}: it needs no restart"
        again = Line(root, CHAIN, line.pacs)
        _until_all_is_done(again)
        assert sorted(set(again.pacs.got)) == sorted(FILES), f"operation {at}: {done[at - 1]}"
        assert len(again.pacs.got) <= len(FILES) + 1, f"operation {at}: {done[at - 1]}"
        assert again.stored() == sorted(FILES)
        assert again.held() == [], f"operation {at}: {done[at - 1]}"
        mails = again.spool.outbox("admin.mail")
        assert sorted(entry.id.partition("-")[0] for entry in mails.all()) == sorted(
            {entry.object for entry in mails.all()}
        )
        assert len(mails.all()) == len(FILES)
        assert all(mails.receipt(number) for entry in mails.all() for number in entry.awaits)
        assert again.owed("study.collect") == again.owed("PACS") == []
    assert at > 20


def test_hold_behind_it(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), hold()), Pacs())
    line.receive("1.2.1")
    settled(line)
    assert line.held() == ["1.2.1"]


def test_a_collect_behind_a_collect_knows_what_is_kept(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(store(), collect(), AWAIT, collect(), us(forward("PACS"))), Pacs())
    line.receive("1.2.1", "US")
    line.receive("1.2.2", "CT")
    settled(line)
    settled(line, 2 * QUIET + 2)
    assert (line.pacs.got, line.held()) == (["1.2.1"], []), "the other is kept by the archive"


def test_a_failure_chain_can_collect_and_its_mail_still_says_what_failed(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.refuse = {"1.2.1"}
    line = Line(tmp_path, rules(forward("PACS"), failure=(collect(), store(), mail("admin"))), pacs)
    line.receive("1.2.1")
    settled(line, 1)
    assert line.owed("study.collect") == ["1.2.1"]
    settled(line)
    [told] = line.spool.outbox("admin.mail").all()
    assert (line.stored(), told.note["why"]) == (["1.2.1"], "it refuses")


def test_a_study_that_the_software_stumbles_over_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    briefly = Call("collect", {"unit": Argument("word", "study"), "quiet": Argument("duration", "1 second")})
    some = rules(briefly, forward("PACS"))
    route = some.routes[0]
    both = replace(some, routes=(replace(route, name="a"), replace(route, name="b", chain=(briefly, store()))))
    line = Line(tmp_path, both, Pacs())
    really = Router.go_on

    def stumbling(router: Router, home: Outbox, study: Sequence[Entry], why: Complete) -> None:
        if study[0].route == "a":
            raise RuntimeError
        really(router, home, study, why)

    monkeypatch.setattr(Router, "go_on", stumbling)
    line.receive("1.2.1")
    for _ in range(4):
        with suppress(RuntimeError):
            line.turn(time.time() + 2)
    assert (line.stored(), line.owed("study.collect")) == (["1.2.1"], ["1.2.1"])
