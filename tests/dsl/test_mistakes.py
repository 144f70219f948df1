"""Many mistakes in one file: all are told, each at its place, whatever the line ends and letters are."""

import pytest

from dsl import render

TEN = """\
destinaton ALT = dicom "ALT@10.0.0.5:104"
destination MÜNCHEN = dicom "MUC@10.0.0.5:104"
condition grün = Modality =
route röntgen-größe on port 11112\twhere Modalty = CR → forward MÜNCHEN
\ton port 11113 where PatientAge < abc → hold
on port 11114 → anonymise-pixels → forward MÜNCHN
on port 11115\twhere grün\t→ store PatientID
on port 11116 where "Straße → hold
on port 11117 where Modality = US store by PatientID → hold
on port 11118 → hold ; discard
on port 11119 where PatientName matches /(ä+)+/ → hold
"""
WANTED = [
    ("E001", 1, "destinaton ALT"),
    ("E005", 3, "="),
    ("E101", 4, "Modalty = CR"),
    ("E102", 5, "abc"),
    ("E103", 6, "anonymise-pixels"),
    ("E104", 6, "MÜNCHN"),
    ("E105", 7, "PatientID"),
    ("E002", 8, '"Straße'),
    ("E106", 9, "store by"),
    ("E003", 10, "; discard"),
    ("E114", 11, "(ä+)+/"),
]


@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_mistake_of_a_file_is_told_at_its_place(compiled, bom, end):
    result = compiled(bom + TEN.replace("\n", end))
    lines = TEN.split("\n")
    assert [(f.code, f.span.line) for f in result.findings] == [(code, line) for code, line, _ in WANTED]
    for finding, (_, line, word) in zip(result.findings, WANTED, strict=True):
        assert lines[line - 1][finding.span.column - 1 :].startswith(word)
    assert result.program is None


def test_the_caret_stands_under_the_word_behind_tabs(compiled):
    result = compiled("\ton port 11112\twhere Modalty = CR → hold")
    line, carets = render.render(result.findings, result.sources).split("\n")[3:5]
    assert line == " 1 | \ton port 11112\twhere Modalty = CR → hold"
    assert carets == "   | \t             \t      ^^^^^^^ not in the dictionary"


def test_the_example_of_the_manual_looks_as_printed(compiled):
    text = "\n" * 7 + ("on port 26131 where Modalty=US → hold\n")
    result = compiled(text, name="bad.rules")
    assert render.render(result.findings, result.sources) == (
        "error[E101]: no DICOM tag is called Modalty\n"
        "  --> bad.rules:8:21\n"
        "   |\n"
        " 8 | on port 26131 where Modalty=US → hold\n"
        "   |                     ^^^^^^^ not in the dictionary\n"
        "  = help: did you mean Modality?"
    )


def test_a_mistake_in_an_included_file_is_told_there(compiled):
    result = compiled(
        'include "b.rules"\non port 11112 → hold', {"b.rules": "\non port 1111 where Modalty = US → hold"}
    )
    assert [(f.code, f.span.file, f.span.line) for f in result.findings] == [("E101", "b.rules", 2)]


def test_a_name_from_a_broken_statement_is_not_called_undeclared(compiled):
    result = compiled('destination PACS = = dicom "x"\non port 11112 → forward PACS')
    assert [f.code for f in result.findings] == ["E001"]


def test_findings_as_json_carry_code_place_and_words(compiled):
    [finding] = compiled("on port 11112 where Modalty = US → hold").findings
    assert render.as_json(finding, "de") == {
        "code": "E101",
        "severity": "error",
        "title": "kein DICOM-Tag heißt Modalty",
        "label": "nicht im Wörterbuch",
        "help": "meinten Sie Modality?",
        "place": {"file": "test.rules", "line": 1, "column": 21, "end_line": 1, "end_column": 28},
        "also": [],
    }


def test_control_characters_of_a_rule_file_do_not_reach_the_terminal(compiled):
    result = compiled('on port 11112 → hold "\x1b[2J" → nothing\x07')
    assert "\x1b" not in render.render(result.findings, result.sources)
