"""Questions before what cannot be taken back."""

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import axe, shoot
from tests.console.modules import Modules

ASK = """
import { confirm } from "/static/dialog.js";
window.answers = [];
const open = document.createElement("button");
open.textContent = "Open";
place.append(open);
open.onclick = () => confirm({ title: "Delete <b>3</b> images?", text: "They cannot be brought back.", yes: "Delete",
                               danger: true, %s }).then((answer) => answers.push(answer));
"""


def asked(modules: Modules, more: str = "", **how: object) -> Page:
    page = modules(ASK % more, **how)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("dialog", name="Delete <b>3</b> images?")).to_be_visible()
    return page


def test_the_safe_answer_has_the_focus(modules: Modules) -> None:
    page = asked(modules)
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    axe(page)
    shoot(page, "dialog")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate("answers") == [False]
    expect(page.get_by_role("button", name="Open")).to_be_focused()


@pytest.mark.parametrize(("key", "answer"), [("Escape", False), ("Delete", True)])
def test_escape_is_no_and_the_verb_is_yes(modules: Modules, key: str, answer: bool) -> None:
    page = asked(modules)
    page.keyboard.press("Escape") if key == "Escape" else page.get_by_role("button", name=key).click()
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate("answers") == [answer]


def test_a_reason_is_asked_for_and_needed(modules: Modules) -> None:
    page = asked(modules, 'ask: { label: "Why?", required: true },', language="de")
    expect(page.get_by_label("Why?")).to_be_focused()
    page.keyboard.type("  ")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type("twice taken ")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate("answers") == ["twice taken"]


FORM = """
import { asking } from "/static/dialog.js";
import { make } from "/static/dom.js";
window.sent = [];
const asks = { "data-confirm": "Really?", "data-confirm-text": "It is gone then." };
const form = make("form", %s,
  make("button", { name: "what", value: "remove", class: "danger", %s }, " Remove "),
  make("button", { name: "what", value: "keep" }, "Keep"));
place.append(form);
asking(place);
document.body.addEventListener("submit", (event) => {
  if (event.target !== form || event.defaultPrevented) return;
  event.preventDefault();
  sent.push(event.submitter.value);
});
"""


def test_a_button_asks_before_its_form_is_sent_each_time(modules: Modules) -> None:
    page = modules(FORM % ("{}", "...asks"))
    for sure in (False, True, True):
        page.get_by_role("button", name="Remove").click()
        dialog = page.get_by_role("dialog", name="Really?")
        expect(dialog).to_contain_text("It is gone then.")
        dialog.get_by_role("button", name="Remove" if sure else "Cancel").click()
        expect(page.locator("dialog")).to_have_count(0)
    page.get_by_role("button", name="Keep").click()
    page.wait_for_function("() => sent.length === 3")
    assert page.evaluate("sent") == ["remove", "remove", "keep"]


def test_a_form_asks_for_all_its_buttons(modules: Modules) -> None:
    page = modules(FORM % ("asks", ""))
    page.get_by_role("button", name="Keep").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep").click()
    page.wait_for_function("() => sent.length === 1")
    assert page.evaluate("sent") == ["keep"]
