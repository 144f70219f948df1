"""The overview beside a running appliance with real images: does all run, what came today, what needs somebody."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import Page, expect

from appliance.console.api import declared
from appliance.console.roles import Role
from appliance.demonstration.images import test_images as images
from tests.console.browser import OpenPage, axe, shoot
from tests.console.living import NASTY_TITLE, Living
from tests.console.serving import Browser
from tests.console.visiting import visit

TERMS = ("delivered", "waiting", "held", "discarded", "duplicates", "deleted")


def overview(who: Browser) -> dict[str, Any]:
    """What the operation answers, which is as it was declared."""
    answer = who.call("GET", "/overview")
    assert answer.status == 200, answer.text
    [declaration] = [one for one in declared() if one.name == "overview"]
    Draft202012Validator(declaration.answer).validate(answer.json)
    found: dict[str, Any] = answer.json
    return found


def shown(page: Page, name: str) -> int:
    """A number of the sum, as the page has it."""
    return int(page.locator(f".sum [data-live={name}]").inner_text())


def row(page: Page, name: str) -> Any:
    return page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))


def test_what_came_today_is_one_sum_that_adds_up(people: dict[Role, Browser]) -> None:
    found = overview(people[Role.VIEWER])
    ledger = found["ledger"]
    assert ledger["received"] == 15
    assert (ledger["delivered"], ledger["waiting"], ledger["held"]) == (3, 3, 9)
    assert ledger["difference"] == 0 == ledger["received"] - sum(ledger[name] for name in TERMS)
    assert (found["running"], found["fresh"], found["counted"], found["held"]) == (True, False, True, 9)
    [sender] = found["senders"]
    assert (sender["name"], sender["today"]["received"], sum(sender["rate"]["hours"])) == (NASTY_TITLE, 15, 15)
    boxes = {one["name"]: one for one in found["outboxes"]}
    assert (boxes["AWAY"]["queue"], boxes["PACS"]["delivered"], boxes["archive.store"]["delivered"]) == (3, 3, 3)
    assert boxes["SHARE"]["declared"]
    assert not boxes["SHARE"]["last"]


def test_whoever_signs_in_comes_here(living: Living, people: dict[Role, Browser]) -> None:
    text = people[Role.VIEWER].get("/").text
    assert "<title>Overview · Stellwerk</title>" in text
    assert re.search(r'<a href="/" aria-current="page">Overview</a>', text)
    assert Browser(living.port).get("/").status == 303


def test_without_a_script_it_says_all(people: dict[Role, Browser]) -> None:
    text = re.sub(r"<[^>]+>", " ", people[Role.VIEWER].get("/").text)
    text = re.sub(r"\s+", " ", text)
    assert "in trouble Something does not work:" in text
    assert "AWAY: " in text
    assert "Images are held and wait for a decision: 4. Hold" in text
    assert "Images wait for a review: 1." in text
    assert "Held on purpose, as rules say: 4." in text
    assert "15 received = 3 delivered or stored + 3 waiting + 9 held + 0 discarded + 0 came twice + 0 deleted" in text
    assert "It adds up: none is missing." in text
    assert "mail to admin" in text
    assert "15 in 24 hours, at most 15 an hour" in text


def test_html_that_somebody_typed_is_text(people: dict[Role, Browser], open_page: OpenPage) -> None:
    assert "<b>X" not in people[Role.ADMIN].get("/").text
    page = visit(open_page, people[Role.ADMIN], "/")
    expect(page.get_by_role("rowheader", name=NASTY_TITLE)).to_be_visible()
    page.wait_for_timeout(4000)  # told live, too
    expect(page.get_by_role("rowheader", name=NASTY_TITLE)).to_be_visible()


@pytest.mark.parametrize(
    ("language", "headline", "away", "adds_up"),
    [
        ("en", "Something does not work:", "nothing listens there", "It adds up: none is missing."),
        ("de", "Etwas ist gestört:", "dort läuft nichts", "Die Rechnung geht auf: keines fehlt."),
    ],
)
def test_one_look_says_what_does_not_work_and_leads_there(
    people: dict[Role, Browser], open_page: OpenPage, language: str, headline: str, away: str, adds_up: str
) -> None:
    page = visit(open_page, people[Role.VIEWER], "/", language=language)
    expect(page.get_by_role("status").filter(has_text=headline)).to_be_visible()
    expect(page.get_by_text(adds_up)).to_be_visible()
    assert shown(page, "received") == sum(shown(page, name) for name in TERMS)
    axe(page)
    page.locator("canvas").first.wait_for()
    shoot(page, f"overview-{language}")
    need = page.get_by_role("listitem").filter(has_text=away)
    need.get_by_role("link").click()
    expect(page).to_have_url(re.compile("/outbox/AWAY$"))


def test_numbers_change_while_one_looks(living: Living, people: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, people[Role.VIEWER], "/")
    before, delivered = shown(page, "received"), shown(page, "delivered")
    ct = next(path for path in images() if path.name == "CT_small.dcm")
    living.send(living.copy(ct), living.copy(ct))
    expect(page.locator(".sum [data-live=received]")).to_have_text(str(before + 2), timeout=20_000)
    expect(page.locator(".sum [data-live=delivered]")).to_have_text(str(delivered + 2), timeout=20_000)
    expect(row(page, "PACS").locator("[data-live=delivered]")).to_have_text(str(delivered + 2))
    assert shown(page, "received") == sum(shown(page, name) for name in TERMS)


def test_the_moment_itself_is_shown_to_whoever_reaches_it_with_the_keyboard(
    people: dict[Role, Browser], open_page: OpenPage
) -> None:
    page = visit(open_page, people[Role.VIEWER], "/", language="de")
    last = row(page, "PACS").locator(".ago").first
    moment = last.locator(".at")
    expect(moment).to_be_hidden()
    last.focus()
    expect(moment).to_be_visible()
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d", moment.inner_text())
    axe(page)


def test_a_sender_leads_to_its_studies(people: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, people[Role.VIEWER], "/", language="de")
    page.wait_for_timeout(3500)  # also after what is told live
    page.get_by_role("button", name=NASTY_TITLE).click()
    expect(page).to_have_url(re.compile(r"/studies\?search=[\w-]+$"))
    expect(page.locator("input[name=sender]")).to_have_value(NASTY_TITLE)


def test_no_other_page_has_the_overview_found_out(people: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, people[Role.VIEWER], "/")
    for path, wanted in (("/", "state,overview"), ("/outbox", "state,outboxes"), ("/account", "state")):
        with page.expect_request(re.compile("/api/v1/events")) as asked:
            page.goto(f"https://127.0.0.1:{people[Role.VIEWER].port}{path}")
        assert asked.value.url.endswith(f"?of={wanted}"), path
