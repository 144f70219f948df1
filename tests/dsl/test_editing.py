"""Hover, names and mends: what an editor shows of a word, finds of a name, and types for a finding."""

import posixpath
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dsl import scan
from dsl.compile import compile_files, compile_text
from dsl.complete import complete
from dsl.hover import hover
from dsl.mend import apply, mends
from dsl.parse import plain
from dsl.resolve import resolve
from dsl.symbols import occurrences, refuse, rename, same, symbol_at
from engine.signature import Signature
from engine.vocabulary import vocabulary

VOCABULARY = vocabulary()
ROOT = Path(__file__).parents[2]
CASES = sorted((ROOT / "tests/cases").glob("*.case"))
FILES = sorted((ROOT / "rules").rglob("*.rules"))
TEXTS = [path.read_text("utf-8").partition("\n----\n")[0] for path in (*CASES, *FILES)]

HOUSE = {
    "sites.rules": 'destination PACS = dicom "PACS@pacs:104"\ncontact admin = "it@praxis.example"\n',
    "main.rules": """include "sites.rules"
condition child = PatientAge < 18 years
listener sono = dicom port 11113
regions banner blank (0, 0, 10, 10)
steps clean = → anonymize-pixels regions banner → set InstitutionName to "PACS"
route "night work" on port 11112 where child and Modality = US → clean → forward PACS → mail admin
on sono → choose when child → forward PACS otherwise → store by PatientID end on failure → mail admin
test "x" given PatientAge = 5 years on sono expect forward PACS
""",
}


def rules(files=HOUSE, main="main.rules"):
    return resolve({main: files[main]}, files.__getitem__, frozenset(VOCABULARY.steps))[0]


def missing(path: str) -> str:
    raise FileNotFoundError(path)


# --- hover

HOVERS = [
    ("on port 1 where Moda|lity = US → hold", "Modality**: Modality"),
    ("on port 1 where Moda|lity = US → hold", "(0008,0060), VR CS: text, VM 1"),
    ("on port 1 where Instit|ution = A → hold", "**Institution** (= InstitutionName): Institution Name"),
    ("on port 1 where (0010,|0010) = A → hold", "**PatientName**: Patient's Name"),
    ("on port 1 where Modality = U|S → hold", "ultrasound"),
    ("on port 1 where send|er = A → hold", "the AE title that the sender calls itself"),
    ("on port 1 where A = 1 → sto|re by PatientID", "store [in FOLDER] by LAYOUT"),
    ("on port 1 → store by Stud|yDate", "(0008,0020), VR DA: a date"),
    ("on port 1 → rev|iew", "review [first NUMBER of each device] [one of COUNT]"),
    ("on port 1 → pri|nt", "not built yet"),
    ("on port 1 → anony|mize", "anonymize [keep KEEP]"),
    ("on po|rt 1 → hold", "port PORT"),
    ('destination X = di|com "A@b:1"', "dicom ADDRESS"),
    ("on port 1 whre Modality=US → forw|ard", "forward DESTINATIONS"),
    ("on port 1 → hold on dupli|cate keep", "came before"),
    ("on port 1 → hold on duplicate re|place", "take the place"),
]


@pytest.mark.parametrize(("written", "said"), HOVERS)
def test_hover_says_what_a_word_means(written, said):
    text, at = written.replace("|", ""), written.index("|")
    steps = {**VOCABULARY.steps, "print": Signature.of("print", built=False)}  # one that is planned
    found = hover(text, at, rules=rules({"t": text}, "t"), vocabulary=replace(VOCABULARY, steps=steps))
    assert found is not None
    assert said in "\n".join(found.lines)
    assert found.span.column - 1 <= at <= found.span.end_column - 1


def test_hover_speaks_german():
    text = "on port 1 where StudyDate > today → hold"
    found = hover(text, 20, rules=rules({"t": text}, "t"), vocabulary=VOCABULARY, language="de")
    assert "ein Datum" in found.lines[1]


def test_hover_shows_the_manual_page_of_a_step():
    text = "on port 1 → hold"
    found = hover(text, 14, rules=rules({"t": text}, "t"), vocabulary=VOCABULARY, manuals={"hold": "Put it aside."})
    assert found.lines == ("```\nhold [WHY]\n```", "Put it aside.")


def test_hover_shows_a_name_where_it_is_declared():
    all_rules = rules()
    text = all_rules.sources["main.rules"]
    symbol = next(one for one in occurrences(all_rules, VOCABULARY) if one.name == "PACS" and not one.declares)
    found = hover(text, 0, rules=all_rules, vocabulary=VOCABULARY, symbol=symbol)
    assert found.lines == ('```\ndestination PACS = dicom "PACS@pacs:104"\n```', "sites.rules:1")


