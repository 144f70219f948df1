"""An admin's pages in a browser: the first link, users, audit, settings; both languages, by keyboard, accessible."""

import re

import pytest

from appliance.console.roles import Role
from tests.console.browser import OpenPage, Troubles, axe, shoot
from tests.console.serving import PASSWORD, Browser, Serving
from tests.console.visiting import visit


def test_a_link_leads_to_a_name_a_password_and_the_first_page(console: Serving, open_page: OpenPage) -> None:
    secret = console.links.make(Role.ADMIN, "somebody")
    page = open_page(language="de")
    page.goto(f"https://127.0.0.1:{console.port}/start/{secret}")
    axe(page)
    shoot(page, "start")
    page.get_by_label("Benutzer").fill("erika")
    page.get_by_label("Passwort", exact=True).fill(PASSWORD)
    page.get_by_label("Passwort noch einmal").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Abmelden").wait_for()
    page.get_by_role("link", name="Protokoll").click()
    page.get_by_role("cell", name="wurde Benutzer").wait_for()
    page.get_by_role("button", name="English").click()
    page.get_by_role("cell", name="became a user").wait_for()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    axe(page)
    shoot(page, "sign-in")
    page.keyboard.type("erika")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").wait_for()


@pytest.mark.parametrize("language", ["de", "en"])
def test_no_page_has_a_serious_finding(
    console: Serving, users: dict[Role, Browser], open_page: OpenPage, troubles: Troubles, language: str
) -> None:
    troubles.allow("404")
    console.links.make(Role.OPERATOR, "admin")
    console.tokens.make("nightly", Role.VIEWER, "admin", 3)
    for path in ("/audit", "/users", "/settings", "/account", "/nowhere"):
        page = visit(open_page, users[Role.ADMIN], path, language=language)
        axe(page)
        shoot(page, f"{path[1:]}-{language}")
        page.close()


def test_somebody_is_invited_and_removed(console: Serving, users: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, users[Role.ADMIN], "/users")
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("The secret").input_value()
    guest = open_page()
    guest.goto(link)
    guest.get_by_label("User").fill("guest")
    guest.get_by_label("Password", exact=True).fill(PASSWORD)
    guest.get_by_label("Password once more").fill(PASSWORD)
    guest.get_by_role("button", name="Begin").click()
    guest.get_by_role("button", name="Sign out").wait_for()
    assert guest.get_by_role("link", name="Users").count() == 0
    page.goto(page.url)
    row = page.get_by_role("row", name=re.compile("^guest"))
    row.get_by_role("button", name="Remove").click()
    asked = page.get_by_role("dialog")
    asked.get_by_role("button", name="Cancel").click()
    assert console.accounts.find("guest") is not None
    row.get_by_role("button", name="Remove").click()
    asked.get_by_role("button", name="Remove").click()
    page.get_by_text("guest is removed.").wait_for()
    assert console.accounts.find("guest") is None


def test_a_lost_connection_is_shown_and_comes_back(
    console: Serving, users: dict[Role, Browser], open_page: OpenPage, troubles: Troubles
) -> None:
    troubles.allow("ERR_CONNECTION_REFUSED|ERR_INCOMPLETE|ERR_CONNECTION|ERR_NETWORK|ERR_EMPTY")
    page = visit(open_page, users[Role.VIEWER], "/account")
    said = page.locator("#connection")
    said.get_by_text("The appliance does not run").wait_for()
    console.stop()
    said.get_by_text("The connection is lost").wait_for()
    console.start()
    said.get_by_text("The appliance does not run").wait_for(timeout=30_000)


def test_whoever_is_shut_out_is_told_on_the_open_page(console: Serving, open_page: OpenPage) -> None:
    page = visit(open_page, console.user("watcher", Role.VIEWER), "/account")
    page.locator("#connection").get_by_text("The appliance does not run").wait_for()
    console.accounts.set_disabled("watcher", True)
    page.locator("#connection").get_by_text("You have been signed out").wait_for(timeout=30_000)
