"""The pages of the rules and Try in a browser: their main tasks in both languages, by keyboard, accessible, narrow."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from appliance.console.roles import Role
from tests.console.browser import OpenPage, axe, shoot, too_wide
from tests.console.ruled import Ruled, ruled
from tests.console.serving import Browser
from tests.console.visiting import visit


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    with ruled(tmp_path_factory.mktemp("seen")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(both: Ruled) -> Browser:
    return both.user(Role.ADMIN)


WORDS = {
    "de": {
        "preview": "Was würde sich ändern?",
        "would": "würden 2 anders behandelt",
        "lost": "Senden an PACS",
        "why": "Warum Sie es ändern",
        "activate": "Aktivieren",
        "runs": re.compile(r"Fassung \d+ läuft\."),
        "tests": "Tests ausführen",
        "passed": "1 von 1 Tests bestanden.",
        "back": "Zu dieser Fassung zurückkehren",
    },
    "en": {
        "preview": "What would change?",
        "would": "2 would fare otherwise",
        "lost": "Send to PACS",
        "why": "Why you change it",
        "activate": "Activate",
        "runs": re.compile(r"Version \d+ runs\."),
        "tests": "Run the tests",
        "passed": "1 of 1 tests passed.",
        "back": "Go back to this version",
    },
}


def write(page: Page, text: str) -> None:
    """Another text into the editor, as a person would: all of it is chosen and typed over."""
    content = page.locator(".cm-content").first
    content.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_rule_is_changed_compared_activated_and_taken_back(
    both: Ruled, admin: Browser, open_page: OpenPage, language: str
) -> None:
    said, before = WORDS[language], both.text
    page = visit(open_page, admin, "/rules", language=language)
    expect(page.locator(".graph svg")).to_be_visible()
    axe(page)
    shoot(page, f"rules-{language}")
    page.get_by_role("button", name=said["tests"]).click()
    expect(page.locator("#result")).to_contain_text(said["passed"])
    shoot(page, f"rules-tests-{language}")
    page.get_by_role("button", name=said["activate"]).is_disabled()
    changed = before.replace("  → forward PACS\n", "").partition("test ")[0]
    write(page, changed)
    expect(page.locator("#changed")).to_be_visible()
    page.get_by_role("button", name=said["preview"]).click()
    expect(page.locator("#result")).to_contain_text(said["would"])
    expect(page.locator("#result")).to_contain_text(said["lost"])
    axe(page)
    shoot(page, f"rules-preview-{language}")
    page.get_by_label(said["why"]).fill("nothing goes out <script>alert(3)</script>")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("button", name=said["activate"]).press("Enter")
    expect(page.locator("#result")).to_contain_text(said["runs"], timeout=30_000)
    assert "forward PACS" not in both.text
    expect(page.locator("table").last).to_contain_text("<script>alert(3)</script>")
    page.locator("table").last.get_by_role("row").nth(2).get_by_role("link").click()
    expect(page.locator(".difference")).to_be_visible()
    axe(page)
    shoot(page, f"version-{language}")
    page.get_by_role("button", name=said["back"]).click()
    page.get_by_role("dialog").get_by_role("button", name=said["back"]).click()
    page.wait_for_url("**/rules")
    expect(page.locator(".notice.good")).to_contain_text(said["runs"])
    assert both.text == before


def test_what_is_wrong_is_shown_as_it_is_typed_and_is_not_activated(
    both: Ruled, admin: Browser, open_page: OpenPage
) -> None:
    page = visit(open_page, admin, "/rules", language="de")
    write(page, both.text.replace("Modality = US and", "Modalty = US and"))
    expect(page.locator(".editor")).to_have_attribute("data-state", "findings")
    expect(page.locator(".cm-lintRange-error").first).to_be_visible()
    page.locator("#activate-now").click()
    page.get_by_role("dialog").get_by_role("button", name="Aktivieren").click()
    expect(page.locator("#result")).to_contain_text("Diese Regeln haben Fehler")
    shoot(page, "rules-errors")
    page.locator("#result .found button").first.click()
    expect(page.locator(".cm-activeLine")).to_contain_text("Modalty")
    assert "Modalty" not in both.text


def test_an_edge_tells_which_images_went_there(admin: Browser, open_page: OpenPage) -> None:
    page = visit(open_page, admin, "/rules")
    edge = page.locator("g.graph-edge", has_text="2").last
    edge.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#objects a")).to_have_count(2)
    shoot(page, "rules-edge")
    page.locator("#objects a").first.click()
    expect(page.locator("#outcome")).to_contain_text("Taken by: ultrasound")
    axe(page)
    shoot(page, "try-object")


def test_a_route_is_added_by_the_form_as_text(both: Ruled, admin: Browser, open_page: OpenPage) -> None:
    page = visit(open_page, admin, "/rules", language="de", width=390)
    page.get_by_text("Eine Route mit einem Formular anlegen").click()
    page.get_by_label("Name der Route").fill("ct")
    page.get_by_label("Merkmal").first.fill("Modality")
    page.get_by_label("Wert").first.fill("CT")
    page.get_by_label("Senden an PACS").check()
    axe(page)
    shoot(page, "rules-form")
    assert too_wide(page) <= 0
    page.get_by_role("button", name="In den Text schreiben").click()
    expect(page.locator("#result")).to_contain_text("Die Route steht nun am Ende")
    text = page.locator(".cm-content").first.inner_text()
    assert "route ct" in text
    assert "forward PACS" in text[text.index("route ct") :]
    assert "route ct" not in both.text


def test_viewers_read_and_change_nothing(both: Ruled, open_page: OpenPage) -> None:
    page = visit(open_page, both.user(Role.VIEWER), "/rules", language="de")
    expect(page.locator(".cm-content").first).to_contain_text("ultrasound")
    page.locator(".cm-content").first.click()
    page.keyboard.type("x")
    expect(page.locator("#changed")).to_be_hidden()
    assert page.locator("#activate, #preview").count() == 0
    axe(page)


@pytest.mark.parametrize("language", ["de", "en"])
def test_a_file_is_tried(both: Ruled, open_page: OpenPage, language: str) -> None:
    page = visit(open_page, both.user(Role.VIEWER), "/try", language=language)
    axe(page)
    shoot(page, f"try-{language}")
    page.locator("#try-file").set_input_files(both.images["xa"])
    page.locator("#try button").click()
    almost = {
        "de": "Es fehlt nur dies: Modality = US (es ist XA)",
        "en": "It is only for want of this: Modality = US (it is XA)",
    }
    expect(page.locator("#outcome")).to_contain_text(almost[language])
    axe(page)
    shoot(page, f"try-almost-{language}")
    page.locator("#outcome a").first.click()
    expect(page.locator(".cm-activeLine").first).to_contain_text("route ultrasound")


def test_before_anything_came(tmp_path_factory: pytest.TempPathFactory, open_page: OpenPage) -> None:
    with ruled(tmp_path_factory.mktemp("empty"), images=False) as fresh:
        who = fresh.user(Role.ADMIN)
        for path in ("/rules", "/try"):
            page = visit(open_page, who, path, language="de")
            page.wait_for_load_state("networkidle") if path == "/try" else expect(
                page.locator(".graph svg")
            ).to_be_visible()
            axe(page)
            shoot(page, f"{path[1:]}-empty")
            page.close()


def test_rule_files_of_this_computer_become_a_version(both: Ruled, admin: Browser, open_page: OpenPage) -> None:
    page, before = visit(open_page, admin, "/rules", language="de"), both.text
    more = b'\xef\xbb\xbfversion 1\n\ncontact other = "a@b.example"\n'
    files = [("more.rules", more), ("wrong.rules", "# Prüfung\n".encode("cp1252"))]
    chosen = [{"name": name, "mimeType": "text/plain", "buffer": text} for name, text in files]
    with page.expect_file_chooser() as asked:
        page.get_by_role("button", name="Dateien laden").press("Enter")
    asked.value.set_files(chosen)  # type: ignore[arg-type]
    expect(page.locator("#result")).to_contain_text("wrong.rules ist nicht UTF-8")
    expect(page.locator("#changed")).to_be_hidden()
    page.locator("#local-files").set_input_files(chosen[:1])  # type: ignore[arg-type]
    expect(page.locator("#result")).to_contain_text("Geladen: more.rules.")
    expect(page.locator("#file")).to_have_value("more.rules")
    axe(page)
    page.locator("#activate-now").click()
    page.get_by_role("dialog").get_by_role("button", name="Aktivieren").click()
    expect(page.locator("#result")).to_contain_text(re.compile(r"Fassung \d+ läuft\."), timeout=30_000)
    assert both.text == before
    assert (both.line.rules_file.with_name("more.rules")).read_text() == more.decode("utf-8-sig")
    (both.line.rules_file.with_name("more.rules")).unlink()
