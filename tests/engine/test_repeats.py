"""What a route can promise is known by position, so that older promises are found without looking through an outbox."""

from dataclasses import replace
from pathlib import Path

import pytest

from engine.condition import Compare, Field, Literal
from engine.outcome import Collected, delivery_id
from engine.plan import prepare
from engine.program import Call, Case, Choose, Destination, Program
from engine.repeats import promises
from engine.run import fail, resume, run
from engine.signature import Argument
from tests.data.make import FakeBench, forward, mail, obj, route, store
from tests.data.make import program as made
from tests.engine.spool.crash_kit import Line, Pacs
from tests.engine.spool.test_duplicates import OTHER, UID, line_of, receive

GATHER = Call("collect", {"unit": Argument("word", "series"), "quiet": Argument("duration", "2 minutes")})


def is_(modality: str) -> Compare:
    return Compare(Field("Modality"), "=", Literal("text", modality))


def nested() -> Program:
    """Every kind of branch, a `collect` within one, and an `on failure`."""
    inner = Choose(
        (Case(is_("US"), (forward("PACS"),)), Case(is_("CT"), (forward("PACS"), GATHER, forward("PACS")))),
        (mail("admin"),),
    )
    chain = (
        store("PatientID"),
        Choose((Case(is_("MR"), (store("PatientID"),)),), (inner, forward("PACS"))),
        mail("admin"),
    )
    failing = (Choose((Case(is_("US"), (store("PatientID"),)),), (forward("PACS"),)), mail("admin"))
    some = made(route("a", *chain))
    return replace(some, routes=(replace(some.routes[0], failure=failing),))


@pytest.mark.parametrize("modality", ["US", "CT", "MR", "XA"])
def test_all_that_a_run_promises_is_among_what_a_route_can_promise(modality: str) -> None:
    some = nested()
    received = obj(
        {"PatientID": "4711", "SeriesInstanceUID": "1.2.3", "SOPInstanceUID": "1.2.3.4", "Modality": modality}
    )
    plan, bench = prepare(some), FakeBench(some, "")
    made_by_run = [*run(plan, received, bench).deliveries, *(fail(plan, "a", received, "refused", bench) or ())]
    for gathering in [one for one in made_by_run if one.outbox.endswith(".collect")]:
        [outcome] = resume(plan, "a", gathering.position, [Collected(received, received)], bench)
        made_by_run += outcome.deliveries
    known = {delivery_id(received.id, "a", *one) for one in promises(some.route("a"))}
    assert len(made_by_run) > 3
    assert {one.id for one in made_by_run} <= known


def test_a_route_that_the_rules_did_not_have_then_has_promised_nothing() -> None:
    assert not list(promises(nested().route("b")))


def owing(root: Path) -> Line:
    """A line that replaces, whose PACS is away and is owed an older object."""
    line = line_of(root, store("PatientID"), forward("PACS"), duplicate="replace")
    line.pacs.away = {UID}
    receive(line)
    line.turn(0.0)
    return line


@pytest.mark.parametrize("torn", [False, True], ids=["gone", "torn"])
def test_older_promises_are_found_too_where_their_program_can_no_longer_be_read(tmp_path: Path, torn: bool) -> None:
    line = owing(tmp_path)
    [kept] = (tmp_path / "spool" / "programs").iterdir()
    kept.write_bytes(b"{") if torn else kept.unlink()
    newer = receive(line, OTHER)
    line.router.turn()
    assert [entry.object for entry in line.spool.outbox("PACS").all()] == [newer]


def test_older_promises_are_found_by_the_rules_that_made_them(tmp_path: Path) -> None:
    line = owing(tmp_path)
    some = line.plan.program
    changed = replace(some.routes[0], chain=(forward("OTHER"),))
    more = Destination("OTHER", "dicom", {"address": Argument("text", "OTHER@127.0.0.1:104")})
    rules = replace(some, routes=(changed,), destinations=(*some.destinations, more))
    again = Line(tmp_path, rules, Pacs())
    receive(again, OTHER)
    again.router.turn()
    assert again.owed("PACS") == []
    assert again.owed("OTHER") == [UID]
