"""Tests in rule files: what may be given, what may be expected, and which ways through the rules they reach."""

from datetime import UTC, datetime

import pytest

from dsl.compile import Compiled, compile_text
from engine.coverage import Coverage
from engine.plan import prepare
from engine.rehearsal import Verdict, rehearse
from engine.vocabulary import vocabulary

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)

RULES = """
version 1
destination PACS   = dicom "PACS@10.0.0.5:104"
destination READER = dicom "READER@10.0.0.6:104"
contact     admin  = "it@praxis.example"
condition   child  = PatientAge < 18 years
steps       clean  = → anonymize-pixels → remove PatientName

route us on port 11112 where Modality = US and not child
  → clean
  → choose
      when StudyDate > today - 30 days → set StationName to "NEW" → forward PACS, READER
      otherwise                        → store in "teaching" by "old"/PatientID
    end
  → mail admin subject "Ultrasound"
route reports on port 11112 where Modality = SR → discard "no reports"
route broken on port 11112 where Modality = OT
  → set OtherPatientIDsSequence[2].PatientID to "x" → forward PACS
  on failure → hold "odd" → mail admin
route ward on port 11113 where sender = WARD1 and StudyTime > 08:00 → store by PatientID
"""


def compiled(text: str) -> Compiled:
    result = compile_text(text, name="test.rules", vocabulary=vocabulary(), read=lambda _: "")
    assert result.program is not None, [one.message for one in result.findings]
    return result


def tried(tests: str, rules: str = RULES) -> tuple[tuple[Verdict, ...], Coverage]:
    result = compiled(rules + tests)
    assert result.program is not None
    return rehearse(prepare(result.program), result.trials, NOW)


def one(given: str, expect: str, on: str = "on port 11112") -> Verdict:
    [verdict], _ = tried(f'test "it" given {given} {on} {expect}')
    return verdict


NEW = "Modality = US, PatientAge = 41 years, StudyDate = 2026-03-30, PatientID = 7"
OLD = "Modality = US, PatientAge = 41 years, StudyDate = 2020-01-01, PatientID = 7"


@pytest.mark.parametrize(
    ("given", "expect"),
    [
        (NEW, "expect forward PACS"),
        (NEW, "expect forward READER, PACS"),
        (NEW, "expect forward"),
        (NEW, "expect no store"),
        (NEW, "expect clean"),
        (NEW, "expect anonymize-pixels"),
        (NEW, 'expect set StationName to "NEW"'),
        (NEW, 'expect no set StationName to "OLD"'),
        (NEW, "expect mail admin"),
        (NEW, 'expect mail admin subject "Ultrasound"'),
        (NEW, 'expect no mail admin subject "Other"'),
        (NEW, "expect no hold"),
        (NEW, "expect tag StationName"),
        (NEW, 'expect tag StationName "NEW" to PACS'),
        (NEW, 'expect no tag StationName "OLD"'),
        (NEW + ', PatientName = "Doe^Jane"', "expect no tag PatientName to READER"),
        (OLD, "expect no forward PACS, READER"),
        (OLD, "expect store"),
        (OLD, 'expect store in "teaching"'),
        (OLD, 'expect no store in "archive"'),
        (OLD, 'expect store by "old"/PatientID'),
        (OLD, "expect no store by PatientID"),
        ("Modality = US, PatientAge = 9 years", "expect hold"),
        ("Modality = US, PatientAge = 9 years", 'expect hold "no route takes it"'),
        ("Modality = US, PatientAge = 9 years", "expect no clean"),
        ("Modality = US, PatientAge = 17 years", "expect hold"),
        ("Modality = US, PatientAge = 18 years", "expect no hold"),
        ("Modality = US, PatientAge = 3 months", "expect hold"),
        ("Modality = SR", "expect discard"),
        ("Modality = SR", 'expect discard "no reports"'),
        ("Modality = SR", 'expect no discard "other"'),
        ("Modality = SR", "expect no hold"),
        ("Modality = OT", "expect no forward"),
        ("Modality = OT", 'expect hold "odd"'),
        ("Modality = OT", "expect mail admin"),
        ("Modality = OT", "expect no set OtherPatientIDsSequence[2].PatientID"),
    ],
)
def test_what_is_so_may_be_expected_and_its_opposite_may_not(given: str, expect: str) -> None:
    assert one(given, expect).passed
    opposite = (
        expect.replace("expect no ", "expect ") if " no " in expect[:10] else expect.replace("expect", "expect no")
    )
    assert not one(given, opposite).passed


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("sender = WARD1, StudyTime = 08:01", True),
        ("sender = ward1, StudyTime = 23:59", True),
        ("sender = WARD2, StudyTime = 08:01", False),
        ("sender = WARD1, StudyTime = 08:00", False),
        ("sender = WARD1", False),
        ('sender = WARD1, StudyTime = ""', False),
    ],
)
def test_facts_of_the_connection_and_clocks_may_be_given(given: str, stored: bool) -> None:
    assert one(given, "expect store" if stored else "expect hold", "on port 11113").passed


@pytest.mark.parametrize(("day", "new"), [("today", True), ("today - 29 days", True), ("today - 30 days", False)])
def test_today_is_the_day_of_the_test(day: str, new: bool) -> None:
    given = f"Modality = US, StudyDate = {day}"
    assert one(given, "expect forward PACS" if new else "expect no forward PACS").passed


