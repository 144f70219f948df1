"""Studies, objects and their journeys, as a house really has them."""

import json
import time
from functools import partial
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.console.facts import journeys, outboxes, studies
from appliance.console.facts.changes import preview
from appliance.console.facts.holds import Holds
from appliance.console.facts.journey import DrawnEdge
from appliance.console.facts.overview import Overviews
from appliance.console.facts.plain import plain
from appliance.console.facts.timeline import timeline
from engine.condition import Compare, Field, Literal
from engine.program import Call, Case, Choose, Program, Route
from engine.signature import Argument
from engine.step import HOLD
from engine.study_search import Asked
from tests.console.house import Lived
from tests.engine.spool.crash_kit import DISCARD, FORWARD, HOLD_STEP, MAIL, SET, STORE, Pacs, program, write_instance

OTHER = Call("hold", {"why": Argument("text", "no ultrasound")})


def modality(value: str) -> Compare:
    return Compare(Field("Modality"), "=", Literal("text", value))


def with_cases(failure: bool = False) -> Program:
    """Store, then by modality: US is sent, OT discarded, XA held, all others only noted; then a mail."""
    first = program()
    choose = Choose(
        (
            Case(modality("US"), (SET, FORWARD)),
            Case(modality("OT"), (DISCARD,)),
            Case(modality("XA"), (OTHER,)),
        ),
        (SET,),
    )
    chain = (STORE, choose, MAIL)
    route = Route("main", "port 1", None, chain, (HOLD_STEP,) if failure else None)
    return Program(first.listeners, first.destinations, first.contacts, routes=(route,))


def edges(journey: journeys.Journey) -> dict[tuple[str, str], DrawnEdge]:
    """Those that something went along."""
    return {(one.start, one.end): one for one in journey.drawing.edges if one.count}


def alone(found: journeys.Journeys) -> journeys.Journey:
    assert found.lost == 0
    [one] = found.journeys
    return one


