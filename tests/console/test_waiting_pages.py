"""Hold, outbox and destinations beside a running appliance with real images: pages, operations, roles, audit."""

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from appliance.console.api import declared
from appliance.console.roles import Role
from appliance.demonstration.images import test_images as images
from tests.console.browser import OpenPage, axe, shoot
from tests.console.living import NASTY, NASTY_TITLE, Living
from tests.console.serving import Answer, Browser
from tests.console.visiting import visit

ANSWERS = {one.name: one.answer for one in declared()}
PAGES = ("/hold", "/outbox", "/outbox/AWAY", "/destinations")


def told(answer: Answer, name: str) -> Any:
    """What an operation has answered, which is as it was declared."""
    assert answer.status == 200, answer.text
    Draft202012Validator(ANSWERS[name]).validate(answer.json)
    return answer.json


def groups(who: Browser) -> dict[str, Any]:
    """By kind."""
    return {one["kind"]: one for one in told(who.call("GET", "/hold"), "held")["groups"]}


def entries(who: Browser, kind: str) -> list[str]:
    key = groups(who)[kind]["key"]
    return [one["id"] for one in told(who.call("GET", f"/hold/entries?group={key}"), "held-entries")["entries"]]


def acts(who: Browser, did: str) -> list[dict[str, Any]]:
    return list(who.call("GET", f"/audit?did={did}").json["acts"])


# --- what is shown ---------------------------------------------------------------------------------------


