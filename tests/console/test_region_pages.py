"""Boxes drawn in a browser: by mouse and by keys alone, tried, tested, saved as an admin, and used from then on."""

import re

import pytest
from playwright.sync_api import Page, expect

from appliance.console.roles import Role
from tests.console.browser import OpenPage, Troubles, axe, shoot, too_wide
from tests.console.reviewed import KNOWN, UNKNOWN, Reviewed, uid_of
from tests.console.test_boxes import drag
from tests.console.visiting import visit
from tests.corpus.screens import LAYOUTS, Screen, draw

FOOT = draw(next(one for one in LAYOUTS if one.name == "foot"))

WORDS = {
    "de": {
        "draw": "Zeichnen, wo der Text steht",
        "try": "An diesem Bild erproben",
        "cleaned": "So lässt es sich bereinigen.",
        "test": "Erproben",
        "all": re.compile(r"^\d+ von \d+ Bildern lassen sich so bereinigen"),
        "why": "Warum Sie es ändern",
        "save": "In die Regeln übernehmen",
        "sure": "Speichern",
        "runs": re.compile(r"Fassung \d+ läuft"),
        "again": re.compile("noch einmal durch die Regeln schicken"),
        "went": "Bilder gehen noch einmal durch die Regeln",
        "add": "Kasten hinzufügen",
    },
    "en": {
        "draw": "Draw where the text is",
        "try": "Try it on this image",
        "cleaned": "It can be cleaned so.",
        "test": "Test them",
        "all": re.compile(r"^\d+ of \d+ images can be cleaned so"),
        "why": "Why you change it",
        "save": "Save into the rules",
        "sure": "Save",
        "runs": re.compile(r"Version \d+ runs"),
        "again": re.compile("through the rules again"),
        "went": "images go through the rules again",
        "add": "Add a box",
    },
}


def ready(page: Page) -> None:
    """Wait until boxes can be drawn."""
    expect(page.locator("#region-text")).not_to_be_empty(timeout=60_000)
    expect(page.locator("#region-drawing .boxes-paper img")).to_have_js_property("complete", True)


def finish(page: Page, said: dict[str, object], *, by_keys: bool) -> None:
    """Save, and take what is held of the device through the rules again."""
    page.get_by_label(str(said["why"])).fill("where it writes <script>alert(9)</script>")
    if by_keys:
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("button", name=str(said["sure"])).press("Enter")
    else:
        page.get_by_role("button", name=str(said["save"])).click()
        page.get_by_role("dialog").get_by_role("button", name=str(said["sure"])).click()
    expect(page.locator("#region-saved")).to_contain_text(said["runs"], timeout=30_000)  # type: ignore[arg-type]
    again = page.locator("#region-saved").get_by_role("button", name=said["again"])  # type: ignore[arg-type]
    if by_keys:
        expect(again).to_be_focused()
        page.keyboard.press("Enter")
    else:
        again.click()
    expect(page.locator("#region-saved")).to_contain_text(str(said["went"]))


@pytest.mark.parametrize(("language", "screen"), [("de", UNKNOWN), ("en", FOOT)])
def test_a_box_drawn_by_mouse_makes_the_held_image_go_through(
    house: Reviewed, open_page: OpenPage, language: str, screen: Screen
) -> None:
    said = WORDS[language]
    source = house.image(screen)
    first, number = house.come(house.image(screen), source)
    before = set(house.held())
    page = visit(open_page, house.user(Role.ADMIN), f"/hold/image/{number}", language=language)
    page.get_by_role("link", name=said["draw"]).click()
    ready(page)
    axe(page)
    [box] = screen.boxes
    drag(page, (box.x, box.y), (box.x + box.width - 1, box.y + box.height - 1), screen.layout.columns)
    drawn = page.locator("#region-drawing .boxes-box")
    expect(drawn).to_have_count(1)
    page.get_by_role("button", name=said["try"]).click()
    expect(page.locator("#region-tried")).to_contain_text(said["cleaned"], timeout=60_000)
    expect(page.locator("#region-text")).to_contain_text(f'ManufacturerModelName = "{screen.layout.name}"')
    axe(page)
    shoot(page, f"regions-tried-{language}")
    page.get_by_role("button", name=said["test"], exact=True).click()
    expect(page.locator("#region-tested [role=status]")).to_have_text(said["all"], timeout=60_000)
    assert page.locator("#region-tested tbody tr").count() == 2
    axe(page)
    shoot(page, f"regions-tested-{language}")
    finish(page, said, by_keys=False)
    shoot(page, f"regions-saved-{language}")
    house.until(lambda: not {first, number} & set(house.held()))
    house.until(lambda: len(set(house.held()) - before) == 2)
    for one in set(house.held()) - before:
        assert house.waits(one)
        house.user(Role.ADMIN).call("POST", "/review/approve", {"ids": [one]})
    house.until(lambda: uid_of(source) in house.arrived)
    arrived = house.arrived[uid_of(source)].pixel_array
    assert not arrived[box.y + 2 : box.y + box.height - 2, box.x + 2 : box.x + box.width - 2].any()


