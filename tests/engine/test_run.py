"""What becomes of an object, semantics 1 to 8 of the language: read this to know what a rule file promises."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from engine.condition import Any, Compare, Condition, Field, Literal, Not, Unmatched
from engine.errors import Later, Never
from engine.header import Header
from engine.object import Object
from engine.outcome import Delivery, Outcome
from engine.plan import prepare
from engine.program import Call, Case, Choose, Program
from engine.run import fail, run
from engine.signature import Signature
from engine.step import HOLD, Answer, Declared, Workbench
from engine.steps import STEPS
from tests.data.make import (
    FakeBench,
    clean,
    discard,
    equals,
    forward,
    hold,
    instance,
    mail,
    obj,
    program,
    put,
    remove,
    route,
    store,
)

US, CT = equals("Modality", "US"), equals("Modality", "CT")
HEADER = {"Modality": "US", "PatientName": "Müller^Änne", "PatientID": "4711", "SOPInstanceUID": "1.2.3.4"}
ULTRASOUND = obj(HEADER)


def outcome(some: Program, received: Object = ULTRASOUND, refuses: str = "", **options: bool) -> Outcome:
    """What becomes of an ultrasound object on port 11112 under these rules."""
    return run(prepare(some), received, FakeBench(some, refuses), **options)


def boxes(found: Outcome | tuple[Delivery, ...]) -> list[str]:
    """The outboxes that something is promised to, in order."""
    deliveries = found.deliveries if isinstance(found, Outcome) else found
    return [delivery.outbox for delivery in deliveries]


def why(found: Outcome) -> str:
    """The reason of the only promise, which is the hold."""
    [delivery] = found.deliveries
    assert delivery.outbox == HOLD
    return delivery.note["why"]


def choose(*cases: tuple[Condition, tuple[Call, ...]], otherwise: tuple[Call, ...] | None = None) -> Choose:
    """`choose when … otherwise … end`."""
    return Choose(tuple(Case(where, chain) for where, chain in cases), otherwise)


# --- the mandated line ------------------------------------------------------------------------------------------------


def test_the_mandated_line_cleans_stores_forwards_and_mails() -> None:
    some = program(route("us", clean(), store("Institution", "PatientName"), forward("PACS"), mail("admin"), where=US))
    found = outcome(some)
    assert boxes(found) == ["archive.store", "PACS", "admin.mail"]
    assert found.deliveries[0].place == ("unknown", "Müller^Änne")
    for delivery in found.deliveries:
        assert delivery.obj.payload.suffix == ".clean"
        assert delivery.obj.cleared == {"pixels"}
        assert delivery.obj.header.first("BurnedInAnnotation") == "NO"


# --- 2: all matching routes -------------------------------------------------------------------------------------------


def test_all_matching_routes_run_in_the_order_of_the_file() -> None:
    some = program(
        route("a", forward("PACS"), where=US),
        route("b", forward("PACS"), where=CT),
        route("c", store()),
        route("d", forward("READER"), on="port 11113"),
    )
    found = outcome(some)
    assert boxes(found) == ["PACS", "archive.store"]
    assert [passage.taken for passage in found.passages] == [True, False, True, False]


@pytest.mark.parametrize("tag", ["PatientName", "RequestAttributesSequence.StudyID", '(0009,"X",10)'])
@pytest.mark.parametrize("change", [lambda tag: put(tag, "changed"), remove])
def test_every_route_sees_the_object_as_it_was_received(tmp_path: Path, tag: str, change: object) -> None:
    assert callable(change)
    some = program(
        route("first", change(tag), store(tag), forward("PACS")),
        route("second", store(tag), forward("PACS")),
    )
    for received in (ULTRASOUND, replace(ULTRASOUND, header=Header.read(instance(tmp_path)))):
        received = received.with_header({tag: "received"})
        received = replace(received, changes={})
        found = outcome(some, received)
        first, _, second, forwarded = found.deliveries
        assert first.place == (("changed",) if change is not remove else ("unknown",))
        assert second.place == ("received",)
        assert forwarded.obj.changes == {}
        assert received.header.first(tag) == "received"


def test_a_condition_sees_where_the_object_came_from() -> None:
    some = program(route("r", store(), where=equals("sender", "SONO1")))
    assert boxes(outcome(some, obj(HEADER, sender="SONO1"))) == ["archive.store"]
    assert why(outcome(some, obj(HEADER, sender="CT1"))) == "no route takes it"


def test_today_is_the_day_on_which_the_object_was_received() -> None:
    some = program(route("r", store(), where=Compare(Field("StudyDate"), "=", Literal("today", ""))))
    for received, stored in (("2026-03-31T23:59:59+02:00", True), ("2026-04-01T00:00:00+02:00", False), ("", False)):
        found = outcome(some, obj({**HEADER, "StudyDate": "20260331"}, received=received))
        assert (boxes(found) == ["archive.store"]) is stored


def test_the_same_object_has_the_same_outcome_every_time() -> None:
    some = program(
        route("a", clean(), store(), forward("PACS", "READER"), mail("admin"), failure=(hold(),)),
        route("b", choose((CT, (store(),)), otherwise=(put("Modality", "OT"), forward("PACS")))),
    )
    first, again = outcome(some), outcome(Program.from_json(some.to_json()), obj(dict(HEADER)))
    assert len(first.deliveries) == 5
    for one, other in zip(first.deliveries, again.deliveries, strict=True):
        assert replace(one, obj=ULTRASOUND) == replace(other, obj=ULTRASOUND)
        assert one.obj.changes == other.obj.changes


def test_a_promises_id_follows_from_object_route_position_and_outbox() -> None:
    some = program(
        route("a", forward("PACS", "READER"), forward("PACS")),
        route("b", forward("PACS")),
    )
    ids = [delivery.id for delivery in outcome(some).deliveries]
    assert len(set(ids)) == 4
    assert all(number.startswith("1-") for number in ids)
    others = [delivery.id for delivery in outcome(some, replace(ULTRASOUND, id="2")).deliveries]
    assert not set(ids) & set(others)
    # What stands elsewhere in the file is not in it: a reload between two attempts promises the same again.
    more = program(route("new", store(), where=CT), *some.routes)
    assert [delivery.id for delivery in outcome(more).deliveries] == ids


def test_one_outbox_named_twice_in_a_step_is_promised_once() -> None:
    assert boxes(outcome(program(route("r", forward("PACS", "PACS"))))) == ["PACS"]


def test_two_routes_of_one_name_are_a_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="same name"):
        prepare(program(route("r", store()), route("r", forward("PACS"))))


# --- 3: choose --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("modality", "expected"), [("US", ["PACS", "hold"]), ("CT", ["READER", "hold"]), ("MR", ["archive.store", "hold"])]
)
def test_the_first_case_that_holds_is_taken(modality: str, expected: list[str]) -> None:
    cases = ((US, (forward("PACS"),)), (Any((US, CT)), (forward("READER"),)))
    some = program(route("r", choose(*cases, otherwise=(store(),)), hold()))
    assert boxes(outcome(some, obj({**HEADER, "Modality": modality}))) == expected


def test_without_otherwise_the_object_passes_unchanged() -> None:
    found = outcome(program(route("r", choose((CT, (put("PatientName", "x"), hold()))), store("PatientName"))))
    assert boxes(found) == ["archive.store"]
    assert found.deliveries[0].place == ("Müller^Änne",)


def test_what_a_case_changes_stays_changed_behind_it() -> None:
    some = program(route("r", choose((US, (put("PatientName", "x"),))), store("PatientName")))
    assert outcome(some).deliveries[0].place == ("x",)


def test_a_choose_sees_the_object_as_it_stands_there() -> None:
    some = program(route("r", put("Modality", "CT"), choose((US, (hold(),)), (CT, (store(),)))))
    assert boxes(outcome(some)) == ["archive.store"]


# --- 4: nothing is lost -----------------------------------------------------------------------------------------------


def test_what_no_route_takes_is_held() -> None:
    for some in (program(), program(route("r", store(), where=CT)), program(route("r", store(), on="port 11113"))):
        assert why(outcome(some)) == "no route takes it"
    assert why(outcome(program(route("r", store())), obj(HEADER, port=1))) == "no route takes it"


@pytest.mark.parametrize("chain", [(), (put("Modality", "OT"),), (clean(),), (choose((CT, (store(),))),)])
def test_a_route_that_promises_nothing_holds_the_object(chain: tuple[Call, ...]) -> None:
    some = replace(program(route("r")), routes=(replace(route("r"), chain=chain),))
    found = outcome(some)
    assert why(found) == "no case of its route takes it"
    assert found.deliveries[0].obj is ULTRASOUND


def test_a_route_that_only_mails_holds_the_object_and_the_mail_says_so() -> None:
    found = outcome(program(route("r", mail("admin"))))
    report, held = found.deliveries
    assert (report.outbox, held.outbox) == ("admin.mail", HOLD)
    assert report.awaits == (held.id,)
    assert held.reports_to == ("admin.mail",)


def test_a_route_that_only_mails_is_enough_where_another_one_keeps_the_object() -> None:
    some = program(route("keep", store()), route("tell", mail("admin")))
    assert boxes(outcome(some)) == ["archive.store", "admin.mail"]
    assert boxes(outcome(program(route("drop", discard("x")), route("tell", mail("admin"))))) == ["admin.mail"]


def test_unmatched_takes_what_no_other_route_takes() -> None:
    some = program(
        route("rest", forward("READER"), where=Unmatched()),
        route("us", forward("PACS"), where=US),
        route("again", store(), where=Unmatched()),
    )
    assert boxes(outcome(some)) == ["PACS"]
    found = outcome(some, obj({**HEADER, "Modality": "MR"}), with_reasons=True)
    assert boxes(found) == ["READER", "archive.store"]
    assert [passage.reason is not None and passage.reason.true for passage in found.passages] == [True, False, True]


def test_routes_on_another_port_do_not_count_as_a_match() -> None:
    some = program(route("rest", hold("rest"), where=Unmatched()), route("other", store(), on="port 11113"))
    assert why(outcome(some)) == "rest"


# --- discard ----------------------------------------------------------------------------------------------------------


def test_discard_ends_the_object_with_the_words_of_the_rule() -> None:
    found = outcome(program(route("r", discard("localizers"), store())))
    assert found.deliveries == ()
    assert found.discarded == "r: localizers"


def test_what_was_promised_before_a_discard_stays_promised() -> None:
    found = outcome(program(route("r", store(), discard("enough"), forward("PACS"))))
    assert boxes(found) == ["archive.store"]
    assert found.discarded is None


def test_a_discard_in_a_case_ends_the_whole_chain() -> None:
    found = outcome(program(route("r", choose((US, (discard("x"),))), store())))
    assert found.deliveries == ()


def test_one_routes_discard_does_not_end_anothers() -> None:
    assert boxes(outcome(program(route("a", discard("x")), route("b", store())))) == ["archive.store"]


# --- 5: effects take the object as it stands --------------------------------------------------------------------------


def test_each_effect_takes_the_object_as_it_stands_at_its_place() -> None:
    chain = (
        store("PatientName"),
        put("PatientName", "x"),
        store("PatientName"),
        remove("PatientName"),
        forward("PACS"),
    )
    first, second, third = outcome(program(route("r", *chain))).deliveries
    assert (first.place, second.place) == (("Müller^Änne",), ("x",))
    assert [delivery.obj.changes for delivery in (first, second, third)] == [
        {},
        {"PatientName": "x"},
        {"PatientName": None},
    ]


def test_a_mail_waits_for_what_came_before_it_and_nothing_else_waits() -> None:
    chain = (store(), forward("PACS", "READER"), mail("admin"), hold(), mail("doctor"))
    found = {delivery.outbox: delivery for delivery in outcome(program(route("r", *chain))).deliveries}
    ids = {name: delivery.id for name, delivery in found.items()}
    assert found["admin.mail"].awaits == (ids["archive.store"], ids["PACS"], ids["READER"])
    assert found["doctor.mail"].awaits == (ids["archive.store"], ids["PACS"], ids["READER"], ids["hold"])
    assert [found[name].awaits for name in ("archive.store", "PACS", "READER", "hold")] == [()] * 4
    assert found["PACS"].reports_to == ("admin.mail", "doctor.mail")
    assert found["hold"].reports_to == ("doctor.mail",)
    assert found["admin.mail"].reports_to == ()


def test_behind_await_everything_waits_for_all_before_it_but_mail_and_the_hold() -> None:
    wait = Call("await", {})
    chain = (forward("PACS"), mail("admin"), hold(), wait, store(), mail("doctor"), wait, forward("READER"), hold("x"))
    found = outcome(program(route("r", *chain))).deliveries
    ids = {delivery.outbox: delivery.id for delivery in found if delivery.outbox != "hold"}
    assert [(delivery.outbox, delivery.gates) for delivery in found] == [
        ("PACS", ()),
        ("admin.mail", ()),
        ("hold", ()),
        ("archive.store", (ids["PACS"],)),
        ("doctor.mail", (ids["PACS"],)),
        ("READER", (ids["PACS"], ids["archive.store"])),
        ("hold", ()),
    ]
    assert {outbox for outbox, _ in found[0].opens} == {"archive.store", "doctor.mail", "READER"}
    assert found[3].opens == (("READER", ids["READER"]),)


def test_no_mail_waits_for_another_mail() -> None:
    found = outcome(program(route("r", mail("admin"), mail("doctor"), store())))
    assert [delivery.awaits for delivery in found.deliveries] == [(), (), ()]


def test_a_mail_reports_its_own_route_only() -> None:
    found = outcome(program(route("a", store()), route("b", forward("PACS"), mail("admin"))))
    assert found.deliveries[2].awaits == (found.deliveries[1].id,)


# --- 6 and 7: all or nothing, on failure ------------------------------------------------------------------------------

LONG = (store("PatientName"), put("PatientName", "x"), forward("READER"), clean(), forward("PACS"))


def test_a_chain_that_breaks_at_its_fourth_step_has_sent_nothing() -> None:
    found = outcome(program(route("r", *LONG)), refuses="burned-in text")
    assert why(found) == "burned-in text"
    assert found.deliveries[0].obj is ULTRASOUND
    assert found.passages[0].failed == "burned-in text"


def test_a_route_that_breaks_leaves_the_others_as_they_are() -> None:
    found = outcome(program(route("a", *LONG), route("b", store())), refuses="no")
    assert [(delivery.outbox, delivery.route) for delivery in found.deliveries] == [(HOLD, "a"), ("archive.store", "b")]


def test_on_failure_sees_the_object_as_received_and_the_reason() -> None:
    some = program(route("r", *LONG, failure=(store("PatientName", folder="failed"), mail("admin"))))
    kept, report = outcome(some, refuses="burned-in text").deliveries
    assert (kept.outbox, kept.place, kept.obj) == ("failed.store", ("Müller^Änne",), ULTRASOUND)
    assert report.awaits == (kept.id,)
    assert report.note["failure"] == report.note["why"] == kept.note["why"] == "burned-in text"


def test_a_late_failure_takes_the_same_chain_as_one_at_once() -> None:
    plan = prepare(program(route("r", *LONG, failure=(forward("READER"), hold("see"))), route("bare", store())))
    late = fail(plan, "r", ULTRASOUND, "refused", FakeBench(plan.program))
    assert late is not None
    assert boxes(late) == ["READER", HOLD]
    assert [delivery.position for delivery in late] == ["f.1", "f.2"]
    assert late[1].note == {"why": "see", "failure": "refused"}
    assert fail(plan, "bare", ULTRASOUND, "refused", FakeBench(plan.program)) is None
    assert fail(plan, "nobody", ULTRASOUND, "refused", FakeBench(plan.program)) is None


def test_on_failure_that_only_mails_holds_the_object_and_the_mail_says_so() -> None:
    some = program(route("r", clean(), forward("PACS"), failure=(mail("admin"),)), route("b", store()))
    report, held, _ = outcome(some, refuses="no").deliveries
    assert (report.outbox, held.outbox, held.note["why"]) == ("admin.mail", HOLD, "no")
    assert report.awaits == (held.id,)
    assert held.reports_to == ("admin.mail",)


def test_on_failure_that_promises_nothing_or_breaks_in_its_turn_ends_in_the_hold() -> None:
    for chain in ((), (put("Modality", "OT"),), (store(), clean())):
        found = outcome(program(route("r", clean(), failure=chain)), refuses="no")
        assert why(found) == "no"
        assert found.deliveries[0].obj is ULTRASOUND


def test_on_failure_may_discard() -> None:
    some = program(route("r", clean(), failure=(discard("not worth keeping"),)))
    found = outcome(some, refuses="no")
    assert found.deliveries == ()
    assert found.discarded == "r: not worth keeping"
    assert fail(prepare(some), "r", ULTRASOUND, "no", FakeBench(some)) == ()


# --- trouble ----------------------------------------------------------------------------------------------------------


class Breaks:
    """A step that raises what it was made with."""

    error: BaseException = ValueError()

    def apply(self, obj: Object, bench: Workbench) -> Answer:
        """Nothing good."""
        raise self.error


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> type[Breaks]:
    """The steps, and one that breaks."""
    more: Mapping[str, Declared] = {**STEPS, "break": Declared(Signature.of("break"), Breaks, "")}
    monkeypatch.setattr("engine.plan.STEPS", more)
    return Breaks


@pytest.mark.parametrize("error", [ValueError("Müller^Änne"), KeyError("4711"), RecursionError(), ZeroDivisionError()])
def test_a_step_that_breaks_holds_the_object_and_the_exceptions_text_is_never_shown(
    steps: type[Breaks], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(steps, "error", error)
    found = outcome(program(route("r", store(), Call("break"))))
    assert why(found) == f"the step break broke ({type(error).__name__}); this is a fault of the software"
    for secret in ("ller", "4711"):
        assert secret not in str(found.deliveries[0].note)


def test_a_step_that_refuses_gives_its_reason(steps: type[Breaks], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "error", Never("it has no pixels"))
    assert why(outcome(program(route("r", store(), Call("break"))))) == "it has no pixels"


@pytest.mark.parametrize("error", [OSError(28, os.strerror(28)), MemoryError(), Later("busy"), KeyboardInterrupt()])
def test_the_machines_trouble_is_not_the_objects(
    steps: type[Breaks], monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    monkeypatch.setattr(steps, "error", error)
    with pytest.raises(type(error)):
        outcome(program(route("r", store(), Call("break"))))


@pytest.fixture
def broken(tmp_path: Path) -> Object:
    """An object whose Rows cannot be decoded."""
    file = instance(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(b"\x28\x00\x10\x00US")] + b"\x28\x00\x10\x00US\x03\x00\x01\x02\x03")
    return replace(ULTRASOUND, header=Header.read(file), payload=file)


def test_an_object_is_held_when_a_route_asks_for_what_cannot_be_decoded(broken: Object) -> None:
    for condition in (equals("Rows", "1"), Not(equals("Rows", "1"))):
        found = outcome(program(route("r", store(), where=condition)), broken, with_reasons=True)
        assert why(found) == "its Rows cannot be read (BytesLengthException)"
        assert found.passages[0].failed == why(found)


def test_the_other_routes_run_when_one_asks_for_what_cannot_be_decoded(broken: Object) -> None:
    some = program(
        route("asks", forward("PACS"), where=equals("Rows", "1")),
        route("innocent", store()),
        route("rest", discard("nobody wants it"), where=Unmatched()),
    )
    assert boxes(outcome(some, broken)) == ["archive.store", HOLD]


def test_a_catch_all_does_not_take_what_another_route_may_be_for(broken: Object) -> None:
    asks = route("asks", forward("PACS"), where=equals("Rows", "1"))
    some = program(asks, route("rest", discard("nobody wants it"), where=Unmatched()))
    assert why(outcome(some, broken)).startswith("its Rows cannot be read")


def test_a_value_that_is_broken_disturbs_no_rule_that_does_not_ask_for_it(broken: Object) -> None:
    assert boxes(outcome(program(route("r", store(), where=US)), broken)) == ["archive.store"]


def test_a_case_that_asks_for_what_cannot_be_decoded_fails_its_route_only(broken: Object) -> None:
    some = program(
        route("a", store(), choose((equals("Rows", "1"), (forward("PACS"),))), failure=(forward("READER"),)),
        route("b", store()),
    )
    found = outcome(some, broken)
    assert boxes(found) == ["READER", "archive.store"]
    assert found.passages[0].failed == "its Rows cannot be read (BytesLengthException)"


def test_a_layout_that_asks_for_what_cannot_be_decoded_fails_its_route(broken: Object) -> None:
    assert why(outcome(program(route("r", store("Rows"))), broken)).startswith("its Rows cannot be read")


# --- reasons ----------------------------------------------------------------------------------------------------------


def test_reasons_are_told_when_they_are_asked_for() -> None:
    some = program(route("a", store(), where=US), route("b", store(), where=CT), route("c", store()))
    assert [passage.reason for passage in outcome(some).passages] == [None, None, None]
    reasons = [passage.reason for passage in outcome(some, with_reasons=True).passages]
    assert [reason and (reason.true, reason.found) for reason in reasons] == [(True, ("US",)), (False, ("US",)), None]
    assert boxes(outcome(some, with_reasons=True)) == boxes(outcome(some))
