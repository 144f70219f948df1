"""A rule is changed with the keyboard alone, and a route by its form; with a real appliance, in a browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from appliance.console.roles import Role
from tests.console.browser import OpenPage, Troubles, axe, shoot, too_wide
from tests.console.keyboard import MOST, Keys, down_to
from tests.console.ruled import Ruled, ruled
from tests.console.serving import Browser
from tests.console.visiting import visit


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    with ruled(tmp_path_factory.mktemp("typed")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(both: Ruled) -> Browser:
    return both.user(Role.ADMIN)


ROUTE = """# kept
route us on port 104
  where Modality = US  # the ward
  and (Rows = 1 or Rows = 2)
  → store
  → hold "x"
"""


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until the focus is there; over the text and the drawing, which show it around what has it."""
    for _ in range(MOST):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def test_a_rule_is_changed_with_the_keyboard_alone(both: Ruled, admin: Browser, open_page: OpenPage) -> None:
    before = both.text
    page = visit(open_page, admin, "/")
    keys = Keys(page)
    keys.to("Rules")
    keys.press()
    page.wait_for_url("**/rules")
    expect(page.locator(".graph svg")).to_be_visible(timeout=20_000)
    keys.content("Skip to the content")
    tab_to(page, "#editor *")
    ring = page.locator(".cm-editor.cm-focused").first.evaluate("one => getComputedStyle(one).outlineWidth")
    assert float(ring.removesuffix("px")) >= 2
    down_to(page, "where Modality = US")
    keys.press("End")
    page.keyboard.type(" and Rows is missing")
    keys.press("Escape")  # what is offered to complete
    keys.press("Escape")
    tab_to(page, "#preview")
    assert keys.at() == "What would change?"
    keys.press()
    expect(page.locator("#result")).to_contain_text("would fare otherwise", timeout=20_000)
    keys.to("Why you change it .*")
    page.keyboard.type("by keyboard")
    keys.to("Activate")
    keys.press()
    keys.lands("dialog")
    keys.to("Activate")
    keys.press()
    expect(page.locator("#result")).to_contain_text(re.compile(r"Version \d+ runs\."), timeout=30_000)
    expect(page.locator("#graph-note")).to_contain_text("These rules run")
    assert "and Rows is missing" in both.text
    assert both.text != before


@pytest.mark.parametrize(("language", "width"), [("de", 1280), ("en", 390)])
def test_a_route_is_read_into_a_form_and_written_from_it(
    both: Ruled, admin: Browser, open_page: OpenPage, troubles: Troubles, language: str, width: int
) -> None:
    troubles.allow(r"422 .*rules/forms/write")
    words = {
        "de": ("Eine Route mit einem Formular ändern", "Noch eine Bedingung", "Noch ein Schritt", "neu geschrieben"),
        "en": ("Change a route by a form", "Another condition", "Another step", "written anew"),
    }[language]
    button = {"de": "In den Text schreiben", "en": "Write it into the text"}[language]
    on_disk = both.text
    page = visit(open_page, admin, "/rules", language=language, width=width)
    content = page.locator(".cm-content").first
    content.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(ROUTE)
    page.get_by_text(words[0]).click()
    form = page.locator("#route-edit")
    expect(form.locator("#route-edit-name")).to_have_value("us")
    expect(form.locator("textarea")).to_have_value("(Rows = 1 or Rows = 2)")
    axe(page)
    form.get_by_role("button", name=words[1]).press("Enter")
    page.keyboard.type("InstitutionName")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Praxis Nord")
    form.get_by_role("button", name=words[2]).first.press("Enter")
    page.keyboard.type("mail")
    page.keyboard.press("Tab")
    page.keyboard.type("admin")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # further up
    assert too_wide(page) <= 0
    shoot(page, f"route-form-{language}")
    form.get_by_role("button", name=button).press("Enter")
    expect(page.locator("#result")).to_contain_text(words[3])
    said = [line.strip() for line in content.inner_text().splitlines() if line.strip()]
    assert said == [
        "version 1",
        "# kept",
        "route us",
        "on port 104 where Modality = US  # the ward",
        "and (Rows = 1 or Rows = 2)",
        'and InstitutionName = "Praxis Nord"',
        "→ store",
        "→ mail admin",
        '→ hold "x"',
    ]
    # A condition with a comment is not taken away in silence.
    form.get_by_role("button", name={"de": "Entfernen", "en": "Remove"}[language]).first.click()
    form.get_by_role("button", name=button).click()
    expect(page.locator("#result")).to_contain_text("the ward")
    assert "# the ward" in content.inner_text()
    assert both.text == on_disk
