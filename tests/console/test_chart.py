"""Small charts: drawn, said in words, shown as a table."""

import json

from playwright.sync_api import Page, expect

from tests.console.browser import axe, shoot
from tests.console.modules import Modules

START = 1_795_000_000 - 1_795_000_000 % 3600
DATA = {
    "times": [START + 60 * at for at in range(60)],
    "series": [
        {"label": "Received", "values": [at % 17 for at in range(60)], "unit": "/min"},
        {"label": "Delivered", "values": [None, *(at % 13 for at in range(59))]},
    ],
}


def drawn(modules: Modules, data: object = DATA, **how: object) -> Page:
    return modules(
        f"""
        import {{ chart }} from "/static/chart.js";
        window.made = chart(place, {{ title: "Images", data: {json.dumps(data)} }});
        """,
        **how,
    )


def ink(page: Page) -> int:
    """How many pixels of the drawing are not empty."""
    return page.locator(".chart canvas").evaluate(
        """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
           .reduce((sum, value, at) => sum + (at % 4 === 3 && value > 0), 0)"""
    )


def test_it_is_drawn_and_said_in_words(modules: Modules) -> None:
    page = drawn(modules)
    expect(page.locator(".chart canvas")).to_be_visible()
    page.wait_for_timeout(50)
    assert ink(page) > 500
    said = page.locator(".chart-summary").inner_text()
    expect(page.get_by_role("img")).to_have_accessible_name(f"Images. {said}")
    expect(page.locator(".chart-summary")).to_contain_text("Received: 8 /min at")
    expect(page.locator(".chart-summary")).to_contain_text("at most 12 at")
    expect(page.locator(".chart-legend")).to_contain_text("Delivered")
    axe(page)
    shoot(page, "chart")


def test_the_table_has_every_number_newest_first(modules: Modules) -> None:
    page = drawn(modules, language="de")
    page.get_by_text("Als Tabelle").click()
    expect(page.get_by_role("row")).to_have_count(61)
    expect(page.get_by_role("row").nth(1).get_by_role("cell")).to_have_text(["8 /min", "6"])
    expect(page.get_by_role("row").last.get_by_role("cell")).to_have_text(["0 /min", "–"])
    axe(page)


def test_new_numbers_change_the_drawing_and_the_words(modules: Modules) -> None:
    page = drawn(modules)
    page.wait_for_timeout(50)
    before = ink(page)
    flat = {**DATA, "series": [{**one, "values": [5] * 60} for one in DATA["series"]]}
    page.evaluate("data => made.update(data)", flat)
    page.wait_for_timeout(50)
    assert ink(page) != before
    expect(page.locator(".chart-summary")).to_contain_text("Received: 5 /min")
    page.evaluate("made.update({ times: [], series: [] })")
    expect(page.locator(".chart-summary")).to_have_text("Nothing to draw yet.")


def test_it_is_as_wide_as_its_place(modules: Modules) -> None:
    page = drawn(modules, width=390, dark=True)
    expect(page.locator(".chart canvas")).to_be_visible()
    page.wait_for_timeout(50)
    assert 300 < page.locator(".chart canvas").bounding_box()["width"] <= 390
    page.set_viewport_size({"width": 700, "height": 800})
    page.wait_for_timeout(100)
    assert page.locator(".chart canvas").bounding_box()["width"] > 600
    axe(page)
