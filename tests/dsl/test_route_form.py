"""A route as a form and as text again: nothing that stands in the text is lost, and only what was changed changes."""

from dataclasses import replace

import pytest

from dsl.format import comments_of, format_text
from dsl.parse import parse_words
from dsl.route_form import NEW, Clause, Form, Step, Unfit, forms, written
from tests.house.tree import ROOT

TEXT = """version 1

# What the house sends.
destination PACS = dicom "PACS@127.0.0.1:104"

route us  # the ward
  on port 104
  where Modality = US  # only these
    # the name may be written in many ways
    and InstitutionName contains "Praxis"
    and (Rows > 100 or Columns is missing)
    and StationName in (A, "B 2")
  # keep it first
  → store by PatientID
  → choose when Modality = US → forward PACS otherwise → hold end
  on failure
    → hold "no way"  # somebody looks
  on duplicate keep

on port 104 where Modality = CT → forward PACS
"""


def form() -> Form:
    return forms(TEXT, "x")[0]


def test_a_route_is_a_form() -> None:
    first, second = forms(TEXT, "x")
    assert (first.label, first.source, first.duplicate) == ("us", "port 104", "keep")
    assert TEXT.splitlines()[first.line - 1].startswith("route us")
    assert first.end_line - first.line == 12
    assert first.clauses == (
        Clause(0, "Modality", "=", "US"),
        Clause(1, "InstitutionName", "contains", "Praxis"),
        Clause(2, text="(Rows > 100 or Columns is missing)"),
        Clause(3, "StationName", "in", "A, B 2"),
    )
    assert first.steps == (
        Step(0, "store", "by PatientID"),
        Step(1, text="choose when Modality = US → forward PACS otherwise → hold end"),
    )
    assert first.failure == (Step(0, "hold", '"no way"'),)
    assert (second.label, second.clauses, second.steps) == (
        "",
        (Clause(0, "Modality", "=", "CT"),),
        (Step(0, "forward", "PACS"),),
    )


def test_what_nobody_has_changed_stays_as_it_was() -> None:
    layout = format_text(TEXT, name="x")
    assert isinstance(layout, str)
    for index, one in enumerate(forms(layout, "x")):
        assert written(layout, "x", index, one) == layout


def test_a_row_is_changed_added_moved_and_the_comments_go_along() -> None:
    first, *others = form().clauses
    changed = replace(
        form(),
        label="ultra sound",
        clauses=(*others, Clause(NEW, "SeriesDescription", "=", "Left arm"), replace(first, value="XA")),
        steps=(*form().steps[::-1], Step(NEW, "mail", "admin")),
    )
    result = written(TEXT, "x", 0, changed)
    again = forms(result, "x")[0]
    assert again.label == "ultra sound"
    assert [(one.field, one.value) for one in again.clauses if one.operator] == [
        ("InstitutionName", "Praxis"),
        ("StationName", "A, B 2"),
        ("SeriesDescription", "Left arm"),
        ("Modality", "XA"),
    ]
    assert [one.name for one in again.steps] == ["", "store", "mail"]
    assert sorted(comments_of(result)) == sorted(comments_of(TEXT))
    lines = result.splitlines()
    assert any(line.strip() == "and Modality = XA  # only these" for line in lines), result
    assert lines[lines.index("  # keep it first") + 1].strip() == "→ store by PatientID"
    assert "on port 104 where Modality = CT → forward PACS" in result


def test_what_would_lose_a_comment_is_not_written() -> None:
    with pytest.raises(Unfit) as refusal:
        written(TEXT, "x", 0, replace(form(), clauses=form().clauses[1:]))
    assert (refusal.value.kind, refusal.value.what) == ("comments", "only these")
    kept = written(TEXT, "x", 0, replace(form(), clauses=form().clauses[:3]))
    assert sorted(comments_of(kept)) == sorted(comments_of(TEXT))


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        (Clause(NEW, "Rows", ">", "100"), "Rows > 100"),
        (Clause(NEW, "Modality", "!=", "US"), "Modality != US"),
        (Clause(NEW, "PatientName", "=", "and"), 'PatientName = "and"'),
        (Clause(NEW, "StudyDate", ">=", "today - 3 days"), "StudyDate >= today - 3 days"),
        (Clause(NEW, "SOPClassUID", "=", "1.2.840.10008.5.1.4.1.1.6.1"), "SOPClassUID = 1.2.840.10008.5.1.4.1.1.6.1"),
        (Clause(NEW, "Modality", "in", "US, CT,Left arm"), 'Modality in (US, CT, "Left arm")'),
        (Clause(NEW, "StationName", "starts with", "US"), 'StationName starts with "US"'),
        (Clause(NEW, "PatientID", "is missing"), "PatientID is missing"),
        (Clause(NEW, text="Rows = 1 or Rows = 2"), "(Rows = 1 or Rows = 2)"),
        (Clause(NEW, text="known"), "known"),
    ],
)
def test_a_clause_is_written_as_people_write_it(clause: Clause, text: str) -> None:
    result = written(TEXT, "x", 1, replace(forms(TEXT, "x")[1], clauses=(Clause(0, "Modality", "=", "CT"), clause)))
    assert f"where Modality = CT and {text} → forward PACS" in result
    again = forms(result, "x")[1].clauses[1]
    if clause.operator != "in" and not clause.text:
        assert replace(again, was=NEW) == clause


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"clauses": (Clause(NEW, "", "=", "US"),)}, "value"),
        ({"clauses": (Clause(NEW, "Modality", "=", ""),)}, "value"),
        ({"clauses": (Clause(NEW, "Modality", "=", 'a"b'),)}, "value"),
        ({"clauses": (Clause(NEW, "Modality", "~", "US"),)}, "value"),
        ({"clauses": (Clause(NEW, "Moda lity", "=", "US"),)}, "rows"),
        ({"clauses": (Clause(NEW, text="Rows = 1 → hold on port 3 where Rows = 2"),)}, "rows"),
        ({"steps": ()}, "value"),
        ({"steps": (Step(NEW),)}, "value"),
        ({"steps": (Step(NEW, "store", "→ hold"),)}, "rows"),
        ({"steps": (Step(NEW, "hold", "on failure → mail admin"),)}, "rows"),
        ({"source": ""}, "value"),
        ({"source": "port 1 where Rows = 1"}, "rows"),
    ],
)
def test_what_is_no_row_is_not_written(change: dict[str, object], kind: str) -> None:
    with pytest.raises(Unfit) as refusal:
        written(TEXT, "x", 1, replace(forms(TEXT, "x")[1], **change))  # type: ignore[arg-type]
    assert refusal.value.kind == kind


def test_a_text_with_errors_and_a_route_that_is_not_there_are_refused() -> None:
    with pytest.raises(Unfit) as refusal:
        forms("on port → \n", "x")
    assert refusal.value.kind == "unreadable"
    with pytest.raises(Unfit) as refusal:
        written(TEXT, "x", 2, form())
    assert refusal.value.kind == "gone"
    assert forms("version 1\n", "x") == []


def test_every_route_of_the_rules_that_come_along_survives_its_form() -> None:
    seen = 0
    for path in (ROOT / "rules").rglob("*.rules"):
        text = format_text(path.read_text("utf-8"), name="x")
        assert isinstance(text, str)
        assert parse_words(text, "x")[1] == ()
        for index, one in enumerate(forms(text, "x")):
            seen += 1
            assert written(text, "x", index, one) == text
    assert seen > 0