# --- names


def test_every_use_of_a_name_is_found_across_files():
    found = [
        (one.kind, one.name, one.declares, one.span.file, one.span.line) for one in occurrences(rules(), VOCABULARY)
    ]
    assert [one for one in found if one[1] == "PACS"] == [
        ("destination", "PACS", False, "main.rules", 6),
        ("destination", "PACS", False, "main.rules", 7),
        ("destination", "PACS", False, "main.rules", 8),
        ("destination", "PACS", True, "sites.rules", 1),
    ]
    uses = {
        kind: sum(one[0] == kind for one in found)
        for kind in ("contact", "condition", "listener", "regions", "steps", "route")
    }
    assert uses == {"contact": 3, "condition": 3, "listener": 3, "regions": 2, "steps": 2, "route": 1}


def test_a_name_in_a_statement_that_cannot_be_read_counts_too():
    files = dict(HOUSE)
    files["main.rules"] += "on port 11115 wher child → forward PACS → mail admin, admin → set\n"
    broken = occurrences(rules(files), VOCABULARY)
    assert {one.name for one in broken if one.span.line == 9} == {"PACS", "admin"}


@pytest.mark.parametrize("name", ["PACS", "admin", "child", "sono", "banner", "clean"])
def test_a_rename_changes_the_name_and_nothing_else(name):
    all_rules = rules()
    found = occurrences(all_rules, VOCABULARY)
    symbol = next(one for one in found if one.name == name)
    edits = rename(found, symbol, "Köln-2", all_rules.sources)
    files = {
        file: apply(text, tuple(edit for edit in edits if edit.span.file == file))
        for file, text in all_rules.sources.items()
    }
    before = compile_text(HOUSE["main.rules"], name="main.rules", vocabulary=VOCABULARY, read=HOUSE.__getitem__)
    after = compile_text(files["main.rules"], name="main.rules", vocabulary=VOCABULARY, read=files.__getitem__)
    assert refuse(all_rules, VOCABULARY, symbol, "Köln-2") is None
    assert before.program is not None
    assert after.program is not None
    ours = {key: value for key, value in after.program.to_json().items() if key != "digest"}
    back = _named(ours, "Köln-2", name, text="PACS")
    assert back == _named({k: v for k, v in before.program.to_json().items() if k != "digest"}, name, name, text="PACS")


def _named(value, old, new, text):
    """The JSON with a name changed; digests that stand in for route names are left out."""
    if isinstance(value, dict):
        return {
            _word(k, old, new): _named(v, old, new, text) for k, v in value.items() if k != "name" or v in (old, new)
        }
    if isinstance(value, list):
        return [_named(item, old, new, text) for item in value]
    return _word(value, old, new) if isinstance(value, str) else value


def _word(word, old, new):
    return word.replace(old, new)


def test_a_route_is_renamed_within_its_quotes():
    all_rules = rules()
    found = occurrences(all_rules, VOCABULARY)
    symbol = next(one for one in found if one.kind == "route")
    (edit,) = rename(found, symbol, "day", all_rules.sources)
    assert edit.text == '"day"'


REFUSED = [
    ("PACS", "9", "does not fit as a name"),
    ("PACS", "a b", "does not fit as a name"),
    ("PACS", "hold", "already means something"),
    ("PACS", "where", "already means something"),
    ("admin", "subject", "already means something"),
    ("child", "Modality", "already means something"),
    ("child", "sender", "already means something"),
    ("sono", "port", "already means something"),
    ("clean", "store", "already means something"),
    ("night work", "a/b", "does not fit as the name of a route"),
]


@pytest.mark.parametrize(("name", "new", "why"), REFUSED)
def test_a_name_that_cannot_be_is_refused_in_words(name, new, why):
    all_rules = rules()
    symbol = next(one for one in occurrences(all_rules, VOCABULARY) if one.name == name)
    assert why in refuse(all_rules, VOCABULARY, symbol, new).title


def test_a_name_that_is_taken_is_refused():
    files = dict(HOUSE)
    files["sites.rules"] += 'destination OTHER = dicom "OTHER@pacs:104"\n'
    all_rules = rules(files)
    symbol = next(one for one in occurrences(all_rules, VOCABULARY) if one.name == "PACS")
    assert "declared twice" in refuse(all_rules, VOCABULARY, symbol, "OTHER").title


