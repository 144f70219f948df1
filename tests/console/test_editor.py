"""The editor of rules and the view of differences, with an engine that is played by the test."""

import re

from playwright.sync_api import Page, expect

from tests.console.browser import axe, shoot, too_wide
from tests.console.modules import Modules

TEXT = """# What becomes of every image
destination PACS_A = dicom "PACS_A@192.168.10.5:104"
condition small = PatientAge < 18 years

route received
  on port 26131 where Modality = US and SeriesDescription matches /abdo.*/
  → anonymize-pixels → store by Institution/PatientName → forward PACS_A
"""

EDITOR = """
import { editor } from "/static/editor.js";
window.asked = [];
const at = (text, word) => [...text.slice(0, text.indexOf(word))].length;
window.made = editor(place, {
  text: %s,
  label: "Rule file",
  check: async (text) => {
    if (text.includes("unreachable")) throw new Error("no connection");
    if (!text.includes("Modalty")) return [];
    const from = at(text, "Modalty");
    return [{ from, to: from + 7, severity: "error", code: "E101", title: "no DICOM tag is called <b>Modalty</b>",
              label: "not in the dictionary", help: "did you mean `Modality`?",
              fixes: [{ label: "Modality", edits: [{ from, to: from + 7, text: "Modality" }] }] }];
  },
  complete: async (text, offset) => {
    asked.push(["complete", offset]);
    const word = /[\\p{L}-]*$/u.exec([...text].slice(0, offset).join(""))[0];
    return { from: offset - word.length, to: offset, all: true, words: [
      { text: "anonymize", detail: "header", rank: 2 }, { text: "anonymize-pixels", detail: "pixels", rank: 1 },
      { text: "store", detail: "", rank: 3 }] };
  },
  hover: async (text, offset) => {
    asked.push(["hover", offset]);
    const from = at(text, "Modality");
    return from <= offset && offset <= from + 8
      ? { from, to: from + 8, lines: ["**Modality**: what <made> it", "(0008,0060), VR CS"] } : null;
  },
  changed: (text) => { window.last = text; },
});
"""


def opened(modules: Modules, text: str = TEXT, **how: object) -> Page:
    return modules(EDITOR % repr(text.replace("→", "\\u2192")).replace("\\\\u", "\\u"), **how)


def test_a_text_is_shown_in_its_colours_and_is_accessible(modules: Modules) -> None:
    page = opened(modules)
    box = page.get_by_role("textbox", name="Rule file")
    expect(box).to_contain_text("anonymize-pixels")
    expect(page.get_by_role("status")).to_have_text("No findings")
    colours = {
        word: page.locator(".cm-line span", has_text=re.compile(f"^{word}$")).first.evaluate(
            "one => getComputedStyle(one).color"
        )
        for word in ("where", "Modality", "anonymize-pixels", "26131")
    }
    assert len(set(colours.values())) == 4
    axe(page)
    shoot(page, "editor")


def test_dark_is_dark_and_accessible(modules: Modules) -> None:
    page = opened(modules, dark=True)
    expect(page.get_by_role("status")).to_have_text("No findings")
    axe(page)


def test_findings_come_while_typing_and_are_mended(modules: Modules) -> None:
    page = opened(modules, 'contact x = "😀@b" on port 1 where Modalty = US')
    expect(page.get_by_role("status")).to_have_text("Errors: 1, warnings: 0")
    expect(page.locator(".cm-lintRange-error")).to_have_text("Modalty")
    page.get_by_role("textbox").focus()
    page.keyboard.press("F8")
    finding = page.locator(".cm-diagnostic")
    expect(finding).to_contain_text("no DICOM tag is called <b>Modalty</b>")
    axe(page)
    finding.get_by_role("button", name="Modality").click()
    expect(page.get_by_role("status")).to_have_text("No findings")
    assert page.evaluate("made.text") == 'contact x = "😀@b" on port 1 where Modality = US'
    assert page.evaluate("window.last") == page.evaluate("made.text")


def test_without_an_answer_nothing_is_called_clean(modules: Modules) -> None:
    page = opened(modules, "unreachable")
    expect(page.get_by_role("status")).to_have_text("Not checked: no connection")


