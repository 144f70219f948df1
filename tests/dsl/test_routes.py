"""Can it happen? What the warnings W301 to W304, W210 and the loop E202 say, and where they are silent."""

import pytest

PACS = 'destination PACS = dicom "PACS@10.0.0.5:104"\n'
WATCHED = ("E202", "W210", "W301", "W302", "W303", "W304")


@pytest.fixture
def told(compiled):
    """The codes of these questions, with the words that stand at each place."""

    def run(text):
        result = compiled(text)
        assert not [one for one in result.errors if one.code not in WATCHED], "the test's own rules are wrong"
        lines = text.split("\n")
        return [
            (one.code, lines[one.span.line - 1][one.span.column - 1 : one.span.end_column - 1])
            for one in result.findings
            if one.code in WATCHED
        ]

    return run


def places(found):
    return [place for _, place in found]


# --- W303: a condition by itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        "Modality = US and Modality = CT",
        "Modality = US and Modality in (CT, MR)",
        "Modality = US and Modality != us",
        "Modality in (US, CT) and not Modality in (ct, us, mr)",
        "Institution = Nord and InstitutionName = Süd",
        "Institution = Nord and (0008,0080) != nord",
        "PatientID is missing and PatientID = 4711",
        'PatientID is missing and PatientID contains "4"',
        "PatientID is missing and PatientID is present",
        "ImageType is missing and ImageType = PRIMARY",
        "ImageType = PRIMARY and ImageType != PRIMARY",
        "PatientAge < 5 years and PatientAge > 10 years",
        "PatientAge < 5 years and PatientAge >= 60 months",
        "Rows < 512 and Rows = 512.0",
        "Rows = 512 and Rows = 600",
        "StudyDate > 2026-01-01 and StudyDate < 2025-12-31",
        "StudyDate > today - 10 days and StudyDate < today - 30 days",
        "StudyTime < 08:00 and StudyTime > 20:00",
        "Modality = US and Modality starts with C",
        "SOPClassUID starts with 1.2.840 and not SOPClassUID starts with 1.2",
        'SeriesDescription contains "dose report" and not SeriesDescription contains "dose"',
        "SeriesDescription matches /dose/ and not SeriesDescription matches /dose/",
        "sender = CT1 and sender = CT2",
        "port = 1 and port > 2",
        "PatientName = Doe and PatientName != doe",
        "unmatched and not unmatched",
    ],
)
def test_a_contradiction_is_told_once(told, where):
    found = told(f"on port 11112 where {where} → hold")
    assert [code for code, _ in found] == ["W303"]


@pytest.mark.parametrize(
    "where",
    [
        # several values: each may be another one
        "ImageType = ORIGINAL and ImageType = PRIMARY",
        "ImageType starts with O and ImageType starts with P",
        "ReferencedStudySequence.ReferencedSOPClassUID = 1.2 and ReferencedStudySequence.ReferencedSOPClassUID = 1.3",
        "PixelSpacing < 1 and PixelSpacing > 2",
        '(0029,"ACME 1.0",10) = A and (0029,"ACME 1.0",10) = B',
        # a name may be written in several ways at once (PS3.5 section 6.2.1)
        'PatientName = "Yamada^Tarou" and PatientName = "山田^太郎"',
        # true of objects without the tag
        "Modality != US and Modality != CT",
        "PatientAge is missing and not PatientAge < 5 years",
        "PatientAge is present and not PatientAge < 5 years and not PatientAge >= 5 years",  # unreadable
        # just possible
        "PatientAge <= 5 years and PatientAge >= 60 months",
        "Rows > 511 and Rows < 513",
        "StudyDate > today - 30 days and StudyDate < today - 10 days",
        "StudyDate > today - 30 days and StudyDate < 2020-01-01",
        "Modality = US or Modality = CT",
        'SeriesDescription contains "dose" and not SeriesDescription contains "dose report"',
        "SeriesDescription matches /dose/ and not SeriesDescription matches /Dose/",
        "InstitutionName = STRASSE and InstitutionName matches /Straße/",
        "sender = CT1 and called = CT2",
    ],
)
def test_what_may_be_is_not_called_impossible(told, where):
    assert told(f"on port 11112 where {where} → hold") == []


def test_the_part_that_cannot_be_is_shown(told):
    assert places(told("on port 11112 where Modality = SR or Rows = 1 and Rows = 2 → hold")) == ["Rows = 2"]
    assert places(told("on port 11112 where Modality = SR and (Modality = US or Rows = 1) → hold")) == ["Modality = US"]