WORDS = sorted({word for path in FILES for word in path.read_text("utf-8").split()} | {"Sender", "sender", "tag", "no"})


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_rename_that_is_not_refused_breaks_nothing(data):
    """Whatever word of the language is taken for a name."""
    all_rules = rules()
    found = occurrences(all_rules, VOCABULARY)
    symbol = data.draw(st.sampled_from(found))
    new = data.draw(st.sampled_from([*VOCABULARY.steps, *VOCABULARY.sources, *scan.RESERVED, *WORDS]))
    if refuse(all_rules, VOCABULARY, symbol, new) is not None:
        return
    edits = rename(found, symbol, new, all_rules.sources)
    files = {
        file: apply(text, tuple(edit for edit in edits if edit.span.file == file))
        for file, text in all_rules.sources.items()
    }
    after = compile_text(files["main.rules"], name="main.rules", vocabulary=VOCABULARY, read=files.__getitem__)
    assert after.program is not None, (symbol, new, after.findings)


# --- mends

MENDS = [
    ("on port 11112 where Modalty = US → hold", "on port 11112 where Modality = US → hold"),
    ("on port 11112 → stoer by PatientID", "on port 11112 → store by PatientID"),
    ("on port 11112 wher Modality = US → hold", "on port 11112 where Modality = US → hold"),
    ("on port 11112 → store by PatientID hold", "on port 11112 → store by PatientID → hold"),
    ("on port 11112 where Modality == US → hold", "on port 11112 where Modality = US → hold"),
    ("on port 11112 → store PatientID", "on port 11112 → store by PatientID"),
    ("on port 11112 where PatientAge < 18 → hold", "on port 11112 where PatientAge < 18 years → hold"),
    ("on port 11112 where StudyDate > 30 days → hold", "on port 11112 where StudyDate > today - 30 days → hold"),
    ('on port 11112 → hold "why', 'on port 11112 → hold "why"'),
    ("version 7\non port 11112 → hold", "version 1\non port 11112 → hold"),
]


@pytest.mark.parametrize(("wrong", "right"), MENDS)
def test_a_mend_types_what_the_help_says(wrong, right):
    result = compile_text(wrong, name="t", vocabulary=VOCABULARY, read=missing)
    ways = [way for finding in result.findings for way in mends(finding, wrong)]
    assert apply(wrong, (ways[0].edit,)) == right


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_every_mend_of_a_golden_case_does_away_with_its_finding(path):
    text = plain(path.read_text("utf-8").partition("----\n")[0].partition("==== ")[0])
    before = compile_text(text, name="t", vocabulary=VOCABULARY, read=missing)
    for finding in before.findings:
        if finding.span.file != "t":
            continue
        for language in ("en", "de"):
            assert all(way.title for way in mends(finding, text, language))
        for way in mends(finding, text):
            mended = apply(text, (way.edit,))
            after = compile_text(mended, name="t", vocabulary=VOCABULARY, read=missing)
            left = [one for one in after.findings if (one.message, one.words) == (finding.message, finding.words)]
            were = [one for one in before.findings if (one.message, one.words) == (finding.message, finding.words)]
            assert len(left) < len(were), (way.title, mended)


# --- whatever is typed


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TEXTS), st.data())
def test_an_editor_may_ask_at_any_place_of_any_text(text, data):
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(text)))
        end = min(len(text), at + data.draw(st.integers(0, 15)))
        text = (
            text[:at]
            + data.draw(st.sampled_from(["", '"', "→ ", "(", "where ", "\ud800", "ä", "/", "test ", ","]))
            + text[end:]
        )
    text = plain(text)
    found, _ = resolve({"t": text}, missing, frozenset(VOCABULARY.steps))
    names = occurrences(found, VOCABULARY)
    for name in names:
        assert same(names, name)
        assert rename(names, name, "NEW", found.sources)
        refuse(found, VOCABULARY, name, data.draw(st.text(max_size=5)))
    for _ in range(5):
        offset = data.draw(st.integers(0, len(text)))
        offers = complete(text, offset, rules=found, vocabulary=VOCABULARY)
        assert offers.span.column <= offers.span.end_column
        line = text.count("\n", 0, offset) + 1
        symbol = symbol_at(names, "t", line, offset - (text.rfind("\n", 0, offset) + 1) + 1)
        hover(text, offset, rules=found, vocabulary=VOCABULARY, symbol=symbol)
    result = compile_files(["t"], vocabulary=VOCABULARY, read=lambda name: text if name == "t" else missing(name))
    for finding in result.findings:
        if finding.span.file in result.sources:
            mends(finding, result.sources[posixpath.normpath(finding.span.file)])
