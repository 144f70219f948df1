"""The ledger: whatever happens, in whatever order, all that was received is accounted for; and a loss is found."""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.condition import Compare, Field, Literal
from engine.journal import Journal
from engine.ledger import DELETED, DELIVERED, DISCARDED, HELD, MISSING, WAITING, Kept, Ledger, Member, ledger, standing
from engine.program import Program, Route
from engine.replay import Replay, stored
from engine.step import HOLD
from engine.whereabouts import Whereabouts, whereabouts
from tests.engine.spool.crash_kit import DISCARD, FORWARD, STORE, Crash, Line, Pacs, disk, new_uid, program

# ── what has become of one object ───────────────────────────────────────────────────────────────────────────────────

ONE = "18af0b5cf0a1c2d3abc"
TWO = "18af0b5cf0a1c2d4abc"


def member(number: str = ONE, *promises: Kept, ending: str = "", received: str = "2026-03-01T10:00:00") -> Member:
    return Member(number, received, True, ending, promises)


def promise(digit: str, ending: str = "", outbox: str = "PACS", number: str = ONE, into: str = "") -> Kept:
    return Kept(f"{number}-{digit * 12}", outbox, ending, into)


def lying(**where: str) -> Whereabouts:
    found = Whereabouts()
    for digit, place in where.items():
        found.put(f"{ONE}-{digit * 12}", place)
    return found


def test_what_is_owed_to_one_waits_though_another_has_it() -> None:
    family = [member(ONE, promise("a", "delivered"), promise("b"))]
    assert standing(family, lying(b=WAITING)) == WAITING


def test_what_waits_and_is_held_waits() -> None:
    assert standing([member(ONE, promise("a"), promise("b"))], lying(a=HELD, b=WAITING)) == WAITING


def test_where_it_lies_goes_before_what_was_written_ahead() -> None:
    assert standing([member(ONE, promise("a", "delivered"))], lying(a=HELD)) == HELD
    assert standing([member(ONE, promise("a", "deleted"))], lying(a=HELD)) == HELD


def test_a_promise_that_lies_nowhere_and_has_no_end_is_missing_though_another_was_kept() -> None:
    family = [member(ONE, promise("a", "delivered"), promise("b"))]
    assert standing(family, Whereabouts()) == MISSING


def test_what_was_received_and_left_no_trace_is_missing() -> None:
    assert standing([member()], Whereabouts()) == MISSING


def test_a_mail_about_it_is_no_delivery() -> None:
    family = [member(ONE, promise("a", "delivered", "admin.mail"), promise("b", "deleted"))]
    assert standing(family, Whereabouts()) == DELETED


def test_behind_what_was_refused_something_must_follow() -> None:
    assert standing([member(ONE, promise("a", "failed"))], Whereabouts()) == MISSING
    assert standing([member(ONE, promise("a", "failed"), ending="discarded")], Whereabouts()) == DISCARDED
    assert standing([member(ONE, promise("a", "failed"), promise("b", "delivered"))], Whereabouts()) == DELIVERED


def test_what_was_left_out_for_another_objects_sake_was_discarded_by_that_rule() -> None:
    assert standing([member(ONE, promise("a", "left out"))], Whereabouts()) == DISCARDED
    assert standing([member(ONE, promise("a", "left out"), promise("b", "delivered"))], Whereabouts()) == DELIVERED
    assert standing([member(ONE, promise("a", "left out"), promise("b", "failed"))], Whereabouts()) == MISSING


def test_what_was_discarded_with_a_mail_about_it_was_discarded() -> None:
    family = [member(ONE, promise("a", "delivered", "admin.mail"), ending="discarded")]
    assert standing(family, Whereabouts()) == DISCARDED


def test_what_went_through_the_rules_again_is_one_object() -> None:
    released = member(ONE, promise("a", "released", into=TWO))
    assert standing([released, member(TWO, promise("b", "delivered", number=TWO))], Whereabouts()) == DELIVERED
    assert standing([released, member(TWO)], Whereabouts()) == MISSING
    assert standing([released, Member(TWO, "", False, "", ())], Whereabouts()) == MISSING


