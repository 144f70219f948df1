"""The overview where nothing has come yet, and where the appliance is stopped: what to do, and what is known."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from appliance.console.roles import Role
from appliance.demonstration.images import test_images as images
from tests.console.browser import OpenPage, axe, shoot
from tests.console.living import Living
from tests.console.serving import Browser, Serving
from tests.console.test_facts_waiting import hold, waiting
from tests.console.visiting import visit


@pytest.mark.parametrize("language", ["en", "de"])
def test_where_nothing_has_ever_run_it_says_so(users: dict[Role, Browser], open_page: OpenPage, language: str) -> None:
    page = visit(open_page, users[Role.VIEWER], "/", language=language)
    headline = {"en": "The appliance stands still:", "de": "Die Anlage steht still:"}[language]
    expect(page.get_by_text(headline)).to_be_visible()
    first = {"en": "Nothing has come yet: the first image", "de": "Noch ist nichts gekommen: das erste Bild"}[language]
    expect(page.get_by_role("heading", name=first)).to_be_visible()
    assert page.locator("canvas").count() == 0
    axe(page)
    shoot(page, f"overview-nothing-{language}")


def test_the_first_image_takes_the_place_of_the_first_steps(tmp_path: Path, open_page: OpenPage) -> None:
    living = Living(tmp_path, empty=True)
    try:
        page = visit(open_page, living.user(Role.OPERATOR), "/", language="de")
        expect(page.get_by_text("Alles läuft. Niemand muss etwas tun.")).to_be_visible()
        expect(page.get_by_text(f"{living.line.port} DICOM")).to_be_visible()
        expect(page.get_by_text("STELLWERK", exact=True)).to_be_visible()
        expect(page.get_by_role("heading", name="Heute, seit Mitternacht")).to_be_hidden()
        axe(page)
        shoot(page, "overview-fresh-de")
        living.send(living.copy(next(path for path in images() if path.name == "CT_small.dcm")))
        expect(page.get_by_role("heading", name="Heute, seit Mitternacht")).to_be_visible(timeout=20_000)
        expect(page.get_by_role("heading", name="das erste Bild")).to_be_hidden()
        expect(page.locator(".sum [data-live=received]")).to_have_text("1")
        expect(page.get_by_role("row").filter(has_text="1 in 24 Stunden").locator("canvas")).to_be_visible()
        page.close()
    finally:
        living.stop()


def test_while_the_appliance_is_stopped_what_is_on_the_disk_is_shown(tmp_path: Path, open_page: OpenPage) -> None:
    lived = waiting(tmp_path / "data")
    hold(lived, "no route takes it", 1)
    lived.house.journals.close()
    console = Serving(tmp_path)
    try:
        viewer = console.user("viewer", Role.VIEWER)
        page = visit(open_page, viewer, "/", language="de")
        expect(page.get_by_text("Die Anlage steht still:")).to_be_visible()
        expect(page.get_by_text("Zuletzt hat sie etwas festgehalten:")).to_be_visible()
        expect(page.get_by_text("Angehaltene Bilder, über die jemand entscheiden muss: 1.")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="PACS").locator("[data-live=queue]")).to_have_text("3")
        axe(page)
        shoot(page, "overview-stopped-de")
        assert viewer.call("GET", "/overview").json["running"] is False
        page.close()
    finally:
        console.stop()