def test_a_named_contradiction_is_told_where_it_is_declared(told):
    rules = "condition none = Rows = 1 and Rows = 2\non port 11112 where none → hold\non port 11113 where none → hold"
    assert told(rules) == [("W303", "Rows = 2")]


def test_a_named_condition_that_contradicts_its_neighbour_is_told_there(told):
    rules = "condition sono = Modality = US\non port 11112 where Modality = CT and sono → hold"
    assert told(rules) == [("W303", "sono")]


# --- W303: behind what is known ---------------------------------------------------------------------------------------


def in_route(middle, case):
    return f"on port 11112 where Modality = CT and Rows > 9\n{middle}→ choose\nwhen {case} → hold\notherwise → hold end"


@pytest.mark.parametrize(
    ("middle", "case", "impossible"),
    [
        ("", "Modality = US", True),
        ("", "Modality = CT", False),
        ("→ store by PatientID → hold ", "Modality = US", True),
        ('→ set InstitutionName to "Nord" ', "Modality = US", True),
        ("→ set Modality to US ", "Modality = US", False),
        ("→ set Modality to US ", "Rows < 5", True),
        ("→ remove (0008,0060) ", "Modality is missing", False),
        ("→ anonymize-pixels ", "Modality = US", False),
        ("→ choose when Rows = 10 → set Modality to US end ", "Modality = US", False),
    ],
)
def test_a_case_that_the_where_rules_out_unless_a_step_changed_the_tag(told, middle, case, impossible):
    assert told(in_route(middle, case)) == ([("W303", case)] if impossible else [])


def test_an_inner_choose_knows_the_cases_around_it(told):
    rules = """on port 11112
→ choose
  when Modality = US → hold
  when Rows > 10
    → choose when Modality = US → hold when Rows < 5 → hold otherwise → hold end
  otherwise → choose when Rows = 11 → hold otherwise → hold end
end"""
    assert told(rules) == [("W303", "Modality = US"), ("W303", "Rows < 5"), ("W303", "Rows = 11")]


def test_a_failure_chain_and_named_steps_know_nothing(told):
    steps = "steps sort = → choose when Modality = US → hold otherwise → hold end\n"
    assert told(steps + "on port 11112 where Modality = CT → sort") == []
    failing = "on port 11112 where Modality = CT → hold on failure → choose when Modality = US → hold end"
    assert told(failing) == []


def test_unmatched_of_the_route_is_no_longer_asked_inside(told):
    assert told("on port 11112 where unmatched → choose when unmatched → hold otherwise → hold end") == []
    inside = "on port 11112 → choose when not unmatched → hold otherwise → hold end"
    assert told(inside) == [("W303", "not unmatched")]


# --- W301 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Modality = US", "Modality = us and Rows > 5"),
        ("Modality in (US, CT)", "Modality = CT"),
        ("PatientAge < 18 years", "PatientAge < 10 years"),
        ("Modality is present", 'Modality contains "S"'),
        ('Modality contains "S"', "Modality = US"),
        ("Modality = CT or Modality = US", "Modality = US"),
        ("Modality != US", "Modality = CT"),
        ("ImageType = PRIMARY", "ImageType = PRIMARY and ImageType = ORIGINAL"),
        ("not PatientAge < 18 years", "PatientAge is missing"),
    ],
)
def test_a_case_behind_a_wider_one_is_shadowed(told, first, second):
    choose = "on port 11112 → choose\nwhen {} → hold\nwhen {} → hold\notherwise → hold end"
    assert told(choose.format(first, second)) == [("W301", second)]
    assert told(choose.format(second, first)) == []


def test_a_case_is_shadowed_by_what_its_route_lets_in(told):
    rules = "on port 11112 where Modality in (CT, MR) → choose when Modality != MR → hold when Modality = CT → hold end"
    assert told(rules) == [("W301", "Modality = CT")]


def test_of_several_values_an_unequal_first_case_leaves_something(told):
    choose = "on port 11112 → choose when ImageType != PRIMARY → hold when ImageType = ORIGINAL → hold end"
    assert told(choose) == []


