"""The one layout: what the manual promises, and that nothing is ever lost or read differently."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl.compile import compile_text
from dsl.finding import Finding
from dsl.format import format_text
from dsl.parse import parse_words, plain
from engine.vocabulary import vocabulary
from tests.dsl.fuzzing import CASES, FILES, SETTINGS
from tests.dsl.layouts import holds, meaning, other_layouts, texts

RULES = sorted((Path(__file__).parents[2] / "rules").rglob("*.rules"))
STEPS = frozenset(vocabulary().steps)


def laid(text: str) -> str:
    """Laid out; an assertion where it cannot be read."""
    result = format_text(text, name="x.rules", steps=STEPS)
    assert isinstance(result, str), result
    return result


def body(text: str) -> str:
    """Laid out, without the edition that stands before it."""
    return laid(f"version 1\n{text}").removeprefix("version 1\n").removeprefix("\n")


MANUAL = {
    "arrows and signs": (
        "on port 1 where Rows≠5 and Columns ≥ 6 -> hold",
        "on port 1 where Rows != 5 and Columns >= 6 → hold\n",
    ),
    "the mandated line stays one line": (
        "on port 26131 where Modality=US → anonymize-pixels → store by Institution/PatientName"
        " → forward PACS_A → mail admin",
        "on port 26131 where Modality = US → anonymize-pixels → store by Institution/PatientName"
        " → forward PACS_A → mail admin\n",
    ),
    "a short route that was broken is one line again": (
        "on port 1\n  → store by Modality\n  → forward A",
        "on port 1 → store by Modality → forward A\n",
    ),
    "a long route is one step a line": (
        f"on port 1 → hold {'x' * 60!r} → forward A → store by Institution/PatientName/StudyDate".replace("'", '"'),
        f'on port 1\n  → hold "{"x" * 60}"\n  → forward A\n  → store by Institution/PatientName/StudyDate\n',
    ),
    "a route with a name is always broken": (
        "route x on port 1 where Modality=CT → forward A → mail m on failure → hold → mail n",
        "route x\n  on port 1 where Modality = CT\n  → forward A\n  → mail m\n  on failure → hold → mail n\n",
    ),
    "choose": (
        "on port 1 → choose when A = 1 → a → b when B = 2 → c otherwise → d end → e",
        "on port 1\n  → choose\n      when A = 1\n        → a → b\n      when B = 2\n        → c\n"
        "      otherwise\n        → d\n    end\n  → e\n",
    ),
    "a long condition: each and begins a line": (
        "condition x = Manufacturer contains \"ACME Medical Systems\" and (Rows=600 or Rows=601)"
        " and Columns in (800, 801) and Modality=US",
        'condition x = Manufacturer contains "ACME Medical Systems"\n    and (Rows = 600 or Rows = 601)\n'
        "    and Columns in (800, 801)\n    and Modality = US\n",
    ),
    "brackets stay where they were written": (
        "condition x=((a) and (b or c)) and not(d)",
        "condition x = ((a) and (b or c)) and not (d)\n",
    ),
    "declarations that follow each other stand in line": (
        'contact me="a@b.example"\ndestination PACS_A=dicom "P@h:104" outside trusted\n\nschedule s=20:00 until 06:00',
        'contact     me     = "a@b.example"\ndestination PACS_A = dicom "P@h:104" outside trusted\n\n'
        "schedule s = 20:00 until 06:00\n",
    ),
    "regions": (
        "regions a for Rows=600 blank(0,0,800,60),(right 200,bottom 40,200,40)\nregions b keep (1,2,3,4)",
        "regions a for Rows = 600\n  blank (0, 0, 800, 60), (right 200, bottom 40, 200, 40)\n\n"
        "regions b keep (1, 2, 3, 4)\n",
    ),
    "steps get their first arrow": ("steps s = a -> b", "steps s = → a → b\n"),
    "a test": (
        'test "t" given Modality=US,Rows = 5 on port 1 expect no forward A expect hold',
        'test "t"\n  given Modality = US, Rows = 5\n  on port 1\n  expect no forward A\n  expect hold\n',
    ),
    "numbers of tags, durations, lists": (
        "condition x = ( 0040 , a730 ).(0029,\"A, 1\", 1f) in(1,2) or PatientAge<18years",
        'condition x = (0040,A730).(0029,"A, 1",1F) in (1, 2) or PatientAge < 18 years\n',
    ),
    "paths are tight, but a network is not made of two parts": (
        'on port 1 → store by "a" / PatientID /StudyDate → x 1.2.3 / 4',
        'on port 1 → store by "a"/PatientID/StudyDate → x 1.2.3 /4\n',
    ),
    "words in quotes stay": ('include "a  →\t#b"', 'include "a  →\t#b"\n'),
    "at most one empty line, none at the ends": (
        "\n\ninclude \"a\"\n\n\n \n\ninclude \"b\"\ninclude \"c\"\n\n",
        'include "a"\n\ninclude "b"\ninclude "c"\n',
    ),
    "an empty line around what takes several": (
        "include \"a\"\nroute x on port 1 → hold\n# why\non port 2 → hold",
        'include "a"\n\nroute x\n  on port 1\n  → hold\n\n# why\non port 2 → hold\n',
    ),
    "empty lines between steps stay": (
        "route x\n on port 1\n → a\n\n\n → b",
        "route x\n  on port 1\n  → a\n\n  → b\n",
    ),
}  # fmt: skip

COMMENTED = {
    "before a statement and at its end": (
        "#one\n   on port 1 → hold   # two  \n# three",
        "#one\non port 1 → hold  # two\n# three\n",
    ),
    "between steps": (
        "on port 1 → a # one\n# two\n→ b",
        "on port 1\n  → a  # one\n  # two\n  → b\n",
    ),
    "a step that is commented out at the end stays with its chain": (
        "on port 1 → a\n    # → b\n# next\non port 2 → c",
        "on port 1 → a\n  # → b\n# next\non port 2 → c\n",
    ),
    "what belongs to the next case does not go back to the one before": (
        "on port 1 → choose when a → b\n    # → c\n# next\n    # still next\nwhen d → e end",
        "on port 1\n  → choose\n      when a\n        → b\n        # → c\n      # next\n      # still next\n"
        "      when d\n        → e\n    end\n",
    ),
    "in choose": (
        "on port 1 → choose # zero\n# one\nwhen a # two\n→ b\n # → c\nwhen d # three\n → e\n# four\nend # five",
        "on port 1\n  → choose  # zero\n      # one\n      when a  # two\n        → b\n        # → c\n"
        "      when d  # three\n        → e\n    # four\n    end  # five\n",
    ),
    "between clauses": (
        "condition x = a # one\nand # two\nb\n# three\nand c",
        "condition x = a  # one\n    and  # two\n      b\n    # three\n    and c\n",
    ),
    "among boxes": (
        "regions a blank (0, 0, 1, 1), # the name\n# the date\n(2, 2, 3, 3)",
        "regions a\n  blank (0, 0, 1, 1),  # the name\n        # the date\n        (2, 2, 3, 3)\n",
    ),
    "among declarations": (
        "contact a = \"x\" # me\n# and\ndestination bb = y",
        'contact     a  = "x"  # me\n# and\ndestination bb = y\n',
    ),
    "in the middle of a step": (
        "route x on port 1 → forward A, # first\nB",
        "route x\n  on port 1\n  → forward A,  # first\n      B\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after"), MANUAL.values(), ids=MANUAL)
def test_the_layout(before, after):
    assert body(before) == after
    assert body(after) == after


@pytest.mark.parametrize(("before", "after"), COMMENTED.values(), ids=COMMENTED)
def test_comments_stay_in_their_place(before, after):
    assert laid(f'include "x"\n\n{before}').partition("\n\n")[2].partition("\n\n")[2] == after
    assert laid(laid(before)) == laid(before)


EDITION = {
    "nothing": ("on port 1 → hold", "version 1\n\non port 1 → hold\n"),
    "a comment on the file": ("# file\n\non port 1 → hold", "# file\nversion 1\n\non port 1 → hold\n"),
    "a comment on the statement": ("# why\non port 1 → hold", "version 1\n\n# why\non port 1 → hold\n"),
    "both": ("# file\n# too\n\n# why\non port 1 → a", "# file\n# too\nversion 1\n\n# why\non port 1 → a\n"),
    "there already": ("# a\nversion 1\non port 1 → a", "# a\nversion 1\non port 1 → a\n"),
    "further down": ('include "a"\nversion 1', 'include "a"\nversion 1\n'),
    "no statement": ("\n\n# only a comment\n\n\n# or two  \n\n", "# only a comment\n\n# or two\n"),
    "blanks": (" \n\t\n", ""),
    "an empty file": ("", ""),
}


@pytest.mark.parametrize(("before", "after"), EDITION.values(), ids=EDITION)
def test_the_edition_is_written_in_where_there_is_something_to_read(before, after):
    assert laid(before) == after
    assert laid(after) == after


def test_line_ends_and_the_byte_order_mark():
    assert laid('\ufeffversion 1\r\ninclude "ä"\r# x\r\n') == 'version 1\ninclude "ä"\n# x\n'


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("on port 1 where → hold", ["E001"]),
        ("on port 1 → hold\non port 2 hold\non port 3 → ", ["E106", "E005"]),
        ('include "a', ["E002"]),
    ],
)
def test_what_cannot_be_read_is_told_and_not_touched(text, codes):
    result = format_text(text, name="x.rules", steps=STEPS)
    assert isinstance(result, tuple)
    assert all(isinstance(one, Finding) and one.title and one.span.file == "x.rules" for one in result)
    assert [one.code for one in result] == codes


def test_what_is_wrong_but_can_be_read_is_laid_out():
    assert body("on port 1 where Modalty=US -> forwrd X") == "on port 1 where Modalty = US → forwrd X\n"


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_every_shipped_file_is_in_the_layout(path):
    text = path.read_text(encoding="utf-8")
    assert laid(text) == text, f"`stellwerk fmt {path}` lays it out"


# --- nothing is lost, nothing is read differently


def read(path: str) -> str:
    raise FileNotFoundError(path)


@SETTINGS
@given(texts())
@pytest.mark.fuzz
def test_any_text_in_any_layout(text):
    holds(text)


@SETTINGS
@given(st.data())
@pytest.mark.fuzz
def test_there_is_one_layout_whatever_the_text_looked_like(data):
    text = data.draw(texts())
    nodes, unread = parse_words(plain(text), "x")
    if unread or not nodes:
        return
    one, other = data.draw(other_layouts(text)), data.draw(other_layouts(text))
    if parse_words(one, "")[1] or parse_words(other, "")[1]:
        return  # two words that only a comment kept apart
    if meaning(one) == meaning(other):
        assert laid(one) == laid(other)


def test_how_a_duration_is_spaced_is_layout():
    head = 'destination A = dicom "A@h:104" retry every {} for 3 days\n'
    text = "on port 11112 where PatientAge < {} and StudyDate > today - {} → forward A"
    wanted, other = (
        compile_text(head.format(wait) + text.format(age, ago), name="x", vocabulary=vocabulary(), read=read).program
        for wait, age, ago in (("5 minutes", "18 years", "30 days"), ("5minutes", "18\n years", "30   days"))
    )
    assert wanted is not None
    assert other is not None
    assert wanted.digest == other.digest


@pytest.mark.parametrize(
    "text",
    [
        "condition x = " + "not " * 100 + "a",
        "condition x = " + "(" * 50 + "a # deep\n" + ")" * 50,
        "on port 1 " + "→ choose when a " * 20 + "→ hold " + "end " * 20,
        "condition x = " + " and ".join(["Modality = US"] * 500),
        "contact x = " + ", ".join(['"a@b.example"'] * 500),
        "# " + "x" * 5000 + "\non port 1 → hold # " + "x" * 5000,
    ],
    ids=["not", "brackets", "choose", "and", "list", "comments"],
)
def test_what_is_deep_or_long(text):
    holds(text)
    laid(text)


@pytest.mark.parametrize("text", [*FILES, *CASES])
def test_every_file_and_every_case_keeps_its_meaning(text):
    holds(text)
    result = format_text(text, name="x.rules")
    before = compile_text(text, name="x.rules", vocabulary=vocabulary(), read=read)
    if isinstance(result, str):
        after = compile_text(result, name="x.rules", vocabulary=vocabulary(), read=read)
        assert [one.message for one in after.findings] == [one.message for one in before.findings]
        assert (after.program is None) == (before.program is None)
        if before.program is not None and after.program is not None:
            assert after.program.digest == before.program.digest
