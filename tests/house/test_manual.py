"""The made pages: one for each step and each finding, none stale, and what they show is so."""

import pytest

from dsl.codes import CODES
from tests.house.tree import ROOT
from tests.manual.findings import PAGES
from tests.manual.pages import DESCRIBED, MADE, compiled, example_rules, examples, judged, pages

MAKE = "make docs"


def test_every_page_is_as_it_would_be_made_now() -> None:
    made = {ROOT / "docs" / path: text for path, text in pages().items()}
    stale = [path.name for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    extra = [
        path.name
        for path in (ROOT / "docs").rglob("*.md")
        if path not in made and path.read_text("utf-8").startswith(MADE)
    ]
    assert not stale + extra, f"run {MAKE}"


def test_every_code_has_a_page_and_no_page_is_for_another() -> None:
    assert set(PAGES) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_what_a_page_says_to_avoid_has_the_finding_and_what_it_prefers_has_none(code: str) -> None:
    page = PAGES[code]
    assert code in {one.code for one in judged(page, page.avoid).findings}
    assert not judged(page, page.prefer).findings


@pytest.mark.parametrize("code", CODES)
def test_what_a_page_says_to_avoid_has_that_one_mistake(code: str) -> None:
    errors = {one.code for one in judged(PAGES[code], PAGES[code].avoid).findings if one.is_error}
    beside = {"E402": {"E401"}}.get(code, set())  # what leaves with its text mostly leaves with its names
    assert errors - beside <= {code}


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_example_of_a_step_compiles_and_uses_it(name: str) -> None:
    assert examples(DESCRIBED[name])
    for line in examples(DESCRIBED[name]):
        assert f"→ {name}" in line
        assert not [one for one in compiled(example_rules(line)).findings if one.is_error]