# --- W302, W304 -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "dead"),
    [
        ('→ discard "x" → hold → mail admin', ["hold → mail admin"]),
        ('→ store by PatientID → discard "x"', []),
        ('→ choose when Rows = 1 → discard "x" → hold otherwise → hold end', ["hold"]),
        ('→ choose when Rows = 1 → discard "x" otherwise → discard "y" end → hold', ["hold"]),
        ('→ choose when Rows = 1 → discard "x" end → hold', []),
        ('→ choose when Rows = 1 → discard "x" otherwise → hold end → hold', []),
        ("→ away → hold", ["hold"]),
        ('→ hold on failure → discard "x" → mail admin', ["mail admin"]),
    ],
)
def test_what_stands_behind_a_discard_is_never_done(told, chain, dead):
    names = 'contact admin = "it@praxis.example"\nsteps away = → mail admin → discard "x"\n'
    assert told(names + f"on port 11112 {chain}") == [("W302", place) for place in dead]


@pytest.mark.parametrize(
    ("chain", "idle"),
    [
        ("→ set InstitutionName to Nord → anonymize-pixels", "anonymize-pixels"),
        ("→ clean", "clean"),
        ("→ choose when Rows = 1 → remove PatientName end", "choose"),
        ("→ choose when Rows = 1 → hold end", None),
        ("→ anonymize-pixels → store by PatientID", None),
        ('→ discard "x"', None),
        ("→ mail admin", None),
    ],
)
def test_a_route_that_brings_nothing_anywhere(told, chain, idle):
    names = 'contact admin = "it@praxis.example"\nsteps clean = → anonymize-pixels → remove PatientName\n'
    assert told(names + f"on port 11112 {chain}") == ([("W304", idle)] if idle else [])


# --- W210 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "chain", "careless"),
    [
        ("BurnedInAnnotation != YES", "→ forward PACS", "BurnedInAnnotation != YES"),
        ("not BurnedInAnnotation = YES", "→ forward PACS", "BurnedInAnnotation = YES"),
        ("not StationName in (CT1, CT2)", "→ store by PatientID", "StationName in (CT1, CT2)"),
        ("Modality = US and not (Rows = 1 or Rows = 2)", "→ forward PACS", "Rows = 1"),
        ("not flagged", "→ forward PACS", "flagged"),
        # always there
        ("Modality != SR and sender != CT1", "→ forward PACS", None),
        # thought of
        ("StationName is present and StationName != CT1", "→ forward PACS", None),
        ("StationName is missing or StationName != CT1", "→ forward PACS", None),
        ("StationName != CT1 and StationName starts with C", "→ forward PACS", None),
        # nothing leaves, or only clean
        ("BurnedInAnnotation != NO", "→ hold", None),
        ("BurnedInAnnotation != NO", "→ anonymize-pixels → forward PACS", None),
        ("StationName != CT1", '→ discard "x"', None),
        # the equal one lets nothing through that it does not name
        ("StationName = CT1", "→ forward PACS", None),
    ],
)
def test_unequal_lets_objects_without_the_tag_through(told, where, chain, careless):
    names = PACS + "condition flagged = BurnedInAnnotation = YES\n"
    expected = [("W210", careless)] if careless else []
    assert told(names + f"on port 11112 where {where} {chain}") == expected
    assert told(names + f"on port 11112 → choose when {where} {chain} otherwise → hold end") == expected


def test_unequal_is_fine_where_the_route_asks_that_the_tag_is_there(told):
    route = "on port 11112 where StationName is present → choose when StationName != CT1 → forward PACS end → hold"
    assert told(PACS + route) == []


def test_unequal_behind_a_case_for_the_missing_ones_is_fine(told):
    route = "on port 11112 → choose when StationName is missing → hold when StationName != A → forward PACS end"
    assert told(PACS + route) == []


# --- E202 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "loop"),
    [
        ("localhost:11112", True),
        ("LOCALHOST:11112", True),
        ("127.0.0.1:11112", True),
        ("127.1.2.3:11112", True),
        ("0.0.0.0:11112", True),
        ("[::1]:11112", True),
        ("[::ffff:127.0.0.1]:11112", True),
        ("localhost:11113", True),
        ("localhost:104", False),
        ("10.0.0.5:11112", False),
        ("localhost.praxis.example:11112", False),
    ],
)
def test_a_destination_that_is_one_of_our_own_listeners(told, address, loop):
    rules = f'destination X = dicom "PRAXIS@{address}"\nlistener HOUSE = dicom port 11113\n'
    found = told(rules + "on port 11112 → forward X\non HOUSE → hold")
    assert [code for code, _ in found] == (["E202"] if loop else [])
