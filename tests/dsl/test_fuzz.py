"""Whatever is typed: findings, never a traceback."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsl import render
from dsl.compile import compile_text
from engine.program import Program
from engine.vocabulary import vocabulary
from tests.dsl.fuzzing import CASES, FILES, SETTINGS
from tests.dsl.layouts import holds

WORDS = re.split(
    " +",
    "on port where and or not in contains starts with matches is present missing choose when otherwise end test given "
    "expect no regions for blank keep right bottom route steps condition contact destination listener schedule include "
    "version today - + = != < ( ) [ ] , . / → -> store by hold forward mail set to X PatientName Rows PatientAge "
    'StudyDate (0010,0010) (0029,"A",01) 1 11112 18 2026-01-01 08:00 1.2.3.4/8 -5 "text" " /a+/ failure dicom days ä # '
    "\n",
)
VOCABULARY = vocabulary()


def survives(text: str) -> None:
    def read(path: str) -> str:
        raise FileNotFoundError(path)

    result = compile_text(text, name="fuzz.rules", vocabulary=VOCABULARY, read=read)
    for language in ("en", "de"):
        render.render(result.findings, result.sources, language)
    lines = result.sources["fuzz.rules"].split("\n")
    for finding in result.findings:
        render.as_json(finding)
        assert 1 <= finding.span.line <= len(lines)
        assert 1 <= finding.span.column <= len(lines[finding.span.line - 1]) + 1
    assert (result.program is None) == any(finding.is_error for finding in result.findings)
    if result.program is not None:
        assert Program.from_json(result.program.to_json()).digest == result.program.digest
    holds(text)


@pytest.mark.fuzz
@SETTINGS
@given(st.text())
def test_any_text(text):
    survives(text)


@pytest.mark.fuzz
@SETTINGS
@given(st.binary())
def test_any_bytes(data):
    for errors in ("replace", "surrogateescape"):
        survives(data.decode("utf-8", errors))
    survives(data.decode("latin-1"))


@pytest.mark.fuzz
@SETTINGS
@given(st.lists(st.sampled_from(WORDS), max_size=40))
def test_any_words_of_the_language(words):
    survives(" ".join(words))


@pytest.mark.fuzz
@SETTINGS
@given(st.sampled_from(FILES + CASES), st.data())
def test_any_slip_in_a_rule_file(text, data):
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.sampled_from(["", *WORDS, "\x00", "\ud800", "\u202e"])) + text[end:]
    survives(text)


@pytest.mark.fuzz
@SETTINGS
@given(st.sampled_from(FILES + CASES), st.data())
def test_any_signs_swapped_lost_or_new(text, data):
    signs = list(text)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(0, len(signs) - 2)))
        what = data.draw(st.sampled_from(["lose", "new", "swap"]))
        if what == "lose":
            del signs[at : at + 1]
        elif what == "new":
            signs.insert(
                at, data.draw(st.one_of(st.sampled_from(' \n\t\r#"→()/.,-=0a\ufeff\x0b\u2028'), st.characters()))
            )
        else:
            signs[at : at + 2] = reversed(signs[at : at + 2])
    survives("".join(signs))


def test_very_long_and_very_deep_texts():
    survives("on port " + "9" * 10_000 + " → hold")
    survives("on port 11112 where " + "not " * 5_000 + "Modality = US → hold")
    survives("on port 11112 " + "→ choose when Modality = US " * 2_000 + "→ hold")
    survives("on port 11112 where " + " and ".join(["Modality = US"] * 3_000) + " → hold")
    survives("on port 11112 where StudyDate > today - 999999999 days or Rows = 1" + "0" * 5_000 + " → hold")
    survives("on port 11112 where A[" + "9" * 5_000 + "].B = 1 → hold")
    survives("→ " * 2_000)
    survives("on port 11112 wher x\n" * 500)


@pytest.mark.parametrize("number", [100, 130, 400, 3_000])
def test_names_that_lead_through_very_many_others(number):
    chain = "".join(f"steps s{n} = → s{n - 1}\n" for n in range(1, number))
    survives(f"steps s0 = → hold\n{chain}on port 11112 → s{number - 1}")
    chain = "".join(f"steps s{n} = → choose when Modality = US → s{n - 1} end\n" for n in range(1, number))
    survives(f"steps s0 = → hold\n{chain}on port 11112 → s{number - 1}")
    chain = "".join(f"condition c{n} = not c{n - 1}\n" for n in range(1, number))
    survives(f"condition c0 = Modality = US\n{chain}on port 11112 where c{number - 1} → hold")