def test_what_fits_is_offered_and_taken_with_keys(modules: Modules) -> None:
    page = opened(modules, "# 😀\non port 1 → ")
    page.get_by_role("textbox").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("an")
    options = page.get_by_role("option")
    expect(options).to_have_count(2)
    expect(options.first).to_contain_text("anonymize-pixels")
    assert ["complete", len("# 😀\non port 1 → an")] in page.evaluate("asked")
    page.wait_for_timeout(150)  # CodeMirror takes no key for an answer that has only just appeared
    page.keyboard.press("Tab")
    assert page.evaluate("made.text").endswith("→ anonymize-pixels")


def test_a_word_is_explained_under_the_mouse_and_by_key(modules: Modules) -> None:
    page = opened(modules)
    page.locator(".cm-line span", has_text=re.compile("^Modality$")).hover()
    expect(page.locator(".about")).to_contain_text("Modality: what <made> it")
    page.mouse.move(0, 0)
    expect(page.locator(".about")).to_have_count(0)
    page.evaluate("made.go([...made.text].join('').indexOf('Modality') + 2)")
    page.keyboard.press("F1")
    expect(page.locator(".about")).to_contain_text("VR CS")
    expect(page.locator(".cm-announced")).to_contain_text("VR CS")
    page.keyboard.press("Escape")
    expect(page.locator(".about")).to_have_count(0)


def test_tab_indents_and_after_escape_it_leaves(modules: Modules) -> None:
    page = opened(modules, "on port 1")
    page.get_by_role("textbox").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("made.text") == "  on port 1"
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="After it")).to_be_focused()
    assert page.evaluate("made.text") == "  on port 1"


def test_read_only_is_not_changed(modules: Modules) -> None:
    page = modules(
        'import { editor } from "/static/editor.js"; window.made = editor(place, { text: "abc", readOnly: true });'
    )
    page.get_by_role("textbox", name="Rules").focus()
    page.keyboard.type("x")
    assert page.evaluate("made.text") == "abc"
    axe(page)


def test_it_speaks_german(modules: Modules) -> None:
    page = opened(modules, "on port 1 where Modalty = US", language="de")
    expect(page.get_by_role("status")).to_have_text("Fehler: 1, Warnungen: 0")
    page.get_by_role("textbox").focus()
    page.keyboard.press("Control+F")
    expect(page.get_by_role("button", name="nächstes")).to_be_visible()
    axe(page)


DIFFERENCE = """
import { difference } from "/static/editor.js";
const lines = Array.from({ length: 30 }, (_, at) => `# line ${at}`);
window.made = difference(place, { before: lines.join("\\n"), after: lines.with(20, "on port 1").join("\\n"),
                                  labels: { before: "12:04", after: "Now" } });
"""


def test_a_difference_is_shown_side_by_side(modules: Modules) -> None:
    page = modules(DIFFERENCE)
    old, new = page.get_by_role("textbox", name="12:04"), page.get_by_role("textbox", name="Now")
    expect(old.locator(".cm-changedLine")).to_have_text("# line 20")
    expect(new.locator(".cm-changedLine")).to_have_text("on port 1")
    expect(page.get_by_text("unchanged lines").first).to_be_visible()
    axe(page)


def test_a_difference_follows_the_width_of_the_window(modules: Modules) -> None:
    page = modules(DIFFERENCE)
    expect(page.get_by_role("textbox")).to_have_count(2)
    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.get_by_role("textbox")).to_have_count(1)
    expect(page.locator(".cm-deletedChunk")).to_contain_text("# line 20")
    assert too_wide(page) <= 0
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_role("textbox", name="12:04").locator(".cm-changedLine")).to_have_text("# line 20")


def test_on_a_narrow_screen_one_below_the_other(modules: Modules) -> None:
    page = modules(DIFFERENCE, width=390)
    expect(page.get_by_role("textbox")).to_have_count(1)
    expect(page.locator(".cm-deletedChunk")).to_contain_text("# line 20")
    axe(page)
    shoot(page, "difference")