def test_keys_alone_draw_try_and_save(house: Reviewed, open_page: OpenPage) -> None:
    said = WORDS["de"]
    [number] = house.come(house.image(KNOWN))
    page = visit(open_page, house.user(Role.ADMIN), f"/review/{number}", language="de")
    expect(page.locator(".twin")).to_have_attribute("aria-busy", "false")
    page.keyboard.press("b")
    ready(page)
    boxes = page.locator("#region-drawing .boxes-box")
    expect(boxes).to_have_count(len(KNOWN.boxes) + 1)
    expect(page.locator("#region-existing")).to_contain_text("corners")
    expect(page.locator("*:focus")).to_have_attribute("data-at", str(len(KNOWN.boxes)))
    page.keyboard.press("Control+Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.get_by_role("button", name=said["try"]).press("Enter")
    expect(page.locator("#region-tried")).to_contain_text(said["cleaned"], timeout=60_000)
    before = set(house.held())
    finish(page, said, by_keys=True)
    house.until(lambda: number not in house.held() and len(set(house.held()) - before) == 1)
    [fresh] = set(house.held()) - before
    image = house.user(Role.VIEWER).call("GET", f"/review/entries/{fresh}").json
    assert len(image["cleaning"]["boxes"]) == len(KNOWN.boxes) + 1
    text = house.line.rules_file.read_text("utf-8")
    assert text.count("regions corners for ManufacturerModelName") == 1, "it was drawn anew, not added"


def test_text_that_was_found_becomes_boxes(house: Reviewed, open_page: OpenPage) -> None:
    screen = draw(next(one for one in LAYOUTS if one.name == "american"))
    [number] = house.come(house.image(screen))
    page = visit(open_page, house.user(Role.OPERATOR), f"/review/{number}", width=390)
    ready(page)
    page.get_by_role("button", name="Take the text that was found as boxes").click(timeout=60_000)
    assert page.locator("#region-drawing .boxes-box").count() > 0
    expect(page.locator("#region-text")).to_contain_text("blank (")
    assert too_wide(page) <= 0
    axe(page)
    assert page.locator("#region-save").count() == 0
    page.get_by_label("Keep only").check()
    expect(page.locator("#region-text")).to_contain_text("keep (")


def test_what_cannot_be_cleaned_so_says_why(house: Reviewed, open_page: OpenPage, troubles: Troubles) -> None:
    troubles.allow("422")
    screen = draw(next(one for one in LAYOUTS if one.name == "pale"))
    [number] = house.come(house.image(screen))
    page = visit(open_page, house.user(Role.OPERATOR), f"/review/{number}", language="de")
    ready(page)
    page.get_by_role("button", name="An diesem Bild erproben").click()
    expect(page.locator("#region-tried")).to_contain_text("Zeichnen Sie zuerst einen Kasten.")
    page.get_by_label("Nur behalten").check()
    page.get_by_role("button", name="Kasten hinzufügen").click()
    for label, value in (("Links", "0"), ("Oben", "0"), ("Breite", "400"), ("Höhe", "300")):
        page.locator(".boxes-numbers").evaluate("(one) => { one.open = true; }")
        page.get_by_label(label, exact=True).fill(value)
        page.keyboard.press("Tab")
    page.get_by_role("button", name="An diesem Bild erproben").click()
    expect(page.locator("#region-tried .notice.bad")).to_contain_text("Mit diesem Bild geht das nicht", timeout=60_000)
    axe(page)