def test_a_study_is_found_with_what_has_become_of_it(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    line.pacs.away.add("1.2.2")
    for uid, kind in (("1.2.1", "US"), ("1.2.2", "US"), ("1.2.3", "XA"), ("1.2.4", "OT")):
        line.receive(uid, kind)
    line.turn(time.time())
    [one] = studies.search(line.house, Asked(words="müll")).studies
    assert one.study.uid == "1.2.3"
    # Of the one that was delivered, the mail waits.
    assert one.states == {"waiting": 2, "held": 1, "discarded": 1}
    facts = studies.study_facts(line.house, "1.2.3")
    assert facts is not None
    assert facts.states == one.states
    assert (facts.study.name, facts.study.patient, facts.shown) == ("Müller^Änne", "4711", 4)
    assert studies.study_facts(line.house, "9.9") is None
    first = studies.objects(line.house, "1.2.3", most=3)
    second = studies.objects(line.house, "1.2.3", first.next, most=3)
    assert [len(first.objects), len(second.objects), second.next] == [3, 1, ""]
    assert [part.sop for part in (*first.objects, *second.objects)] == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    json.dumps(plain([one, facts, first]))
    line.house.journals.close()


def test_an_object_has_its_story(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.2.1", "XA")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    facts = studies.object_facts(line.house, held.id)
    assert facts is not None
    assert (facts.number, facts.state, facts.name, facts.sop) == (number, "held", "Müller^Änne", "1.2.1")
    assert [one.event for one in facts.events] == ["received", "held", "released", "received", "held"]
    assert facts.events[1].why == "no route takes it"
    assert facts.events[0].more["sender"] == "SONO1"
    assert {bool(one.number) for one in facts.events[3:]} == {True}
    for unknown in ("18af0b5cf0a1c2d3abc", "", "../..", "%"):
        assert studies.object_facts(line.house, unknown) is None
    line.house.journals.close()


def test_where_it_is_stored_is_told(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.2.1")
    line.turn(time.time())
    facts = studies.object_facts(line.house, number)
    assert facts is not None
    assert facts.copies == (("archive.store", "Praxis Süd/Müller^Änne/1.2.1.dcm"),)
    line.house.journals.close()


def test_the_way_of_an_object_is_drawn_up_to_where_it_is(tmp_path: Path) -> None:
    pacs = Pacs()
    pacs.away.add("1.2.1")
    line = Lived(tmp_path, pacs=pacs)
    number = line.receive("1.2.1")
    line.turn(time.time())
    journey = alone(journeys.of_object(line.house, number))
    went = edges(journey)
    assert {way: one.state for way, one in went.items()} == {
        ("on port 1", "main/1"): "passed",
        ("main/1", "archive.store"): "delivered",
        ("main/1", "main/2"): "passed",
        ("main/2", "main/3"): "passed",
        ("main/3", "PACS"): "waiting",
        ("main/3", "main/4"): "passed",
        ("main/4", "admin.mail"): "waiting",
    }
    assert went["on port 1", "main/1"].label == "Modality = US"
    states = {node.id: (node.state, node.count) for node in journey.drawing.nodes}
    assert states["PACS"] == ("waiting", 1)
    assert states["rest/1"] == ("", 0)
    said = plain(journey.drawing)
    assert isinstance(said, dict)
    assert {"id", "label", "kind", "state", "count"} == set(said["nodes"][0])
    assert {"id", "from", "to", "label", "count", "state"} == set(said["edges"][0])
    line.house.journals.close()


def test_each_goes_its_case_and_the_silent_one_is_inferred(tmp_path: Path) -> None:
    line = Lived(tmp_path, with_cases())
    for uid, kind in (("1.1", "US"), ("1.2", "US"), ("1.3", "OT"), ("1.4", "XA"), ("1.5", "MR")):
        line.receive(uid, kind)
    line.turn(time.time())
    journey = alone(journeys.of_study(line.house, "1.2.3"))
    assert {way: (one.count, one.state) for way, one in edges(journey).items()} == {
        ("on port 1", "main/1"): (5, "passed"),
        ("main/1", "archive.store"): (5, "delivered"),
        ("main/1", "main/2"): (4, "passed"),  # of what is stored and then discarded, nothing tells the second
        ("main/2", "main/2.1.1"): (2, "passed"),
        ("main/2.1.1", "main/2.1.2"): (2, "passed"),
        ("main/2.1.2", "PACS"): (2, "delivered"),
        ("main/2.1.2", "main/3"): (2, "passed"),
        ("main/2", "main/2.3.1"): (1, "passed"),
        ("main/2.3.1", "hold"): (1, "held"),
        ("main/2.3.1", "main/3"): (1, "passed"),
        ("main/2", "main/2.0.1"): (1, "passed"),
        ("main/2.0.1", "main/3"): (1, "passed"),
        ("main/3", "admin.mail"): (4, "waiting"),
    }
    states = {node.id: node.state for node in journey.drawing.nodes}
    assert states["hold"] == "held"
    digest = journey.program
    assert len(journeys.through(line.house, "1.2.3", digest, ("main/2.1.2", "PACS"))) == 2
    assert journeys.through(line.house, "1.2.3", digest, ("main/2.1.2", "nowhere")) == []
    assert journeys.through(line.house, "1.2.3", "unknown", ("main/2.1.2", "PACS")) == []
    line.house.journals.close()


def test_what_a_rule_discards_ends_there(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.1", "OT")
    line.turn(time.time())
    journey = alone(journeys.of_object(line.house, number))
    assert list(edges(journey)) == [("on port 1", "rest/1")]
    assert {node.id: node.state for node in journey.drawing.nodes}["rest/1"] == "discarded"
    line.house.journals.close()


def test_what_no_route_takes_goes_from_its_port_into_the_hold(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.1", "XA")
    line.turn(time.time())
    went = edges(alone(journeys.of_object(line.house, number)))
    assert list(went) == [("on port 1", "hold")]
    assert (went["on port 1", "hold"].label, went["on port 1", "hold"].state) == ("no route takes it", "held")
    line.house.journals.close()


@pytest.mark.parametrize("failure", [False, True])
def test_what_its_destination_refuses_is_seen_there_and_on_the_way_that_followed(tmp_path: Path, failure: bool) -> None:
    pacs = Pacs()
    pacs.refuse.add("1.1")
    line = Lived(tmp_path, program(failure=failure), pacs)
    number = line.receive("1.1")
    line.turn(time.time())
    went = edges(alone(journeys.of_object(line.house, number)))
    if failure:
        assert went["main/3", "PACS"].state == "failed"
        assert went["main/failure", "main/f.1"].count == 1
        assert went["main/f.1", "hold"].state == "held"
    else:
        assert went["main/3", "PACS"].state == "held"
    line.house.journals.close()


def test_one_that_was_released_is_drawn_once_for_each_pass(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.1", "XA")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    found = journeys.of_object(line.house, number)
    assert sum(one.passes for one in found.journeys) == 2
    assert {one.assumed for one in found.journeys} == {True, False}
    line.house.journals.close()


def test_a_program_that_is_not_kept_any_more_is_told(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    number = line.receive("1.1")
    line.turn(time.time())
    for path in (tmp_path / "spool" / "programs").iterdir():
        path.write_bytes(b"{}")
    found = journeys.of_object(line.house, number)
    assert (found.journeys, found.lost) == ((), 1)
    line.house.journals.close()


def test_the_rules_page_sees_what_runs_through_them_now(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    numbers = [line.receive(f"1.{count}") for count in range(3)]
    line.turn(time.time())
    line.journal()
    rules = line.house.program()
    assert rules is not None
    live = journeys.live(line.house, rules, "2020-01-01T00:00:00+00:00")
    assert edges(live)["main/3", "PACS"].count == live.passes == 3
    assert journeys.live(line.house, rules, "2020-01-01T00:00:00+00:00", most=2).passes == 2
    assert not edges(journeys.live(line.house, rules, "2100-01-01T00:00:00+00:00"))
    edge = ("main/3", "PACS")
    assert journeys.through_live(line.house, rules, "2020-01-01T00:00:00+00:00", edge) == sorted(numbers, reverse=True)
    line.house.journals.close()


def test_no_patient_is_named_in_the_log_or_in_what_is_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    line = Lived(tmp_path)
    line.pacs.refuse.add("1.1")
    for uid, kind in (("1.1", "US"), ("1.2", "XA"), ("1.3", "US")):
        line.receive(uid, kind)
    line.turn(time.time())
    rules = line.house.program()
    assert rules is not None
    for one in (
        studies.search(line.house, Asked(words="müller")),
        studies.study_facts(line.house, "1.2.3"),
        journeys.of_study(line.house, "1.2.3"),
        Overviews(line.house).get(),
        Holds(line.house).entries(),
        outboxes.outboxes(line.house),
        preview(line.house, rules),
    ):
        json.dumps(plain(one))
    assert "ller" not in caplog.text
    for path in line.archive.rglob("*.dcm"):
        path.write_bytes(b"torn")
    found = preview(line.house, rules)
    assert "ller" not in str(plain(found)) + caplog.text
    line.house.journals.close()


def test_alike_things_of_a_study_are_told_together(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    line.pacs.away.add("1.3")
    for uid in ("1.1", "1.2", "1.3"):
        line.receive(uid)
    line.turn(time.time())
    line.pacs.away.clear()
    line.turn(time.time() + 3600)
    line.journal()
    found = timeline(line.house, "1.2.3")
    assert found.whole
    told = [(one.event, one.outbox, one.count) for one in found.events if one.event != "promised"]
    assert told[0] == ("received", "", 3)
    assert sorted(told[1:]) == [("delivered", "PACS", 3), ("delivered", "archive.store", 3), ("later", "PACS", 1)]
    received = found.events[0]
    assert (received.way, received.sender, received.again) == ("dicom 1", "SONO1", False)
    assert all(one.first <= one.last for one in found.events)
    assert timeline(line.house, "9.9").events == ()
    line.house.journals.close()


def test_what_is_released_is_another_pass_of_the_same_image(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    line.receive("1.1", "XA")
    line.turn(time.time())
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    line.journal()
    told = [(one.event, one.count, one.again) for one in timeline(line.house, "1.2.3").events]
    assert told == [
        ("received", 1, False),
        ("held", 1, False),
        ("released", 1, False),
        ("received", 1, True),
        ("held", 1, False),
    ]
    line.house.journals.close()


def test_a_study_says_for_whom_it_waits_and_what_of_it_is_held(tmp_path: Path) -> None:
    line = Lived(tmp_path)
    line.pacs.away.add("1.2")
    for uid, kind in (("1.1", "US"), ("1.2", "US"), ("1.3", "XA"), ("1.4", "OT")):
        line.receive(uid, kind)
    line.turn(time.time())
    [one] = studies.search(line.house, Asked()).studies
    assert one.waits == {"PACS": 1, "admin.mail": 2}
    facts = studies.study_facts(line.house, "1.2.3")
    assert facts is not None
    [held] = line.spool.outbox(HOLD).all()
    assert (facts.waits, facts.held, facts.stored) == (one.waits, (held.id,), 2)
    assert studies.study_at(line.house, one.study.id) == one.study
    line.spool.release(held.id)
    line.journal()
    [one] = studies.search(line.house, Asked()).studies
    assert one.waits[""] == 1, "about to go through the rules once more"
    line.house.journals.close()


def test_studies_are_found_by_how_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Lived(tmp_path)
    for study, kind in (("7.1", "OT"), ("7.2", "XA"), ("7.3", "US"), ("7.4", "OT"), ("7.5", "OT"), ("7.6", "XA")):
        monkeypatch.setattr("tests.engine.spool.crash_kit.write_instance", partial(_of_study, study))
        line.receive(f"{study}.1", kind)
    line.turn(time.time())
    line.journal()

    def uids(standing: str, most: int = 50) -> list[str]:
        found, after = [], ""
        while True:
            page = studies.search(line.house, Asked(), after, most, standing)
            found += [one.study.uid for one in page.studies]
            after = page.next
            if not after:
                return found

    for most in (50, 1, 2):
        assert uids("held", most) == ["7.6", "7.2"]
        assert uids("waiting", most) == ["7.3"], "a mail of it is due"
        assert uids("open", most) == ["7.6", "7.3", "7.2"]
        assert uids("ended", most) == ["7.5", "7.4", "7.1"]
        assert len(uids("", most)) == 6
    monkeypatch.setattr("appliance.console.facts.standing.FEW_STUDIES", 1)
    assert uids("open") == ["7.6", "7.3", "7.2"]
    with pytest.raises(ValueError, match="lost"):
        uids("lost")
    line.house.journals.close()


def _of_study(study: str, path: Path, uid: str, modality: str = "US", patient: str = "Müller^Änne") -> None:
    write_instance(path, uid, modality, patient)
    dataset = dcmread(path)
    dataset.StudyInstanceUID = study
    dataset.save_as(path)


def test_an_image_that_waits_for_a_review_is_drawn_up_to_there(tmp_path: Path) -> None:
    first = program()
    route = Route("main", "port 1", None, (STORE, Call("review", {}), FORWARD))
    line = Lived(tmp_path, Program(first.listeners, first.destinations, first.contacts, routes=(route,)))
    number = line.receive("1.1")
    line.turn(time.time())
    line.journal()
    journey = alone(journeys.of_object(line.house, number))
    assert ("main/1", "main/2") in edges(journey)
    assert {node.id: node.state for node in journey.drawing.nodes}["main/2"] == "held"
    line.house.journals.close()
