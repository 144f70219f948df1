"""The Program: plain data that survives JSON, has a digest of what it does, and knows what a reload changes."""

from dataclasses import replace
from datetime import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.condition import All, Not, Present, Unmatched
from engine.program import (
    Call,
    Case,
    Change,
    Choose,
    Chore,
    Contact,
    Destination,
    Listener,
    Program,
    Rectangle,
    Regions,
    Route,
    calls,
    difference,
)
from engine.schedule import Daily, OnTrouble, Schedule, Window
from engine.signature import Argument
from engine.values import Duration
from tests.data.make import discard, equals, forward, hold, mail, number, path, program, put, route, store, text, word

US = equals("Modality", "US")
CHOICE = Choose((Case(US, (put("Modality", "OT"), store())), Case(Unmatched(), ())), (forward("PACS"),))
FULL = replace(
    program(
        route("first", store("Institution", "PatientName"), forward("PACS", "READER"), mail("admin"), where=US),
        Route("second", "port 11113", All((US, Not(US))), (CHOICE, discard("no")), (hold("why"),), "a.rules:7"),
    ),
    regions=(
        Regions("sono", US, False, (Rectangle(0, 0, 100, 20), Rectangle(0, 0, 5, 5, True, True))),
        Regions("named", None, True, (Rectangle(1, 2, 3, 4),)),
    ),
    schedules=(Schedule("nights", Window(time(20), time(6), (0, 4))),),
    chores=(Chore("nightly", Daily(time(3), (5, 6)), (Call("purge", {"folder": word("teaching")}),), "a.rules:9"),),
)


def test_a_program_survives_json() -> None:
    assert Program.from_json(FULL.to_json()) == FULL
    assert Program.from_json(Program().to_json()) == Program()


