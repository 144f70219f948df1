"""The review in a browser: looked at, approved and rejected by keys; accessible, in both languages, on a telephone."""

import pytest
from playwright.sync_api import Page, Route, expect

from appliance.console.roles import Role
from tests.console.browser import OpenPage, Troubles, axe, shoot, too_wide
from tests.console.reviewed import CINE, JPEG, KNOWN, Reviewed, uid_of
from tests.console.visiting import visit


def shown(page: Page) -> None:
    """Wait until both pictures are there."""
    expect(page.locator(".twin")).to_have_attribute("aria-busy", "false")
    expect(page.locator(".twin .notice.bad")).to_be_hidden()


WORDS = {
    "de": {"approved": "Bestätigt: 1.", "rejected": "Abgelehnt: 1.", "why": "Warum wird es abgelehnt?", "begin": "Mit"},
    "en": {"approved": "Approved: 1.", "rejected": "Rejected: 1.", "why": "Why is it rejected?", "begin": "Begin with"},
}


@pytest.mark.parametrize("language", ["de", "en"])
def test_one_key_approves_and_the_next_one_opens_another_rejects_with_a_reason(
    house: Reviewed, open_page: OpenPage, language: str
) -> None:
    said = WORDS[language]
    sources = [house.image(KNOWN), house.image(KNOWN), house.image(CINE, JPEG)]
    first, second, third = house.come(*sources)
    page = visit(open_page, house.user(Role.OPERATOR), "/review", language=language)
    axe(page)
    shoot(page, f"review-{language}")
    page.get_by_role("link", name=said["begin"]).first.click()
    page.wait_for_url(f"**/review/{first}")
    shown(page)
    expect(page.locator("#text-found")).not_to_have_text("…", timeout=60_000)
    axe(page)
    shoot(page, f"review-image-{language}")
    page.keyboard.press("a")
    page.wait_for_url(f"**/review/{second}")
    expect(page.locator(".notice.good")).to_contain_text(said["approved"])
    house.until(lambda: uid_of(sources[0]) in house.arrived)
    assert not house.arrived[uid_of(sources[0])].pixel_array[KNOWN.blank].any()
    page.keyboard.press("r")
    expect(page.get_by_label(said["why"])).to_be_focused()
    axe(page)
    page.keyboard.type("text under the scale, and an a")
    waiting: list[Route] | None = []
    page.route("**/frames/*", lambda route: route.continue_() if waiting is None else waiting.append(route))
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/review/{third}")
    expect(page.locator(".notice.good")).to_contain_text(said["rejected"])
    assert second in house.held()
    assert not house.waits(second)
    page.wait_for_function("() => document.querySelector('.twin[aria-busy=true]')")
    page.keyboard.press("a")
    page.wait_for_timeout(500)
    assert house.waits(third), "nothing is approved by a key before it was seen"
    late, waiting = waiting, None
    for route in late or []:
        route.continue_()
    shown(page)
    page.keyboard.press("a")
    page.wait_for_url("**/review")
    house.until(lambda: uid_of(sources[2]) in house.arrived)
    for one in house.held():
        house.line.spool.delete(one)


def test_frames_zoom_and_difference_go_together(house: Reviewed, open_page: OpenPage) -> None:
    [number] = house.come(house.image(CINE))
    page = visit(open_page, house.user(Role.VIEWER), f"/review/{number}")
    shown(page)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Frame 2 of 3")).to_be_visible()
    shown(page)
    pixels = """() => [...document.querySelectorAll(".twin canvas")].map((one) =>
        [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data])"""
    before, after = page.evaluate(pixels)
    wanted = CINE.frames[1]
    assert all(before[channel::4] == wanted[..., channel].flatten().tolist() for channel in range(3))
    box = CINE.boxes[0]
    at = 4 * (box.y * CINE.layout.columns + box.x)
    assert after[at : at + 3] == [0, 0, 0]
    page.keyboard.press("d")
    expect(page.locator(".twin-said")).to_contain_text("all of them inside the boxes")
    shoot(page, "review-difference")
    page.keyboard.press("d")
    stages = page.locator(".twin-stage")
    stages.first.focus()
    for _ in range(6):
        page.keyboard.press("+")
    moves = """() => [...document.querySelectorAll(".twin-sheet")].map((one) => one.style.transform)"""
    one, other = page.evaluate(moves)
    assert one == other != "translate(0px, 0px) scale(1)"
    where = stages.last.bounding_box()
    page.mouse.move(where["x"] + 100, where["y"] + 100)
    page.mouse.down()
    page.mouse.move(where["x"] + 60, where["y"] + 70)
    page.mouse.up()
    moved, beside = page.evaluate(moves)
    assert moved == beside != one
    page.keyboard.press("0")
    axe(page)
    house.line.spool.delete(number)


def test_a_frame_that_cannot_be_shown_is_words(house: Reviewed, open_page: OpenPage, troubles: Troubles) -> None:
    troubles.allow("422")
    [number] = house.come(house.image(KNOWN, JPEG, broken=True))
    page = visit(open_page, house.user(Role.VIEWER), f"/review/{number}", language="de")
    expect(page.locator(".twin .notice.bad, .twin[aria-busy=false]").first).to_be_visible()
    axe(page)
    house.line.spool.delete(number)


def test_a_key_that_is_held_down_approves_one(house: Reviewed, open_page: OpenPage) -> None:
    first, second = house.come(house.image(KNOWN), house.image(KNOWN))
    page = visit(open_page, house.user(Role.OPERATOR), f"/review/{first}")
    shown(page)
    page.keyboard.down("a")
    page.wait_for_url(f"**/review/{second}")
    shown(page)
    page.keyboard.down("a")  # of a key that is down already: a repetition
    page.wait_for_timeout(500)
    assert house.waits(second)
    page.keyboard.up("a")
    house.line.spool.delete(second)


def test_it_fits_a_telephone_with_the_pictures_below_each_other(house: Reviewed, open_page: OpenPage) -> None:
    [number] = house.come(house.image(KNOWN))
    page = visit(open_page, house.user(Role.OPERATOR), f"/review/{number}", language="de", width=390)
    shown(page)
    first, second = (page.locator(".twin-pane").nth(at).bounding_box() for at in (0, 1))
    assert first["x"] == second["x"]
    assert first["y"] + first["height"] <= second["y"]
    assert too_wide(page) <= 0
    axe(page)
    house.line.spool.delete(number)