def test_what_is_held_is_told_by_reason_with_what_to_do(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    found = groups(viewer)
    counts = {kind: one["count"] for kind, one in found.items()}
    assert counts == {"on purpose": 4, "refused": 2, "unmatched": 2, "review": 1}
    assert found["refused"]["refused_by"] == "PACS"
    text = viewer.get("/hold").text
    assert text.index("These need somebody") < text.index("The destination would not take these")
    assert (
        text.index("The destination would not take these") < text.index("Held on purpose") < text.index("A rule holds")
    )
    german = viewer.get("/hold", Accept_Language="de").text
    assert '<span lang="de">Keine Regel nimmt es an.</span>' in german
    assert '<span lang="en">&lt;i&gt;for the study of 2026&lt;/i&gt;</span>' in german


def test_one_object_says_what_it_is_how_it_came_and_why_it_is_here(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    [one, *_] = entries(viewer, "on purpose")
    found = told(viewer.call("GET", f"/hold/entries/{one}"), "held-object")
    values = {value["keyword"]: value["value"] for value in found["header"]}
    assert (values["PatientName"], values["Modality"]) == (NASTY, "MR")
    assert (found["sender"], found["route"], found["pictures"]) == (NASTY_TITLE, "mr", [])
    assert found["written"].endswith("test.rules:10")
    page = viewer.get(f"/hold/image/{one}")
    assert "for the study of 2026" in page.text
    assert "mr" in page.text
    assert viewer.call("GET", "/hold/entries/nothing").status == 404
    gone = viewer.get("/hold/image/nothing")
    assert (gone.status, "It is not held any more." in gone.text) == (404, True)
    assert "any more" in viewer.get("/hold/reason/0123456789abcdef").text


def test_what_waits_for_a_review_is_not_released_here(living: Living, people: dict[Role, Browser]) -> None:
    admin = people[Role.ADMIN]
    [one] = entries(admin, "review")
    text = admin.get(f"/hold/image/{one}", Accept_Language="de").text
    assert "Es wartet darauf, dass jemand es ansieht." in text
    assert 'value="release"' not in text
    told_so = told(admin.call("POST", "/hold/release", {"ids": [one]}), "release-held")
    assert (told_so["done"], list(told_so["unfit"])) == (0, [one])
    assert one in living.held()


def test_pictures_are_shown_where_there_are_some(living: Living, people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    [one, *_] = entries(viewer, "unmatched")
    folder = living.line.data / "spool" / "previews" / one
    folder.mkdir(parents=True)
    png = b"\x89PNG\r\n\x1a\nfor a test"
    for name in ("before-1.png", "after-1.png", "before-10.png", "facts.json", "before-x.png"):
        (folder / name).write_bytes(png)
    at = f"/hold/entries/{one}/pictures"
    assert told(viewer.call("GET", f"/hold/entries/{one}"), "held-object")["pictures"] == [
        *("before-1.png", "after-1.png", "before-10.png")
    ]
    got = viewer.call("GET", f"{at}/before-1.png")
    assert (got.status, got.headers["Content-Type"], got.headers["Cache-Control"], got.body) == (
        *(200, "image/png", "no-store", png),
    )
    page = viewer.get(f"/hold/image/{one}").text
    assert page.index("Frame 1, as it came") < page.index("Frame 1, cleaned") < page.index("Frame 10, as it came")
    for path in (
        f"{at}/facts.json",
        f"{at}/before-2.png",
        f"{at}/..%2f..%2fx-1.png",
        f"/hold/entries/{'0' * 20}/pictures/before-1.png",
    ):
        assert viewer.call("GET", path).status == 404
    assert Browser(living.port).call("GET", f"{at}/before-1.png").status == 401


def test_what_waits_is_told_with_its_reason_and_when_it_is_tried(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    boxes = {one["name"]: one for one in told(viewer.call("GET", "/outboxes"), "list-outboxes")["outboxes"]}
    assert boxes["AWAY"]["counts"]["retrying"] > 0
    assert sum(boxes["AWAY"]["counts"].values()) == 3
    assert (boxes["PACS"]["done_today"], boxes["archive.store"]["done_today"]) == (3, 3)
    page = told(viewer.call("GET", "/outboxes/AWAY/entries?most=2"), "outbox-entries")
    assert {one["state"] for one in page["entries"]} <= {"retrying", "waiting"}
    rest = told(viewer.call("GET", f"/outboxes/AWAY/entries?after={page['next']}"), "outbox-entries")
    assert (len(rest["entries"]), rest["next"]) == (1, "")
    assert viewer.call("GET", "/outboxes/NOBODY/entries").status == 404
    assert viewer.call("GET", "/outboxes/hold/entries").status == 404
    assert viewer.get("/outbox/NOBODY").status == 404
    text = viewer.get("/outbox/AWAY").text
    assert "nothing listens there" in text
    assert "The next one at" in text
    assert "Nothing waits here." in viewer.get("/outbox/AWAY?state=sending").text
    assert "Nothing waits here." in viewer.get("/outbox/SHARE").text


def test_every_destination_is_told_with_those_who_get_mail(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    found = told(viewer.call("GET", "/destinations"), "list-destinations")["destinations"]
    assert [one["name"] for one in found] == ["PACS", "AWAY", "SHARE", "admin.mail"]
    text = viewer.get("/destinations").text
    assert "AWAY@127.0.0.1:1" in text
    assert "it@praxis.example" in text
    assert 'value="test"' not in text


def test_html_that_somebody_typed_is_text_everywhere(people: dict[Role, Browser]) -> None:
    admin = people[Role.ADMIN]
    keys = [one["key"] for one in groups(admin).values()]
    ids = [one["id"] for one in told(admin.call("GET", "/hold/entries"), "held-entries")["entries"]]
    for path in (*PAGES, *(f"/hold/reason/{key}" for key in keys), *(f"/hold/image/{one}" for one in ids)):
        text = admin.get(path).text
        assert "<script>document" not in text, path
        assert "<b>X" not in text, path
        assert "<i>for" not in text, path


def test_no_patient_is_in_a_title_or_the_log(living: Living, people: dict[Role, Browser]) -> None:
    admin = people[Role.ADMIN]
    for one in entries(admin, "refused"):
        assert re.findall(r"<title>(.*?)</title>", admin.get(f"/hold/image/{one}").text) == ["A held image · Stellwerk"]
    assert "taken" not in living.line.said()


# --- who may -----------------------------------------------------------------------------------------------


def test_a_viewer_sees_and_changes_nothing(living: Living, people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    [one, *_] = entries(viewer, "unmatched")
    for path in (*PAGES, f"/hold/image/{one}"):
        assert not re.search(r'name="do"', viewer.get(path).text), path
    before = living.held()
    for path, do in (
        *((path, do) for path in ("/hold", f"/hold/image/{one}") for do in ("release", "delete")),
        *(("/outbox/AWAY", do) for do in ("pause", "take-all-back", "try-now")),
        *(("/destinations", "test"), ("/outbox", "pause")),
    ):
        answer = viewer.post(path, do=do, id=one, name="AWAY")
        assert answer.status == 303
        assert "Your role does not allow this." in viewer.get(path).text
    assert living.held() == before
    assert living.owed("AWAY") == 3


def test_an_operator_deletes_nothing(living: Living, people: dict[Role, Browser]) -> None:
    operator = people[Role.OPERATOR]
    [one, *_] = entries(operator, "unmatched")
    assert 'value="delete"' not in operator.get("/hold").text
    operator.post("/hold", do="delete", id=one)
    assert operator.call("POST", "/hold/delete", {"ids": [one]}).status == 403
    assert one in living.held()


def test_what_is_asked_for_must_be_clear(people: dict[Role, Browser]) -> None:
    admin = people[Role.ADMIN]
    for body in ({}, {"ids": ["1"], "group": "0" * 16}, {"ids": []}, {"ids": ["../x"]}, {"group": "x"}):
        assert admin.call("POST", "/hold/release", body).status == 422, body
    assert admin.call("POST", "/hold/release", {"group": "0" * 16}).status == 404
    assert told(admin.call("POST", "/hold/delete", {"ids": ["nothing"]}), "delete-held")["missing"] == 1
    assert admin.call("POST", "/outboxes/hold/take-back", {"ids": None}).status == 404
    assert admin.call("POST", "/outboxes/NOBODY/try-now", {"ids": ["1"]}).status == 404
    for path, words in (("/hold", "release"), ("/outbox/AWAY", "take-back")):
        admin.post(path, do=words)
        assert "Choose at least one first." in admin.get(path).text


# --- in a browser ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["de", "en"])
def test_no_page_has_a_serious_finding(people: dict[Role, Browser], open_page: OpenPage, language: str) -> None:
    admin = people[Role.ADMIN]
    [one, *_] = entries(admin, "on purpose")
    key = groups(admin)["refused"]["key"]
    names = {**{path: path[1:].replace("/", "-") for path in PAGES}, f"/hold/reason/{key}": "hold-reason"}
    for path, name in {**names, f"/hold/image/{one}": "hold-image"}.items():
        page = visit(open_page, admin, path, language=language)
        page.get_by_role("heading", level=1).wait_for()
        assert "taken" not in page.title()
        axe(page)
        shoot(page, f"{name}-{language}")
        page.close()


def test_a_destination_is_tested_and_says_what_it_takes(people: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, people[Role.OPERATOR], "/destinations", language="de")
    card = page.get_by_role("region", name="PACS")
    card.get_by_role("button", name="Prüfen").click()
    card.get_by_text("Prüfung: Es antwortet.").wait_for()
    card.get_by_text("CT Image").wait_for()
    axe(page)
    shoot(page, "destinations-tested-de")
    away = page.get_by_role("region", name="AWAY")
    away.get_by_role("button", name="Prüfen").click()
    away.get_by_text("Prüfung: Es geht nicht.").wait_for()
    away.get_by_role("alert").get_by_text("nimmt keine Verbindung an: dort läuft nichts.").wait_for()
    shoot(page, "destinations-away-de")
    assert [act["on"] for act in acts(people[Role.ADMIN], "test")] == [["AWAY"], ["PACS"]]


def test_a_pause_is_seen_at_once_by_whoever_looks(people: dict[Role, Browser], open_page: OpenPage) -> None:
    watching = visit(open_page, people[Role.VIEWER], "/outbox", language="de")
    page = visit(open_page, people[Role.OPERATOR], "/outbox")
    card, seen = (one.get_by_role("region", name="AWAY") for one in (page, watching))
    card.get_by_role("button", name="Pause").click()
    page.get_by_text("AWAY is paused: what comes for it waits here.").wait_for()
    seen.get_by_text("pausiert", exact=True).wait_for()
    seen.get_by_text("operator hat es um").wait_for()
    shoot(page, "outbox-paused-en")
    axe(page)
    assert not card.get_by_role("button", name="Send now").is_visible()
    card.get_by_role("button", name="Resume").click()
    page.get_by_text("AWAY goes on.").wait_for()
    seen.get_by_text("pausiert", exact=True).wait_for(state="detached")
    card.get_by_role("button", name="Send now").click()
    page.get_by_text("AWAY is tried again now.").wait_for()
    for did in ("pause", "resume", "try-again"):
        assert [(act["who"], act["on"]) for act in acts(people[Role.ADMIN], did)] == [("operator", ["AWAY"])], did


def test_numbers_change_while_one_looks(living: Living, people: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, people[Role.VIEWER], "/outbox")
    done = page.get_by_role("region", name="PACS").locator("[data-live=done]")
    before = int(done.inner_text())
    ct = next(path for path in images() if path.name == "CT_small.dcm")
    living.send(living.copy(ct), living.copy(ct))
    page.wait_for_function(
        "([place, count]) => place.textContent === count", arg=[done.element_handle(), str(before + 2)]
    )


def test_by_keyboard_alone_what_a_pacs_refused_is_sent_again(
    living: Living, people: dict[Role, Browser], open_page: OpenPage
) -> None:
    living.refused.clear()
    waiting = entries(people[Role.OPERATOR], "refused")
    page = visit(open_page, people[Role.OPERATOR], "/hold")

    def tab_to(words: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement.textContent.trim()") == words:
                return
        raise AssertionError(f"{words} cannot be reached with Tab")

    tab_to("Send all again")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("They go to PACS once more.").wait_for()
    shoot(page, "hold-asked-en")
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    assert set(waiting) <= set(living.held())
    tab_to("Send all again")
    page.keyboard.press("Enter")
    dialog.wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Released: 2.").wait_for()
    living.until(lambda: not set(waiting) & set(living.held()))
    assert page.get_by_text("The destination would not take these").count() == 0
    [act] = acts(people[Role.ADMIN], "release")
    assert (act["who"], sorted(act["on"])) == ("operator", waiting)


def test_chosen_ones_are_taken_back_and_sent_after_all(
    living: Living, people: dict[Role, Browser], open_page: OpenPage
) -> None:
    page = visit(open_page, people[Role.OPERATOR], "/outbox/AWAY", language="de")
    rows = page.get_by_role("row").filter(has=page.get_by_role("checkbox"))
    rows.nth(0).get_by_role("checkbox").check()
    page.get_by_text("Ausgewählt: 1").wait_for()
    page.get_by_role("checkbox", name="Alle auf dieser Seite").check()
    page.get_by_text("Ausgewählt: 3").wait_for()
    rows.nth(2).get_by_role("checkbox").uncheck()
    shoot(page, "outbox-chosen-de")
    page.get_by_role("button", name="Ausgewählte zurücknehmen").click()
    page.get_by_role("dialog").get_by_role("button", name="Ausgewählte zurücknehmen").click()
    page.get_by_text("Zurückgenommen und angehalten: 2.").wait_for()
    assert rows.count() == 1
    operator = people[Role.OPERATOR]
    taken = entries(operator, "by hand")
    assert len(taken) == 2
    assert acts(people[Role.ADMIN], "take-back")[0]["on"] == ["AWAY", *taken]
    page.goto(f"https://127.0.0.1:{living.port}/hold/image/{taken[0]}")
    page.get_by_text("Ein Mensch hat es aus dem Ausgang von AWAY genommen.").wait_for()
    page.get_by_role("button", name="Noch einmal senden").click()
    page.get_by_text("Freigegeben: 1.").wait_for()
    living.until(lambda: living.owed("AWAY") == 2)
    done = told(operator.call("POST", "/outboxes/AWAY/take-back", {"ids": None}), "take-entries-back")
    assert (done["done"], done["left"]) == (2, 0)
    assert len(entries(operator, "by hand")) == 3


def test_an_admin_deletes_chosen_ones_for_good(
    living: Living, people: dict[Role, Browser], open_page: OpenPage
) -> None:
    admin = people[Role.ADMIN]
    kept, gone, *_ = entries(admin, "on purpose")
    page = visit(open_page, admin, f"/hold/reason/{groups(admin)['on purpose']['key']}")
    page.get_by_role("checkbox", name=f"Choose {gone}").check()
    page.get_by_role("button", name="Delete the chosen ones").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("They cannot be brought back.").wait_for()
    dialog.get_by_role("button", name="Cancel").click()
    assert gone in living.held()
    page.get_by_role("button", name="Delete the chosen ones").click()
    dialog.get_by_role("button", name="Delete the chosen ones").click()
    page.get_by_text("Deleted: 1.").wait_for()
    assert (gone in living.held(), kept in living.held()) == (False, True)
    assert [act["on"] for act in acts(admin, "delete")] == [[gone]]


def test_what_goes_through_the_rules_again_and_is_held_again_leads_to_the_hold(
    living: Living, people: dict[Role, Browser]
) -> None:
    operator = people[Role.OPERATOR]
    group = groups(operator)["unmatched"]
    answer = operator.post(f"/hold/reason/{group['key']}", on="/hold", do="release", group=group["key"])
    assert answer.to in ("/hold", f"/hold/reason/{group['key']}")
    assert "Released: 2." in operator.get("/hold").text
    living.until(lambda: groups(operator).get("unmatched", {}).get("count") == 2)
