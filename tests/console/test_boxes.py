"""Boxes on an image: by mouse, by keys, by numbers; frames by the slider. Values are pixels of the image."""

import json

from playwright.sync_api import Page, expect

from tests.console.browser import Troubles, axe, shoot
from tests.console.modules import Modules

FIRST = {"x": 100, "y": 50, "width": 200, "height": 40, "label": "name"}


def opened(modules: Modules, more: str = "", value: object = (FIRST,), width: int = 700, **how: object) -> Page:
    return modules(
        f"""
        import {{ boxes }} from "/static/boxes.js";
        window.told = [];
        window.made = boxes(place, {{ width: 640, height: 480, url: (at) => `/frames/${{at}}`, alt: "Ultrasound",
          value: {json.dumps(list(value))}, changed: (value) => told.push(value),
          shown: (at) => told.push(at), {more} }});
        """,
        width=width,
        **how,
    )


def value(page: Page) -> list[dict[str, object]]:
    return page.evaluate("made.value")


def at(page: Page, x: float, y: float, columns: int = 640) -> tuple[float, float]:
    """Where a pixel of the image is on the screen."""
    box = page.locator(".boxes-paper svg").bounding_box()
    scale = box["width"] / columns
    return box["x"] + x * scale, box["y"] + y * scale


def drag(page: Page, start: tuple[float, float], end: tuple[float, float], columns: int = 640) -> None:
    page.locator(".boxes-paper svg").scroll_into_view_if_needed()
    page.mouse.move(*at(page, *start, columns))
    page.mouse.down()
    page.mouse.move(*at(page, *[(a + b) / 2 for a, b in zip(start, end, strict=True)], columns))
    page.mouse.move(*at(page, *end, columns))
    page.mouse.up()


def near(box: dict[str, object], *numbers: int) -> bool:
    """A pixel of the screen is part of one or more of the image: the mouse is that exact."""
    return all(
        abs(box[name] - number) <= 2 for name, number in zip(("x", "y", "width", "height"), numbers, strict=True)
    )


def test_a_box_is_drawn_with_the_mouse(modules: Modules) -> None:
    page = opened(modules)
    drag(page, (500, 400), (400, 300))
    assert near(value(page)[1], 400, 300, 100, 100)
    assert page.evaluate("told.length") == 1
    expect(page.locator("[data-at='1']")).to_be_focused()
    axe(page)
    shoot(page, "boxes")


def test_a_click_beside_makes_no_box(modules: Modules) -> None:
    page = opened(modules)
    page.mouse.click(*at(page, 500, 400))
    assert value(page) == [FIRST]
    assert page.evaluate("told") == []


def test_a_box_is_moved_and_stays_inside(modules: Modules) -> None:
    page = opened(modules)
    drag(page, (200, 70), (230, 90))
    assert near(value(page)[0], 130, 70, 200, 40)
    drag(page, (200, 90), (20, 20))
    assert near(value(page)[0], 0, 0, 200, 40)
    assert value(page)[0]["label"] == "name"


def test_a_box_is_resized_by_its_grips(modules: Modules) -> None:
    page = opened(modules)
    page.locator("[data-at='0']").focus()
    drag(page, (300, 90), (350, 120))
    assert near(value(page)[0], 100, 50, 250, 70)
    drag(page, (100, 50), (90, 40))
    assert near(value(page)[0], 90, 40, 260, 80)


def test_keys_move_resize_and_remove(modules: Modules) -> None:
    page = opened(modules)
    page.locator("[data-at='0']").focus()
    for key in ("ArrowRight", "Shift+ArrowDown", "Control+ArrowRight", "Control+Shift+ArrowDown"):
        page.keyboard.press(key)
    assert value(page) == [{**FIRST, "x": 101, "y": 60, "width": 201, "height": 50}]
    expect(page.locator("*:focus")).to_have_attribute(
        "aria-label", "name. Box 1: 201 × 50 pixels, 101 from the left, 60 from the top"
    )
    page.keyboard.press("Delete")
    assert value(page) == []
    expect(page.get_by_role("button", name="Add a box")).to_be_focused()
    page.keyboard.press("Enter")
    assert value(page) == [{"x": 240, "y": 216, "width": 160, "height": 48}]
    expect(page.locator("[data-at='0']")).to_be_focused()


def test_numbers_are_typed_and_kept_inside(modules: Modules) -> None:
    page = opened(modules)
    page.get_by_text("Boxes, in pixels of the image").click()
    page.get_by_label("Left", exact=True).fill("600")
    page.keyboard.press("Tab")
    assert value(page) == [{**FIRST, "x": 600, "width": 40}]
    page.get_by_label("Width", exact=True).fill("0")
    page.keyboard.press("Tab")
    assert value(page)[0]["width"] == 40
    page.get_by_role("button", name="Add a box").click()
    expect(page.get_by_label("Left", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Remove box 1").click()
    assert [box["x"] for box in value(page)] == [240]
    axe(page)


def test_what_is_fixed_stays(modules: Modules) -> None:
    page = opened(modules, value=[{**FIRST, "fixed": True}])
    drag(page, (200, 70), (230, 90))
    page.locator("[data-at='0']").focus()
    page.keyboard.press("Delete")
    assert value(page) == [{**FIRST, "fixed": True}]


def test_read_only_only_shows(modules: Modules) -> None:
    page = opened(
        modules, "readOnly: true, marks: [{ x: 10, y: 10, width: 30, height: 9, label: 'text' }],", language="de"
    )
    drag(page, (500, 400), (400, 300))
    page.locator("[data-at='0']").focus()
    page.keyboard.press("ArrowRight")
    assert value(page) == [FIRST]
    expect(page.get_by_role("button", name="Kasten hinzufügen")).to_have_count(0)
    expect(page.locator(".boxes-mark")).to_have_count(1)
    axe(page)


def test_the_slider_leads_through_the_frames(modules: Modules, troubles: Troubles) -> None:
    troubles.allow("404")
    page = opened(modules, "count: 12,")
    image = page.locator(".boxes-paper img")
    expect(image).to_have_js_property("src", page.url.partition("?")[0] + "frames/0")
    slider = page.get_by_role("slider", name="Frame")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Frame 2 of 12")).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", "Frame 2 of 12")
    expect(image).to_have_js_property("src", page.url.partition("?")[0] + "frames/1")
    assert page.evaluate("told") == [1]
    page.keyboard.press("End")  # the server has no such frame: the one before stays
    expect(page.get_by_role("status")).to_have_text("The image could not be loaded.")
    assert page.evaluate("made.frame") == 11
    page.evaluate("made.frame = 3")
    expect(image).to_have_js_property("src", page.url.partition("?")[0] + "frames/3")
    expect(page.get_by_role("status")).to_have_text("")


def test_large_is_pixel_by_pixel_and_boxes_stay_on_their_pixels(modules: Modules) -> None:
    page = opened(modules, width=390)
    for zoom in ("1", "2", "fit"):
        page.get_by_label("Zoom").select_option(zoom)
        page.wait_for_timeout(50)
        picture, box = page.locator(".boxes-paper").bounding_box(), page.locator("[data-at='0'] rect").bounding_box()
        scale = picture["width"] / 640
        assert zoom == "fit" or scale == float(zoom)
        assert abs(box["x"] - picture["x"] - 100 * scale) < 2
        assert abs(box["width"] - 200 * scale) < 4
    axe(page)
