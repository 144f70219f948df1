"""What texts mean: one table of conditions and one sentence for each rule of lowering."""

import pytest

from engine.condition import (
    All,
    Among,
    Any,
    Compare,
    Contains,
    Field,
    Literal,
    Matches,
    Named,
    Not,
    Present,
    StartsWith,
    Unmatched,
    describe,
)
from engine.program import Call, Case, Choose, Listener, Rectangle
from engine.signature import Argument

US = Compare(Field("Modality"), "=", Literal("text", "US"))
CT = Compare(Field("Modality"), "=", Literal("text", "CT"))


def where(compiled, text):
    result = compiled(f"condition us = Modality = US\non port 11112 where {text} → hold\non port 1024 where us → hold")
    assert result.program is not None, result.findings
    return result.program.routes[0].where


def test_not_equal_is_the_negation_of_equal(compiled):
    assert where(compiled, "Modality != US") == Not(US)
    assert where(compiled, "Modality ≠ US") == Not(US)


def test_is_missing_is_the_negation_of_is_present(compiled):
    assert where(compiled, "PatientID is missing") == Not(Present(Field("PatientID")))
    assert where(compiled, "PatientID is present") == Present(Field("PatientID"))


def test_and_binds_closer_than_or_and_brackets_closer_than_both(compiled):
    assert where(compiled, "Modality=US or Modality=CT and us") == Any((US, All((CT, Named("us", US)))))
    assert where(compiled, "(Modality=US or Modality=CT) and us") == All((Any((US, CT)), Named("us", US)))
    assert where(compiled, "not Modality=US and us") == All((Not(US), Named("us", US)))


def test_a_named_condition_keeps_its_name(compiled):
    assert where(compiled, "us") == Named("us", US)


def test_unmatched_is_a_condition_of_its_own(compiled):
    assert where(compiled, "unmatched") == Unmatched()
    assert where(compiled, "unmatched and Modality=US") == All((Unmatched(), US))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("StudyDate > today - 30 days", Literal("today", "- 30 days")),
        ("StudyDate > today-30 days", Literal("today", "- 30 days")),
        ("StudyDate = today", Literal("today", "")),
        ("StudyDate = 2026-03-31", Literal("date", "2026-03-31")),
        ("PatientAge < 18 years", Literal("duration", "18 years")),
        ("Rows >= -2.5", Literal("number", "-2.5")),
        ("StudyTime > 8:00", Literal("clock", "08:00")),
        ('PatientName = "Doe^Jane"', Literal("text", "Doe^Jane")),
        ("SOPClassUID = 1.2.840.10008", Literal("text", "1.2.840.10008")),
        ("Modality = 3D", Literal("text", "3D")),
        ("port = 11112", Literal("number", "11112")),
        ("address = 10.0.0.5", Literal("text", "10.0.0.5")),
    ],
)
def test_a_value_keeps_its_kind(compiled, text, value):
    found = where(compiled, text)
    assert isinstance(found, Compare)
    assert found.value == value


def test_the_other_forms(compiled):
    assert where(compiled, "Modality in (US, CT)") == Among(
        Field("Modality"), (Literal("text", "US"), Literal("text", "CT"))
    )
    assert where(compiled, 'ImageType contains "ORIGINAL"') == Contains(Field("ImageType"), "ORIGINAL")
    assert where(compiled, "SOPClassUID starts with 1.2.840") == StartsWith(Field("SOPClassUID"), "1.2.840")
    assert where(compiled, r"SeriesDescription matches /a\/b|c/") == Matches(Field("SeriesDescription"), r"a\/b|c")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("(0010,0020)", "(0010,0020)"),
        ("( 0029 , 10AB )", "(0029,10ab)"),
        ('(0029, "SIEMENS CSA", 1A)', '(0029,"SIEMENS CSA",1a)'),
        ("RequestAttributesSequence.ScheduledProcedureStepID", "RequestAttributesSequence.ScheduledProcedureStepID"),
        ("RequestAttributesSequence[2].(0040,0009)", "RequestAttributesSequence[2].(0040,0009)"),
        ("Institution", "Institution"),
        ("sender", "sender"),
    ],
)
def test_a_field_is_spelled_without_spaces(compiled, text, name):
    assert where(compiled, f"{text} is present") == Present(Field(name))


def test_what_describe_says_compiles_to_the_same(compiled):
    for text in ("Modality != US and not (PatientID is missing or us)", "StudyDate > today - 30 days", "unmatched"):
        once = where(compiled, text)
        assert where(compiled, describe(once)) == once


