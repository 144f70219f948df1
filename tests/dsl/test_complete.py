"""What is offered at a place: `|` is the cursor. Each table reads like a page of the manual."""

from pathlib import Path

import pytest

from dsl import scan
from dsl.complete import Offer, complete
from dsl.place import place_at
from dsl.resolve import resolve
from dsl.wanted import Wanted, wanted
from engine.signature import Argument, Signature
from tests.dsl.conftest import VOCABULARY

HOUSE = """
destination PACS   = dicom "PACS@pacs:104"
destination READER = dicom "READER@reader:104"
listener sono      = dicom port 11113
condition child    = PatientAge < 18 years
steps clean        = → anonymize-pixels
contact admin      = "it@praxis.example"
regions banner blank (0, 0, 10, 10)
"""


def offers(written: str) -> list[Offer]:
    text, _, after = (HOUSE + written).partition("|")
    assert "|" in written
    rules, _ = resolve({"t.rules": text + after}, lambda _: "", frozenset(VOCABULARY.steps))
    return list(complete(text + after, len(text), rules=rules, vocabulary=VOCABULARY).words)


STEPS = [
    "anonymize",
    "anonymize-pixels",
    "await",
    "clean",
    "collect",
    "discard",
    "forward",
    "hold",
    "mail",
    "map",
    "notify",
    "pseudonymize",
    "remove",
    "review",
    "set",
    "store",
]
STATEMENTS = [
    "condition",
    "contact",
    "destination",
    "include",
    "listener",
    "on",
    "regions",
    "route",
    "schedule",
    "steps",
]
STATEMENTS += ["test"]
EXACTLY = [
    ("on |", ["sono", "port", "folder", "https", "outbox", "every", "trouble", "failure", "duplicate"]),
    ("on po|", ["sono", "port", "folder", "https", "outbox", "every", "trouble", "failure", "duplicate"]),
    ("on port |", []),
    ("on outbox |", ["PACS", "READER"]),
    ('on folder "/srv/export" |', ["then", "where", "→"]),
    ('on folder "/srv/export" then |', ["delete"]),
    ("on every |", ["day", "on"]),
    ("on every day |", ["at"]),
    ("on every day at 03:00 → |", ["clean", "purge", "report", "alarm"]),
    ("on trouble lasting 15 minutes → |", ["clean", "alarm"]),
    ("on trouble |", ["lasting", "→"]),
    ("on every day at 10:00 → alarm admin unless CT1 |", ["sent"]),
    ("on every day at 03:00 → purge archive |", ["older"]),
    ('test "x" given Modality = US on |', ["sono", "port", "folder", "https", "outbox", "failure", "duplicate"]),
    ("on port 11112 |", ["where", "→"]),
    ("on sono |", ["where", "→"]),
    ("on port 11112 -|", ["→"]),
    ("on port 11112 ->|", ["→"]),
    ("on port 11112 → |", [*STEPS, "choose"]),
    ("on port 11112 → forward |", ["PACS", "READER", "during"]),
    ("on port 11112 → forward PA|", ["PACS", "READER", "during"]),
    ("on port 11112 → forward PACS, |", ["PACS", "READER"]),
    ("on port 11112 → mail |", ["admin", "subject"]),
    ("on port 11112 → store |", ["by", "in"]),
    ('on port 11112 → store in "a" |', ["by"]),
    ("on port 11112 → set Modality |", ["to"]),
    ("on port 11112 → anonymize-pixels regions |", ["banner"]),
    ("on port 11112 → choose |", ["when"]),
    ("on port 11112 where child |", ["and", "or", "→"]),
    ("on port 11112 where Modality = US |", ["and", "or", "→"]),
    ("on port 11112 where Modality is |", ["missing", "present"]),
    (
        "on port 11112 where Modality |",
        ["!=", "=", "contains", "in", "is missing", "is present", "matches", "starts with"],
    ),
    ("on port 11112 where RequestAttributesSequence |", ["is missing", "is present"]),
    ("on port 11112 where PatientSex = |", ["F", "M", "O"]),
    ("on port 11112 where StudyDate > |", ["today"]),
    ("destination NEW = |", ["dicom", "https", "http", "dicomweb", "folder", "sftp", "s3", "webhook"]),
    ('destination NEW = dicom "A@b:1" retry |', ["every"]),
    ("listener new = dicom |", ["accept", "as", "from", "port"]),
    ("destination |", []),
    ("regions new |", ["for", "blank", "keep"]),
    ("on port 11112 where PatientAge < 18 |", ["days", "weeks", "months", "years", "and", "or", "→"]),
    ("on port 11112 where StudyDate > today - 30 |", ["days", "weeks", "months", "years"]),
    ("on port 11112 where Rows > 18 |", ["and", "or", "→"]),
    (
        "on port 11112 → hold on |",
        ["sono", "port", "folder", "https", "outbox", "failure", "duplicate", "every", "trouble"],
    ),
    ("on port 11112 → collect study quiet 2 minutes late |", ["again", "add", "hold"]),
    ("on port 11112 → collect study quiet 2 minutes ask |", ["PACS", "READER"]),
    ("on port 11112 → hold on duplicate |", ["keep", "replace", "drop"]),
    ('test "x" given Modality = US expect no |', [*STEPS, "tag"]),
    ("# on |", []),
    ('on port 11112 → hold "on |', []),
]


