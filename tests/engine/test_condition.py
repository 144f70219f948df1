"""Conditions, semantics 8 to 10 of the language: what is true of which object, and why."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.condition import (
    All,
    Among,
    Any,
    Compare,
    Condition,
    Contains,
    Field,
    Literal,
    Matches,
    Named,
    Not,
    Present,
    Reason,
    StartsWith,
    Unmatched,
    describe,
    explain,
    from_json,
    holds,
    to_json,
)
from tests.data.make import Seen, equals

YES, NO = equals("Modality", "US"), equals("Modality", "CT")
ULTRASOUND = Seen({"Modality": "US"})


def compare(tag: str, operator: str, value: str, kind: str = "text") -> Condition:
    """`tag operator value`; `!=` is `not =`, as the compiler lowers it."""
    if operator == "!=":
        return Not(Compare(Field(tag), "=", Literal(kind, value)))
    return Compare(Field(tag), operator, Literal(kind, value))


# --- 8: two values ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">="])
@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("Modality", ""),
        ("Modality", "US"),
        ("PatientName", ""),
        ("Rows", "0"),
        ("StudyDate", "2026-03-31"),
        ("StudyTime", "0:00"),
        ("PatientAge", "000D"),
        ("StudyInstanceUID", ""),
        ("sender", ""),
        ("port", "0"),
    ],
)
def test_a_missing_tag_equals_nothing(tag: str, value: str, operator: str) -> None:
    for nothing in (Seen(), Seen({tag: ""}), Seen({tag: ["", ""]})):
        assert not holds(compare(tag, operator, value), nothing)


def test_a_missing_tag_contains_nothing_and_starts_with_nothing() -> None:
    for condition in (
        Contains(Field("Modality"), ""),
        StartsWith(Field("Modality"), ""),
        Matches(Field("Modality"), ".*"),
        Among(Field("Modality"), (Literal("text", ""), Literal("text", "US"))),
    ):
        assert not holds(condition, Seen())


def test_unequal_is_not_equal_and_so_true_of_a_missing_tag() -> None:
    assert holds(compare("Modality", "!=", "CT"), Seen())
    assert holds(compare("Modality", "!=", "CT"), ULTRASOUND)
    assert not holds(compare("Modality", "!=", "us"), ULTRASOUND)


def test_unequal_is_false_when_any_of_several_values_is_equal() -> None:
    assert not holds(compare("ImageType", "!=", "PRIMARY"), Seen({"ImageType": ["DERIVED", "PRIMARY"]}))


@pytest.mark.parametrize(
    ("tags", "present"),
    [({}, False), ({"Modality": ""}, False), ({"Modality": ["", ""]}, False), ({"Modality": ["", "US"]}, True)],
)
def test_present_and_missing_ask_directly(tags: dict[str, str], present: bool) -> None:
    assert holds(Present(Field("Modality")), Seen(tags)) is present
    assert holds(Not(Present(Field("Modality"))), Seen(tags)) is not present


# --- 9: comparison by VR ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "found", "operator", "value", "true"),
    [
        # text: without regard to case and padding
        ("Modality", "US", "=", "us", True),
        ("Modality", "us ", "=", "US", True),
        ("Modality", "US\0", "=", " US", True),
        ("Modality", "U S", "=", "US", False),
        ("InstitutionName", "Straße", "=", "STRASSE", True),
        ("InstitutionName", "KÖLN", "=", "köln", True),
        ("StationName", "US1", ">", "US0", False),
        # several values: one must fit
        ("ImageType", ["ORIGINAL", "PRIMARY"], "=", "primary", True),
        ("ImageType", ["ORIGINAL", "PRIMARY"], "=", "ORIGINAL\\PRIMARY", False),
        ("PixelSpacing", ["0.5", "2"], ">", "1", True),
        ("PixelSpacing", ["0.5", "x"], ">", "1", False),
        # uid
        ("StudyInstanceUID", "1.2.3\0", "=", "1.2.3", True),
        ("StudyInstanceUID", "1.2.3", "=", "1.2.30", False),
        # person names: by component groups
        ("PatientName", "Müller^Änne", "=", "müller^änne", True),
        ("PatientName", "Müller^Änne", "=", "Müller", False),
        ("PatientName", "Müller^^^", "=", "Müller", True),
        ("PatientName", "Müller", "=", "Müller^^", True),
        ("PatientName", "Müller ^ Änne", "=", "Müller^Änne", True),
        ("PatientName", "Yamada^Tarou=山田^太郎=やまだ^たろう", "=", "山田^太郎", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "=", "yamada^tarou", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "=", "Yamada^Tarou=山田^太郎", True),
        ("PatientName", "Yamada^Tarou=山田^太郎", "=", "Yamada", False),
        ("PatientName", "=山田^太郎", "=", "", False),
        ("PatientName", "=山田^太郎", "=", "^", False),
        # numbers: by value
        ("InstanceNumber", "1.0", "=", "1", True),
        ("InstanceNumber", "01", "=", "1", True),
        ("InstanceNumber", "10", ">", "9", True),
        ("InstanceNumber", "9", ">", "10", False),
        ("PatientWeight", "70.50", "=", "70.5", True),
        ("PatientWeight", "0.1", "<=", "0.1", True),
        ("PatientWeight", "7e1", "=", "70", True),
        ("Rows", "512", ">=", "512", True),
        ("Rows", "512", "<", "512", False),
        ("Rows", "many", "=", "many", False),
        ("Rows", "512", "=", "many", False),
        # times
        ("StudyTime", "201530.123456", "=", "20:15:30", True),
        ("StudyTime", "2015", ">", "20:00", True),
        ("StudyTime", "0759", "<", "8:00", True),
        ("StudyTime", "20", ">=", "20:00", True),
        ("StudyTime", "noon", "<", "20:00", False),
        # a date-time counts by its day
        ("AcquisitionDateTime", "20260331235959", "=", "2026-03-31", True),
        ("AcquisitionDateTime", "20260331235959", ">", "2026-03-31", False),
    ],
)
def test_values_compare_by_their_kind(tag: str, found: str, operator: str, value: str, true: bool) -> None:
    assert holds(compare(tag, operator, value), Seen({tag: found})) is true


@pytest.mark.parametrize(
    ("age", "operator", "value", "true"),
    [
        ("017Y", "<", "18 years", True),
        ("018Y", "<", "18 years", False),
        ("018Y", "=", "18 years", True),
        ("216M", "=", "18 years", True),
        ("006M", "<", "1 year", True),
        ("003W", ">", "20 days", True),
        ("010D", "<", "2 weeks", True),
        ("unknown", "<", "18 years", False),
        ("17", "<", "18 years", False),
    ],
)
def test_ages_compare_by_length(age: str, operator: str, value: str, true: bool) -> None:
    assert holds(compare("PatientAge", operator, value, "duration"), Seen({"PatientAge": age})) is true


def test_an_age_compares_with_an_age_as_dicom_writes_it() -> None:
    assert holds(compare("PatientAge", "<", "018Y"), Seen({"PatientAge": "010D"}))


@pytest.mark.parametrize(
    ("found", "operator", "value", "true"),
    [
        ("20260331", "=", "", True),
        ("20260330", "<", "", True),
        ("20260301", "=", "- 30 days", True),
        ("20260302", ">", "- 30 days", True),
        ("20260228", ">", "- 30 days", False),
        ("20260407", "=", "+ 1 week", True),
        ("20260407", "<=", "+ 1 week", True),
        ("20250331", ">=", "- 1 year", True),
        ("19000101", ">", "- 9999 years", True),
        ("19000101", "<", "+ 99999999999 years", True),
        ("20269999", "<", "+ 1 week", False),
    ],
)
def test_today_shifts_by_a_time(found: str, operator: str, value: str, true: bool) -> None:
    assert holds(compare("StudyDate", operator, value, "today"), Seen({"StudyDate": found})) is true


def test_an_object_that_came_at_no_known_time_makes_nothing_raise() -> None:
    unknown = Seen({"StudyDate": "20260331"}, today=date.min)
    assert holds(compare("StudyDate", ">", "- 30 days", "today"), unknown)


@pytest.mark.parametrize(
    ("found", "operator", "true"),
    [("20260331", "=", True), ("2026.03.31", "=", True), ("20260401", ">", True), ("20260330", ">=", False)],
)
def test_dates_compare_by_day(found: str, operator: str, true: bool) -> None:
    assert holds(compare("StudyDate", operator, "2026-03-31", "date"), Seen({"StudyDate": found})) is true


def test_any_of_several_options_may_fit_any_of_several_values() -> None:
    options = (Literal("text", "MR"), Literal("text", "us"))
    assert holds(Among(Field("ModalitiesInStudy"), options), Seen({"ModalitiesInStudy": ["CT", "US"]}))
    assert not holds(Among(Field("ModalitiesInStudy"), options), Seen({"ModalitiesInStudy": ["CT", "PR"]}))
    numbers = (Literal("number", "1"), Literal("number", "2"))
    assert holds(Among(Field("SeriesNumber"), numbers), Seen({"SeriesNumber": "2.0"}))


def test_contains_and_starts_with_look_at_each_value_without_regard_to_case() -> None:
    seen = Seen({"SeriesDescription": ["Abdomen", "T1 Örtlich"]})
    assert holds(Contains(Field("SeriesDescription"), "öRT"), seen)
    assert holds(StartsWith(Field("SeriesDescription"), "t1"), seen)
    assert not holds(StartsWith(Field("SeriesDescription"), "örtlich"), seen)
    assert not holds(Contains(Field("SeriesDescription"), "nT1"), seen)


def test_a_pattern_is_searched_without_regard_to_case() -> None:
    seen = Seen({"SeriesDescription": ["Topogramm 0.6", "x"]})
    assert holds(Matches(Field("SeriesDescription"), r"\b0\.6$"), seen)
    assert holds(Matches(Field("SeriesDescription"), "^TOPO"), seen)
    assert not holds(Matches(Field("SeriesDescription"), "^0"), seen)


# --- 10: names --------------------------------------------------------------------------------------------------------


def test_facts_of_the_connection_are_names_too() -> None:
    seen = Seen(facts={"sender": "CT_1", "called": "STELLWERK", "address": "10.0.0.7", "port": "11112"})
    for condition in (
        equals("sender", "ct_1"),
        equals("called", "stellwerk"),
        StartsWith(Field("address"), "10.0."),
        compare("port", "=", "11112", "number"),
        compare("port", "<", "20000", "number"),
        Not(Present(Field("user"))),
    ):
        assert holds(condition, seen), describe(condition)


def test_an_alias_is_the_tag_it_stands_for() -> None:
    assert holds(equals("Institution", "nord"), Seen({"InstitutionName": "Nord"}))
    assert holds(equals("(0008,0080)", "nord"), Seen({"InstitutionName": "Nord"}))


def test_a_private_tag_and_a_path_are_asked_as_they_are_written() -> None:
    private, item = '(0009,"X",10)', "RequestAttributesSequence[2].ScheduledProcedureStepID"
    assert holds(equals(private, "a"), Seen({private: "A"}))
    assert holds(equals(item, "a"), Seen({item: "A"}))
    assert not holds(equals("RequestAttributesSequence.ScheduledProcedureStepID", "a"), Seen({item: "A"}))


# --- and, or, not, names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        (All((YES, YES)), True),
        (All((YES, NO)), False),
        (Any((NO, YES)), True),
        (Any((NO, NO)), False),
        (Not(NO), True),
        (Not(Not(YES)), True),
        (Named("ultrasound", YES), True),
        (Named("ct", NO), False),
        (Not(Named("ct", NO)), True),
    ],
)
def test_and_or_not_and_named_conditions(condition: Condition, true: bool) -> None:
    assert holds(condition, ULTRASOUND) is true


def test_unmatched_is_true_where_no_other_route_takes_the_object() -> None:
    assert holds(Unmatched(), Seen(matched=False))
    assert not holds(Unmatched(), Seen(matched=True))


# --- why --------------------------------------------------------------------------------------------------------------


def test_an_explanation_tells_each_clause_with_the_values_it_met() -> None:
    condition = All((NO, Named("many", compare("Rows", ">", "100")), Not(Present(Field("PatientID")))))
    reason = explain(condition, Seen({"Modality": "US", "Rows": "512"}))
    no, many, missing = reason.parts
    assert not reason.true
    assert no == Reason(NO, False, ("US",))
    assert (many.true, many.parts[0].true, many.parts[0].found) == (True, True, ("512",))
    assert (missing.true, missing.parts[0].true, missing.parts[0].found) == (True, False, ())


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (YES, "Modality = US"),
        (equals("Modality", "and"), 'Modality = "and"'),
        (equals("Institution", "Praxis Nord"), 'Institution = "Praxis Nord"'),
        (compare("Modality", "!=", "US"), "Modality != US"),
        (compare("Rows", ">=", "512", "number"), "Rows >= 512"),
        (compare("PatientAge", "<", "18 years", "duration"), "PatientAge < 18 years"),
        (compare("StudyDate", ">", "- 30 days", "today"), "StudyDate > today - 30 days"),
        (compare("StudyDate", "=", "", "today"), "StudyDate = today"),
        (Among(Field("Modality"), (Literal("text", "US"), Literal("text", "CT"))), "Modality in (US, CT)"),
        (Contains(Field("Modality"), "U"), 'Modality contains "U"'),
        (StartsWith(Field("Modality"), "U"), 'Modality starts with "U"'),
        (Matches(Field("Modality"), "U.?"), "Modality matches /U.?/"),
        (Present(Field("Modality")), "Modality is present"),
        (Not(Present(Field("Modality"))), "Modality is missing"),
        (All((YES, Any((YES, NO)))), "Modality = US and (Modality = US or Modality = CT)"),
        (Any((YES, All((YES, NO)))), "Modality = US or Modality = US and Modality = CT"),
        (Not(All((YES, NO))), "not (Modality = US and Modality = CT)"),
        (Not(Named("night", YES)), "not night"),
        (Unmatched(), "unmatched"),
    ],
)
def test_a_condition_is_described_in_the_rule_language(condition: Condition, words: str) -> None:
    assert describe(condition) == words


# --- JSON, and whatever an object may hold ----------------------------------------------------------------------------

fields = st.sampled_from(
    ["Modality", "PatientName", "PatientAge", "StudyDate", "StudyTime", "Rows", "sender", "port", '(0009,"X",10)']
).map(Field)
durations = st.builds("{} {}".format, st.integers(0, 10**12), st.sampled_from(["days", "months", "years"]))
literals = st.one_of(
    st.builds(Literal, st.sampled_from(["text", "number", "date", "clock"]), st.text(max_size=9)),
    st.builds(Literal, st.just("duration"), durations),
    st.builds(Literal, st.just("today"), st.one_of(st.just(""), durations.map("- {}".format))),
)
leaves = st.one_of(
    st.builds(Compare, fields, st.sampled_from(["=", "<", "<=", ">", ">="]), literals),
    st.builds(Among, fields, st.lists(literals, min_size=1, max_size=3).map(tuple)),
    st.builds(Contains, fields, st.text(max_size=5)),
    st.builds(StartsWith, fields, st.text(max_size=5)),
    st.builds(Matches, fields, st.sampled_from(["a", "^U", r"\d+$"])),
    st.builds(Present, fields),
    st.just(Unmatched()),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Any, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
        st.builds(Named, st.text(min_size=1, max_size=5), inner),
    ),
    max_leaves=8,
)


@given(trees)
def test_a_condition_survives_json(condition: Condition) -> None:
    assert from_json(to_json(condition)) == condition


@given(trees, st.lists(st.text(max_size=12), max_size=3), st.dates())
@settings(max_examples=200)
def test_no_value_makes_a_condition_raise_and_an_explanation_agrees(
    condition: Condition, values: list[str], today: date
) -> None:
    tags = dict.fromkeys(("Modality", "PatientName", "PatientAge", "StudyDate", "StudyTime", "Rows"), values)
    seen = Seen(tags, {"sender": "".join(values)}, today)
    assert explain(condition, seen).true is holds(condition, seen)
    assert holds(Not(condition), seen) is not holds(condition, seen)
    assert describe(condition)


@pytest.mark.parametrize(
    "data",
    [{"is": "magic", "field": "Modality"}, {"is": "compare", "field": "Modality"}, {"is": "all", "terms": 1}, {}],
)
def test_what_is_no_condition_is_refused(data: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError)):
        from_json(data)