def test_a_release_that_a_crash_has_stopped_is_held_still() -> None:
    released = member(ONE, promise("a", "released", into=TWO))
    assert standing([released, Member(TWO, "", False, "", ())], lying(a=HELD)) == HELD


# ── the equation ────────────────────────────────────────────────────────────────────────────────────────────────────


def count(line: Line) -> Ledger:
    with Journal(line.spool.root) as journal:
        return ledger(journal, rest=lambda _: None)


def rules() -> Program:
    """US is stored, sent, and held where it is refused; MR is sent, and discarded where it is refused; so is OT."""
    first = program()
    return Program(
        first.listeners,
        first.destinations,
        routes=(
            Route("us", "port 1", _modality("US"), (STORE, FORWARD)),
            Route("mr", "port 1", _modality("MR"), (FORWARD,), (DISCARD,)),
            Route("ot", "port 1", _modality("OT"), (DISCARD,)),
        ),
    )


def _modality(value: str) -> Compare:
    return Compare(Field("Modality"), "=", Literal("text", value))


OUTCOMES = ("takes", "refuses", "away")
RECEIVE = st.tuples(st.just("receive"), st.sampled_from(("US", "MR", "OT", "XA")), st.sampled_from(OUTCOMES))
TURN = st.tuples(st.just("turn"), st.integers(0, 2), st.just(""))
STEPS = st.one_of(
    RECEIVE,
    RECEIVE,
    TURN,
    TURN,
    st.tuples(st.just("release"), st.integers(0, 5), st.just("")),
    st.tuples(st.just("delete"), st.integers(0, 5), st.just("")),
    st.tuples(st.just("hold"), st.just(""), st.just("")),
    st.tuples(
        st.just("crash"), st.integers(1, 120), st.sampled_from(("turn", "receive", "release", "delete", "replay"))
    ),
    st.tuples(st.just("mend"), st.just(""), st.just("")),
    st.tuples(st.just("replay"), st.just(""), st.just("")),
)


class World:
    """A line under test: what is done to it, and which objects were certainly taken in."""

    def __init__(self, root: Path) -> None:
        self.root, self.pacs, self.clock = root, Pacs(), time.time()
        self.line = Line(root, rules(), self.pacs)
        self.taken = 0

    def do(self, what: str, detail: str | int, more: str) -> None:
        if what == "receive":
            uid = new_uid()
            self.pacs.refuse |= {uid} if more == "refuses" else set()
            self.pacs.away |= {uid} if more == "away" else set()
            self.line.receive(uid, str(detail))
            self.taken += 1
        elif what == "turn":
            self.clock += 4000 * int(detail)
            self.line.turn(self.clock)
        elif what in ("release", "delete"):
            held = self.line.spool.outbox(HOLD).all()
            if held:
                getattr(self.line.spool, what)(held[int(detail) % len(held)].id)
        elif what == "hold":
            home = self.line.spool.outbox("PACS")
            for entry in home.claim_these([one for one in home.all() if one.file.parent != home.active]):
                home.hold(entry, "a person took it out")
        elif what == "replay":
            with Journal(self.line.spool.root) as journal:
                replay = Replay(self.line.spool, journal, self.line.plan)
                replay.look(whereabouts(self.line.spool.root))
                for copy in stored(journal, "archive.store", self.line.archive, "", ""):
                    judged = replay.judge(copy)
                    if not judged.skipped:
                        replay.accept(judged, self.line.digest)
        elif what == "mend":
            self.pacs.refuse.clear()
            self.pacs.away.clear()
        else:
            try:
                with disk(crash_at=int(detail)):
                    self.do(more, "US" if more == "receive" else 1, "takes")
            except Crash:
                pass
            self.line = Line(self.root, rules(), self.pacs)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEPS, min_size=8, max_size=16))