@pytest.mark.parametrize(("written", "expected"), EXACTLY)
def test_what_may_stand_there_and_nothing_else(written, expected):
    assert sorted(offer.text for offer in offers(written)) == sorted(expected)


@pytest.mark.parametrize("written", ["|", "on port 11112 → hold\n\n|", "|\n\non port 11112 → hold", "on 1 → x y =\n|"])
def test_a_statement_begins_at_the_start_of_a_line(written):
    going_on = {"→", "on failure", "on duplicate"}
    assert {offer.text for offer in offers(written)} - going_on == {"version", *STATEMENTS}


@pytest.mark.parametrize(
    "written",
    [
        "on port 11112 where |",
        "on port 11112 where not |",
        "on port 11112 where (|",
        "on port 11112 where child and |",
        "on port 11112 where Modality = US or |",
        "on port 11112 → choose when |",
        "on port 11112 whre x → choose when |",
        "condition other = |",
        "regions other for |",
    ],
)
def test_where_something_is_asked_there_are_tags_facts_and_named_conditions(written):
    assert {"child", "Modality", "Institution", "sender", "unmatched"} <= {offer.text for offer in offers(written)}


def test_the_tags_that_begin_with_what_is_typed_come_first():
    found = offers("on port 11112 → store by StudyInst|")
    assert found[0].text == "StudyInstanceUID"
    assert found[0].detail == "Study Instance UID (0020,000d) UI"
    rare = [offer.text for offer in offers("on port 11112 where kvp|")]
    assert rare.index("KVP") < rare.index("child") or "KVP" in rare


def test_inside_a_sequence_there_are_tags_only():
    assert {offer.kind for offer in offers("on port 11112 where RequestAttributesSequence.|")} == {"tag"}


def test_what_is_declared_is_offered_with_its_line():
    (pacs,) = [offer for offer in offers("on port 11112 → forward |") if offer.text == "PACS"]
    assert pacs.detail == 'destination PACS = dicom "PACS@pacs:104"'


def test_the_whole_word_under_the_cursor_is_replaced():
    rules, _ = resolve({"t.rules": ""}, lambda _: "", ())
    found = complete("on port 1 → forw|ard".replace("|", ""), 16, rules=rules, vocabulary=VOCABULARY)
    assert (found.span.column, found.span.end_column) == (13, 20)


SHIPPED = (Path(__file__).parents[2] / "rules/house.rules").read_text("utf-8")
WRITTEN = """
listener door = dicom port 11112 as STELLWERK from 10.0.0.0/8
regions screen for Modality = US and Rows = 600 blank (0, 0, 10, 10)
route one on door where child and not (Institution contains "Nord" or PatientSex in (F, O))
    and StudyDate > today - 3 days
  → clean → choose when PatientAge < 9 years → forward PACS, READER
    when StationName is missing → hold "x" otherwise → discard "y" end
  → store in "teaching" by Institution/StudyDate → mail admin subject "x"
  on failure → hold → mail admin
test "a child" given Modality = US, PatientAge = 5 years on door expect forward PACS expect no tag PatientName
"""


@pytest.mark.parametrize("text", [SHIPPED, HOUSE + WRITTEN], ids=["house.rules", "everything"])
def test_whoever_types_rules_is_offered_each_word_that_is_not_their_own(text):
    rules, _ = resolve({"t.rules": text}, lambda _: "", frozenset(VOCABULARY.steps))
    for word in scan.words(text):
        if word.kind != "name" or place_at(text, word.start)[1].kind == "new" or word.text == "STELLWERK":
            continue
        typed = text[: word.start + 3] if len(word.text) > 3 else text[: word.start]
        found = complete(typed + text[word.end :], len(typed), rules=rules, vocabulary=VOCABULARY)
        offered = {part for offer in found.words for part in offer.text.split()}
        assert word.text in offered, text[max(0, word.start - 40) : word.end]


def test_behind_keep_stand_words_and_tags():
    found = {offer.text for offer in offers("on port 11112 → anonymize keep institution, |")}
    assert {"modified-dates", "descriptions", "StudyDescription"} <= found
    assert "InstitutionName" in {offer.text for offer in offers("on port 11112 → map Institution|")}


def test_nothing_is_offered_that_is_not_built():
    assert "print" not in {offer.text for offer in offers("on port 11112 → |")}
    assert "tls" not in {offer.text for offer in offers('destination N = dicom "A@b:1" |')}


W = [
    ("store [in FOLDER] by LAYOUT", "", Wanted(("in", "by"), (), False)),
    ("store [in FOLDER] by LAYOUT", "in", Wanted((), ("FOLDER",), False)),
    ("store [in FOLDER] by LAYOUT", "in teaching", Wanted(("by",), (), False)),
    ("store [in FOLDER] by LAYOUT", "by PatientID", Wanted(("in",), (), True)),
    ("hold [WHY]", "", Wanted((), ("WHY",), True)),
    ("set TAG to VALUE", "Modality", Wanted(("to",), (), False)),
]


@pytest.mark.parametrize(("line", "given", "expected"), W)
def test_what_a_signature_still_wants(line, given, expected):
    assert wanted(Signature.of(line), [Argument("word", word) for word in given.split()]) == expected