def test_the_port_may_be_said_as_a_fact() -> None:
    given = "sender = WARD1, StudyTime = 09:00, port = 11113"
    assert one(given, "expect store", on="").passed
    assert one(given, "expect store", on="on port 11112").trouble == "given"


def test_a_user_can_be_given() -> None:
    rules = "on port 11112 where user = ward1 → store by PatientID\n"
    for user, expect in (("ward1", "expect store"), ("ward2", "expect hold")):
        [verdict], _ = tried(f'test "it" given user = {user} on port 11112 {expect}', rules)
        assert verdict.passed


def test_where_only_one_port_is_open_it_need_not_be_said() -> None:
    rules = "on port 11112 → store by PatientID\n"
    [verdict], _ = tried('test "it" given Modality = US expect store', rules)
    assert verdict.passed
    assert one("Modality = US", "expect hold", on="").trouble == "where"


def test_on_a_port_that_no_route_opens_everything_is_held() -> None:
    assert one("Modality = US", "expect hold", on="on port 4711").passed


@pytest.mark.parametrize("given", ["port = 4711", "Rows = many", "PixelData = 1"])
def test_what_no_object_can_have_cannot_be_given(given: str) -> None:
    text = f'{RULES}test "it" given {given} on port 11112 expect hold'
    result = compile_text(text, name="test.rules", vocabulary=vocabulary(), read=lambda _: "")
    if result.program is not None:  # otherwise the compiler has refused it
        [verdict], _ = rehearse(prepare(result.program), result.trials, NOW)
        assert (verdict.trouble, verdict.word) == ("given", given.split()[0])


def test_a_failed_test_says_what_happens_instead() -> None:
    verdict = one(NEW, "expect store")
    assert verdict.unmet == (0,)
    assert verdict.happened == (
        "anonymize-pixels",
        "remove PatientName",
        'set StationName "NEW"',
        "forward PACS, READER",
        'mail admin "Ultrasound"',
    )


def test_a_failed_test_says_why_a_chain_could_not_be_completed() -> None:
    verdict = one("Modality = OT", "expect forward PACS")
    assert verdict.happened[:2] == ('hold "odd"', "mail admin")
    assert verdict.happened[2].startswith("(broken: ")


COLLECTED = 'destination PACS = dicom "PACS@10.0.0.5:104"\non port 11112 → collect {} quiet 2 minutes → forward PACS\n'


@pytest.mark.parametrize("unit", ["study", "series"])
def test_the_object_has_the_uids_that_every_object_has(unit: str) -> None:
    tests = 'test "it" given Modality = US expect forward PACS expect tag SOPInstanceUID'
    [verdict], _ = tried(tests, COLLECTED.format(unit))
    assert verdict.passed


def test_a_uid_may_be_taken_away() -> None:
    tests = 'test "it" given Modality = US, StudyInstanceUID = "" expect no forward expect hold'
    [verdict], _ = tried(tests, COLLECTED.format("study"))
    assert verdict.passed


def test_tags_of_nothing_are_not_as_expected_either_way() -> None:
    assert not one("Modality = SR", "expect tag Modality").passed
    assert not one("Modality = SR", "expect no tag Modality").passed


# --- coverage


def gaps(tests: str) -> set[tuple[str, str, str]]:
    _, coverage = tried(tests)
    return {(gap.kind, gap.route, gap.text) for gap in coverage.gaps}


def test_without_a_test_no_route_is_tried() -> None:
    assert gaps("") == {("route", name, name) for name in ("us", "reports", "broken", "ward")}


def test_a_clause_is_tried_when_it_was_true_once_and_false_once() -> None:
    new = f'test "new" given {NEW} on port 11112 expect forward PACS\n'
    recent = "StudyDate > today - 30 days"
    found = gaps(new)
    assert ("route", "us", "us") not in found
    assert {gap for gap in found if gap[1] == "us"} == {
        ("false", "us", "Modality = US"),
        ("true", "us", "PatientAge < 18 years"),
        ("false", "us", recent),
        ("otherwise", "us", f"none of: {recent}"),
    }
    child = 'test "child" given Modality = US, PatientAge = 9 years on port 11112 expect hold\n'
    old = f'test "old" given {OLD} on port 11112 expect store\n'
    report = 'test "report" given Modality = SR on port 11112 expect discard\n'
    assert {gap for gap in gaps(new + child + old + report) if gap[1] == "us"} == set()


def test_a_test_on_another_port_tries_nothing_here() -> None:
    assert ("route", "ward", "ward") in gaps(f'test "new" given {NEW} on port 11112 expect forward PACS')
    said = gaps('test "ward" given sender = WARD1, StudyTime = 09:00 on port 11113 expect store')
    assert {gap for gap in said if gap[1] == "ward"} == {
        ("false", "ward", "sender = WARD1"),
        ("false", "ward", "StudyTime > 08:00"),
    }


def test_the_points_are_counted() -> None:
    _, none = tried("")
    _, some = tried(f'test "new" given {NEW} on port 11112 expect forward PACS')
    assert none.reached == 0
    assert none.points == some.points == 4 + 2 * 2 + 1 + 2 + 1 + 2 + 2 + 2 * 2
    # its route, two clauses of it, its case and the clause there; and that it is no report and nothing odd
    assert some.reached == 1 + 2 + 1 + 1 + 2