def test_after_everything_that_happens_nothing_is_missing(steps: list[tuple[str, str | int, str]]) -> None:
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        before = 0
        for step in steps:
            world.do(*step)
            found = count(world.line)
            assert not found.missing, f"after {step}: {found}"
            assert found.received == sum(found.states.values())
            # An object that was being taken in when the machine stopped may be there without our word.
            assert found.received >= max(world.taken, before), f"after {step}"
            assert found.received <= world.taken + sum(what == "crash" for what, *_ in steps)
            before = found.received


def test_the_equation_in_numbers(tmp_path: Path) -> None:
    world = World(tmp_path)
    for modality, outcome in (("US", "takes"), ("US", "refuses"), ("US", "away"), ("MR", "refuses"), ("OT", "takes")):
        world.do("receive", modality, outcome)
    for modality in ("XA", "XA"):
        world.do("receive", modality, "takes")
    world.do("turn", 0, "")
    held = {entry.why: entry for entry in world.line.spool.outbox(HOLD).all()}
    world.line.spool.delete(held["no route takes it"].id)
    world.do("receive", "US", "takes")
    found = count(world.line)
    assert {state: number for state, number in found.states.items() if number} == {
        DELIVERED: 1,
        WAITING: 2,
        HELD: 2,
        DISCARDED: 2,
        DELETED: 1,
    }
    assert (found.received, found.difference, found.found) == (8, 0, 0)


def test_an_object_that_is_released_through_the_rules_is_counted_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.do("receive", "XA", "takes")
    for _ in range(3):
        world.do("turn", 0, "")
        world.do("release", 0, "")
    found = count(world.line)
    assert (found.received, found.states[WAITING]) == (1, 1)


# ── a loss ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["incoming", "outbox/PACS/later", "hold"])
def test_a_file_that_somebody_removes_is_missed(tmp_path: Path, where: str) -> None:
    world = World(tmp_path)
    world.do("receive", "US", "takes")
    if where != "incoming":
        world.do("receive", "US", "away" if "PACS" in where else "refuses")
        world.do("turn", 0, "")
    [lost] = (tmp_path / "spool" / where).glob("*.arriving" if where == "incoming" else "*.dcm")
    lost.unlink()
    found = count(world.line)
    assert found.difference == 1
    assert lost.name.startswith(found.missing[0].number)
    assert found.missing[0].event == {"incoming": "received", "hold": "held"}.get(where, found.missing[0].event)


def test_what_is_only_moving_is_not_missing(tmp_path: Path) -> None:
    """Between two looks a promise is taken up: beside a running appliance that is no loss."""
    world = World(tmp_path)
    world.do("receive", "US", "away")
    world.do("turn", 0, "")
    later = tmp_path / "spool/outbox/PACS/later"
    [file] = later.glob("*.dcm")
    hidden = file.rename(tmp_path / file.name)

    def comes_back(_seconds: float) -> None:
        hidden.rename(file)

    with Journal(world.line.spool.root) as journal:
        found = ledger(journal, rest=comes_back)
    assert not found.difference
    assert found.states[WAITING] == 1


def test_without_a_history_what_lies_in_the_spool_was_received(tmp_path: Path) -> None:
    world = World(tmp_path)
    for outcome in ("takes", "refuses", "away"):
        world.do("receive", "US", outcome)
    world.do("turn", 0, "")
    world.do("receive", "US", "takes")
    assert count(world.line).received == 4
    for path in world.line.spool.history.events.iterdir():
        path.unlink()
    (world.line.spool.root / "journal.sqlite").unlink()
    found = count(world.line)
    assert (found.received, found.found, found.difference) == (3, 3, 0)
    assert (found.states[WAITING], found.states[HELD]) == (2, 1)


def test_only_what_came_since_a_day_is_counted(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.do("receive", "US", "takes")
    with Journal(world.line.spool.root) as journal:
        assert ledger(journal, "2020-01-01").received == 1
        assert ledger(journal, "2199-01-01").received == 0