arguments = st.recursive(
    st.builds(Argument, st.sampled_from(["word", "text", "number"]), st.text(max_size=5)),
    lambda inner: st.builds(Argument, st.just("list"), st.just(""), st.lists(inner, min_size=1, max_size=2).map(tuple)),
    max_leaves=3,
)
bound = st.dictionaries(st.text(max_size=5), arguments, max_size=2)
conditions = st.one_of(st.builds(equals, st.just("Modality"), st.text(max_size=5)), st.just(Unmatched()))
chains = st.recursive(
    st.lists(st.builds(Call, st.sampled_from(["store", "hold"]), bound), max_size=2).map(tuple),
    lambda inner: st.builds(
        lambda cases, otherwise: (Choose(cases, otherwise),),
        st.lists(st.builds(Case, conditions, inner), min_size=1, max_size=2).map(tuple),
        st.none() | inner,
    ),
    max_leaves=4,
)
numbers = st.integers(0, 9999)
minutes = st.builds(time, st.integers(0, 23), st.integers(0, 59))
some_days = st.sets(st.integers(0, 6), min_size=1).map(sorted).map(tuple)
programs = st.builds(
    Program,
    st.lists(st.builds(Listener, st.text(max_size=5), st.just("dicom"), bound), max_size=2).map(tuple),
    st.lists(st.builds(Destination, st.text(max_size=5), st.just("dicom"), bound), max_size=2).map(tuple),
    st.lists(st.builds(Contact, st.text(max_size=5), st.lists(st.text(max_size=5)).map(tuple), st.booleans())).map(
        tuple
    ),
    st.lists(
        st.builds(
            Regions,
            st.text(max_size=5),
            st.none() | conditions,
            st.booleans(),
            st.lists(
                st.builds(Rectangle, numbers, numbers, numbers, numbers, st.booleans(), st.booleans()), max_size=2
            ).map(tuple),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(
        st.builds(
            Route,
            st.text(max_size=5),
            st.text(max_size=5),
            st.none() | conditions,
            chains,
            st.none() | chains,
            st.text(max_size=5),
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(Schedule, st.text(max_size=5), st.builds(Window, minutes, minutes, some_days)), max_size=2).map(
        tuple
    ),
    st.lists(
        st.builds(
            Chore,
            st.text(max_size=5),
            st.builds(Daily, minutes, some_days)
            | st.builds(OnTrouble, st.builds(Duration, st.integers(0, 99), st.sampled_from(["minute", "day"]))),
            st.lists(st.builds(Call, st.text(max_size=5), bound), max_size=2).map(tuple),
            st.text(max_size=5),
        ),
        max_size=2,
    ).map(tuple),
)


@given(programs)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_any_program_survives_json_and_keeps_its_digest(some: Program) -> None:
    again = Program.from_json(some.to_json())
    assert again == some
    assert again.digest == some.digest


@pytest.mark.parametrize("data", [{}, {"version": 2}, {"version": 1}, {**FULL.to_json(), "routes": [{"name": "x"}]}])
def test_what_is_no_program_is_refused(data: dict[str, object]) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Program.from_json(data)


def test_where_a_rule_is_written_is_not_in_the_digest() -> None:
    moved = replace(
        FULL,
        routes=tuple(replace(r, written="elsewhere.rules:99") for r in FULL.routes),
        chores=tuple(replace(c, written="elsewhere.rules:99") for c in FULL.chores),
    )
    assert moved != FULL
    assert moved.digest == FULL.digest


def test_the_order_in_which_words_of_a_step_are_written_is_not_in_the_digest() -> None:
    there = Call("store", {"folder": text("x"), "layout": path("PatientID")})
    back = Call("store", {"layout": path("PatientID"), "folder": text("x")})
    assert program(route("r", there)).digest == program(route("r", back)).digest


FIRST, SECOND = FULL.routes


@pytest.mark.parametrize(
    "other",
    [
        replace(FULL, routes=(FIRST,)),
        replace(FULL, routes=(SECOND, FIRST)),
        replace(FULL, chores=()),
        replace(FULL, chores=(replace(FULL.chores[0], when=Daily(time(3))),)),
        replace(FULL, chores=(replace(FULL.chores[0], when=OnTrouble()),)),
        replace(FULL, chores=(replace(FULL.chores[0], when=OnTrouble(Duration(1, "hour"))),)),
        replace(FULL, chores=(replace(FULL.chores[0], chain=()),)),
        replace(FULL, routes=(replace(FIRST, name="1st"), SECOND)),
        replace(FULL, routes=(replace(FIRST, source="port 11113"), SECOND)),
        replace(FULL, routes=(replace(FIRST, where=None), SECOND)),
        replace(FULL, routes=(replace(FIRST, where=equals("Modality", "CT")), SECOND)),
        replace(FULL, routes=(replace(FIRST, chain=FIRST.chain[::-1]), SECOND)),
        replace(FULL, routes=(replace(FIRST, failure=()), SECOND)),
        replace(FULL, routes=(FIRST, replace(SECOND, failure=None))),
        replace(FULL, routes=(FIRST, replace(SECOND, chain=(Choose(CHOICE.cases), discard("no"))))),
        replace(FULL, routes=(FIRST, replace(SECOND, chain=(Choose(CHOICE.cases, ()), discard("no"))))),
        replace(FULL, routes=(FIRST, replace(SECOND, chain=(CHOICE, discard("No"))))),
        replace(FULL, listeners=FULL.listeners[:1]),
        replace(FULL, listeners=(replace(FULL.listeners[0], kind="https"), FULL.listeners[1])),
        replace(FULL, destinations=FULL.destinations[::-1]),
        replace(
            FULL,
            destinations=(
                replace(FULL.destinations[0], arguments={**FULL.destinations[0].arguments, "outside": word("outside")}),
                FULL.destinations[1],
            ),
        ),
        replace(FULL, contacts=(replace(FULL.contacts[0], may_see_names=True), FULL.contacts[1])),
        replace(FULL, regions=FULL.regions[::-1]),
        replace(FULL, regions=(replace(FULL.regions[0], keep=True), FULL.regions[1])),
        replace(FULL, regions=(replace(FULL.regions[0], boxes=(Rectangle(0, 0, 100, 21),)), FULL.regions[1])),
        replace(FULL, regions=(FULL.regions[0], replace(FULL.regions[1], boxes=(Rectangle(1, 2, 3, 4, True),)))),
    ],
)
def test_everything_else_is_in_the_digest(other: Program) -> None:
    assert other.digest != FULL.digest
    assert len(other.digest) == 16


# --- what a reload changes --------------------------------------------------------------------------------------------


def test_the_same_program_makes_no_difference() -> None:
    moved = replace(FULL, routes=tuple(replace(r, written="elsewhere") for r in FULL.routes))
    assert not any(difference(FULL, moved).values())


def test_a_difference_tells_what_is_added_removed_and_changed() -> None:
    port = Listener("port 104", "dicom", {"port": number("104")})
    pacs = replace(FULL.destinations[0], arguments={"address": text("PACS@new.example:104")})
    new = replace(
        FULL,
        listeners=(FULL.listeners[0], port),
        destinations=(pacs, FULL.destinations[1]),
        routes=(FIRST, replace(SECOND, where=Present(US.field)), replace(FIRST, name="third")),
    )
    assert difference(FULL, new) == {
        "listeners": Change(("port 104",), ("port 11113",), ()),
        "destinations": Change((), (), ("PACS",)),
        "contacts": Change((), (), ()),
        "regions": Change((), (), ()),
        "schedules": Change((), (), ()),
        "routes": Change(("third",), (), ("second",)),
        "chores": Change((), (), ()),
    }


# --- asking it --------------------------------------------------------------------------------------------------------


def test_things_are_found_by_name_and_listeners_by_port() -> None:
    for found, name in ((FULL.destination, "READER"), (FULL.contact, "doctor"), (FULL.route, "second")):
        thing = found(name)
        assert thing is not None
        assert thing.name == name
        assert found("nobody") is None
    assert FULL.listener_at("dicom", 11113) == FULL.listeners[1]
    assert FULL.listener_at("https", 11113) is None
    assert FULL.listener_at("dicom", 1) is None


@pytest.mark.parametrize(
    ("words", "outside"), [((), False), (("outside",), True), (("outside", "trusted"), False), (("trusted",), False)]
)
def test_outside_and_not_trusted_is_outside(words: tuple[str, ...], outside: bool) -> None:
    assert Destination("UNI", "dicom", {name: word(name) for name in words}).outside is outside


def test_every_step_of_a_chain_is_told_in_the_order_of_the_text() -> None:
    assert [call.step for call in calls(SECOND.chain)] == ["set", "store", "forward", "discard"]
