"""The editor with the language's own engine behind it: what is asked in the browser is what dsl answers."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from appliance.editor.answers import Answers
from engine.vocabulary import vocabulary
from tests.console.browser import axe
from tests.console.modules import Modules

TEXT = """# 😀 Where a German umlaut stands, and an emoji: äöü
destination PACS_A = dicom "PACS_A@192.168.10.5:104"
route us
  on port 26131 where Modalty = US → store by Institution/PatientName → forward PACS_A
"""
MANUALS = {"store": "Keeps a copy."}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder of one rule file, as the appliance has it."""
    (tmp_path / "house.rules").write_text(TEXT, "utf-8")
    return tmp_path / "house.rules"


@pytest.fixture
def answers(rules: Path) -> Answers:
    return Answers(vocabulary(), rules, MANUALS)


def test_a_finding_is_where_python_counts_it_and_brings_its_mend(answers: Answers, rules: Path) -> None:
    (found,) = [one for one in answers.findings(str(rules), TEXT) if one["severity"] == "error"]
    assert TEXT[found["from"] : found["to"]] == "Modalty"
    assert found["code"] == "E101"
    (edit,) = found["fixes"][0]["edits"]
    mended = TEXT[: edit["from"]] + edit["text"] + TEXT[edit["to"] :]
    assert not [one for one in answers.findings(str(rules), mended) if one["severity"] == "error"]
    assert answers.findings(str(rules), TEXT, "de")[0]["title"] != found["title"]


def test_what_is_wrong_in_an_included_file_is_told_with_its_place(answers: Answers, rules: Path) -> None:
    (rules.parent / "more.rules").write_text("\non port 26132 → forward NOWHERE\n", "utf-8")
    found = answers.findings(str(rules), TEXT.replace("Modalty", "Modality") + 'include "more.rules"\n')
    assert [one["title"].partition(": ")[0] for one in found if one["severity"] == "error"] == ["more.rules:2"]
    assert json.loads(json.dumps(found)) == found


def test_words_are_offered_in_the_place_of_what_is_typed(answers: Answers, rules: Path) -> None:
    typed = TEXT + "on port 26132 → forward PA"
    found = answers.completion(str(rules), typed, len(typed))
    assert typed[found["from"] : found["to"]] == "PA"
    assert "PACS_A" in [one["text"] for one in found["words"]]


def test_words_are_explained(answers: Answers, rules: Path) -> None:
    def said(word: str) -> dict[str, Any] | None:
        return answers.explanation(str(rules), TEXT, TEXT.index(word) + 1)

    step, name, tag = said("store"), said("PACS_A\n"), said("PatientName")
    assert TEXT[step["from"] : step["to"]] == "store"
    assert "Keeps a copy." in "\n".join(step["lines"])
    assert "192.168.10.5" in "\n".join(name["lines"])
    assert "(0010,0010)" in "\n".join(tag["lines"])
    assert said("emoji") is None


def test_the_browser_shows_what_the_engine_says(modules: Modules, answers: Answers, rules: Path) -> None:
    page = modules("")

    def ask(what: str, text: str, offset: int) -> object:
        if what == "check":
            return answers.findings(str(rules), text)
        return getattr(answers, what)(str(rules), text, offset)

    page.expose_function("ask", ask)
    page.evaluate(
        """async (text) => {
          const { editor } = await import("/static/editor.js");
          window.made = editor(document.getElementById("place"), {
            text, check: (now) => ask("check", now, 0), hover: (now, at) => ask("explanation", now, at),
            complete: (now, at) => ask("completion", now, at) });
        }""",
        TEXT,
    )
    expect(page.locator(".cm-lintRange-error")).to_have_text("Modalty")
    page.get_by_role("textbox").focus()
    page.keyboard.press("F8")
    page.locator(".cm-diagnostic").get_by_role("button", name="Modality").click()
    expect(page.locator(".cm-lintRange-error")).to_have_count(0)
    page.get_by_role("textbox").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("on port 26132 where PatientAg")
    expect(page.get_by_role("option").first).to_contain_text("PatientAge")
    axe(page)
    page.wait_for_timeout(150)  # CodeMirror takes no key for an answer that has only just appeared
    page.keyboard.press("Enter")
    page.keyboard.type(" < 18 years -")
    expect(page.get_by_role("option").first).to_contain_text("→")
    page.wait_for_timeout(150)
    page.keyboard.press("Enter")
    page.keyboard.type(" hold ")
    page.wait_for_timeout(300)
    expect(page.get_by_role("option")).to_have_count(0)  # Enter ends the line here
    assert (
        page.evaluate("made.text")
        == TEXT.replace("Modalty", "Modality") + "on port 26132 where PatientAge < 18 years → hold "
    )
    page.evaluate("made.go([...made.text].join('').indexOf('PatientName') - 1)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("F1")
    expect(page.locator(".about")).to_contain_text("(0010,0010)")