def test_a_port_is_a_listener_of_its_own_unless_one_is_declared_there(compiled):
    program = compiled(
        "listener HOUSE = dicom port 11112\non port 11112 → hold\n"
        "on port 1024 → hold\non port 1024 where sender = A → hold"
    ).program
    assert [route.source for route in program.routes] == ["HOUSE", "port 1024", "port 1024"]
    assert program.listeners == (
        Listener("HOUSE", "dicom", {"port": Argument("number", "11112")}),
        Listener("port 1024", "dicom", {"port": Argument("number", "1024")}),
    )


def test_a_listener_may_be_declared_after_the_route_that_uses_its_port(compiled):
    program = compiled("on port 11112 → hold\nlistener HOUSE = dicom port 11112 accept CT1").program
    assert program.routes[0].source == "HOUSE"
    assert len(program.listeners) == 1


def test_named_steps_stand_in_their_place(compiled):
    program = compiled(
        "steps a = → hold → b\nsteps b = remove PatientID -> hold\non port 11112 → a → discard x on failure → b"
    ).program
    assert [call.step for call in program.routes[0].chain] == ["hold", "remove", "hold", "discard"]
    assert [call.step for call in program.routes[0].failure] == ["remove", "hold"]


def test_choose_keeps_its_cases_in_order(compiled):
    text = (
        "on port 11112 → choose when Modality=US → hold when Modality=CT → hold → hold"
        " otherwise → remove PatientID end → hold"
    )
    [choose, last] = compiled(text).program.routes[0].chain
    hold = Call("hold")
    assert choose == Choose(
        (Case(US, (hold,)), Case(CT, (hold, hold))), (Call("remove", {"tag": Argument("word", "PatientID")}),)
    )
    assert last == hold
    assert compiled("on port 11112 → choose when Modality=US → hold end").program.routes[0].chain[0].otherwise is None


def test_a_route_without_a_name_is_named_after_what_it_does(compiled):
    text = "on port 11112 where Modality=US → hold"
    [one] = compiled(text).program.routes
    [same] = compiled(
        f"\n\n# moved\n{text.replace('→', '->').replace(' where', '  where')}", name="other.rules"
    ).program.routes
    assert one.name == same.name
    assert one.name.startswith("route-")
    assert one.written == "test.rules:1"
    assert same.written == "other.rules:4"
    [other] = compiled(text.replace("US", "CT")).program.routes
    assert other.name != one.name


def test_repeats_of_a_route_are_numbered(compiled):
    names = [route.name for route in compiled("on port 11112 → hold\n" * 3).program.routes]
    assert names == [names[0], f"{names[0]}-2", f"{names[0]}-3"]


def test_a_written_name_is_the_name(compiled):
    assert (
        compiled('route röntgen on port 11112 → hold\nroute "room 2" on port 11112 → hold').program.routes[1].name
        == "room 2"
    )


def test_contacts_say_who_and_whether_names_may_be_seen(compiled):
    contacts = compiled(
        'contact a = "a@b.c"\ncontact d = "e@f.g", "h@i.j" may see names\non port 11112 → mail a, d'
    ).program.contacts
    assert [(c.name, c.addresses, c.may_see_names) for c in contacts] == [
        ("a", ("a@b.c",), False),
        ("d", ("e@f.g", "h@i.j"), True),
    ]


def test_regions_keep_their_order_and_edges(compiled):
    program = compiled(
        "regions a for Modality=US blank (1, 2, 3, 4), (right 5, bottom 6, 7, 8)\n"
        "regions b for Modality=CT keep (0,0,1,1)"
    ).program
    assert [(r.name, r.keep, r.where) for r in program.regions] == [("a", False, US), ("b", True, CT)]
    assert program.regions[0].boxes == (Rectangle(1, 2, 3, 4), Rectangle(5, 6, 7, 8, True, True))


def test_tests_are_carried_beside_the_program(compiled):
    result = compiled(
        'on port 11112 → hold\ntest "a" given Modality = US, sender = CT1'
        " on port 11112 expect hold expect no tag PatientName"
    )
    [test] = result.tests
    assert test.title.text == "a"
    assert [(g.field.text, g.operand.text) for g in test.given] == [("Modality", "US"), ("sender", "CT1")]
    assert [(e.wanted, e.call.name.text) for e in test.expects] == [(True, "hold"), (False, "tag")]
