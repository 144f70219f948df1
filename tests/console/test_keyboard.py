"""The ways that people go every day, without a mouse: images are sent, and what is held is released."""

import pydicom
import pytest
from playwright.sync_api import expect

from appliance.console.roles import Role
from appliance.demonstration.images import test_images as images
from tests.console.browser import OpenPage
from tests.console.keyboard import Keys
from tests.console.living import Living
from tests.console.serving import Browser
from tests.console.visiting import visit

LANGUAGES = pytest.mark.parametrize("language", ["en", "de"])


@LANGUAGES
def test_images_are_chosen_looked_at_and_sent(
    living: Living, people: dict[Role, Browser], open_page: OpenPage, language: str
) -> None:
    words = {
        "en": ("Skip to the content", "Send", "Choose files", "PACS.*", "All sendings", "done"),
        "de": ("Zum Inhalt", "Senden", "Dateien auswählen", "PACS.*", "Alle Sendungen", "erledigt"),
    }[language]
    skip, send, choose, to, back, done = words
    [image, *_] = [one for one in images() if pydicom.dcmread(one, stop_before_pixels=True).get("Modality") == "CT"]
    file = living.copy(image)
    page = visit(open_page, people[Role.OPERATOR], "/account", language=language)
    # From the beginning: whether the browser asks us, and not a person, is arranged beside what it is told.
    page.on("filechooser", lambda chooser: chooser.set_files(file))
    keys = Keys(page)
    keys.to(send)  # a place in the navigation
    keys.press()
    page.wait_for_url("**/send")
    keys.content(skip)
    keys.to(choose)
    keys.press()
    page.wait_for_url("**/send/*")
    page.get_by_role("checkbox", name="PACS").wait_for()
    keys.content(skip)
    keys.to(to)
    keys.press("Space")
    expect(page.get_by_role("checkbox", name="PACS")).to_be_checked()
    keys.to(send)
    keys.press()
    expect(page.get_by_text(done, exact=True)).to_be_visible(timeout=30_000)
    keys.content(skip)
    keys.to(back)
    keys.press()
    page.wait_for_url("**/send")


@LANGUAGES
def test_what_is_held_is_chosen_and_released(people: dict[Role, Browser], open_page: OpenPage, language: str) -> None:
    words = {
        "en": ("Skip to the content", "no route takes it", "Release the chosen ones", "Cancel"),
        "de": ("Zum Inhalt", "Keine Regel nimmt es an.", "Ausgewählte freigeben", "Abbrechen"),
    }[language]
    skip, reason, release, cancel = words
    page = visit(open_page, people[Role.OPERATOR], "/hold", language=language)
    keys = Keys(page)
    keys.content(skip)
    keys.to(reason)
    keys.press()
    page.wait_for_url("**/hold/reason/*")
    keys.content(skip)
    keys.to(r"Choose \S+|\S+ auswählen")
    keys.press("Space")
    keys.to(release, "Shift+Tab")
    keys.press()
    # The question: it begins with what does nothing, keeps the focus, and gives it back.
    assert keys.lands("dialog") == cancel
    keys.to(release, "Shift+Tab")
    keys.press("Escape")
    assert keys.lands("form") == release
    keys.press()
    keys.lands("dialog")
    keys.to(release)
    keys.press()
    assert keys.lands(".notice.good")
    # From there on one is in the content, and needs not go through the navigation again.
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.closest('main') !== null")
