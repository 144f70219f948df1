"""Hold, outbox and destinations where nothing has ever run, and where the appliance is stopped: they say what to do."""

from pathlib import Path

import pytest

from appliance.console.roles import Role
from tests.console.browser import OpenPage, axe, shoot
from tests.console.serving import Browser, Serving
from tests.console.test_facts_waiting import hold, waiting
from tests.console.visiting import visit

WORDS = {
    "/hold": ("Nothing is held.", "Nichts ist angehalten."),
    "/outbox": ("Nothing is to be sent anywhere yet.", "Noch ist nirgendwohin etwas zu senden."),
    "/studies": ("Nothing has been received here yet.", "Hier ist noch nichts angekommen."),
    "/destinations": ("The rules declare no destination yet.", "Die Regeln nennen noch kein Ziel."),
}


@pytest.mark.parametrize("path", WORDS)
def test_where_nothing_is_a_page_says_so(users: dict[Role, Browser], open_page: OpenPage, path: str) -> None:
    for language, words in zip(("en", "de"), WORDS[path], strict=True):
        page = visit(open_page, users[Role.VIEWER], path, language=language)
        page.get_by_text(words).wait_for()
        axe(page)
        shoot(page, f"{path[1:]}-empty-{language}")


def test_what_is_not_there_is_not_found(users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    for path in ("/hold/image/0123", "/outbox/PACS"):
        assert admin.get(path).status == 404, path
    assert "any more" in admin.get("/hold/reason/0123456789abcdef").text
    assert admin.call("GET", "/hold/entries").json == {"entries": [], "next": ""}
    for path, words in (("/hold", "Nothing is held for this reason any more."), ("/outbox", "does not run")):
        admin.post(path, do="release" if path == "/hold" else "pause", group="0" * 16, name="PACS")
        assert words in admin.get(path).text


def test_while_the_appliance_is_stopped_all_is_seen_and_the_hold_can_be_worked_on(
    tmp_path: Path, open_page: OpenPage
) -> None:
    lived = waiting(tmp_path / "data")
    held = [hold(lived, "no route takes it", n) for n in range(1, 4)]
    lived.house.journals.close()
    console = Serving(tmp_path)
    try:
        admin = console.user("admin", Role.ADMIN)
        page = visit(open_page, admin, "/outbox/PACS", language="de")
        page.get_by_text("steht still").wait_for()
        page.get_by_role("cell", name="Müller, Änne").first.wait_for()
        shoot(page, "outbox-stopped-de")
        page.close()
        admin.post("/outbox/PACS", do="pause")
        assert "The appliance does not run" in admin.get("/outbox/PACS").text
        waits = next(one for one in admin.call("GET", "/outboxes").json["outboxes"] if one["name"] == "PACS")
        assert waits["counts"]["retrying"] == 3
        assert admin.call("POST", "/hold/delete", {"ids": held[:1]}).json["done"] == 1
        assert admin.call("POST", "/hold/release", {"ids": held[1:]}).json["done"] == 2
        assert "Nothing is held." in admin.get("/hold").text
        assert admin.call("POST", "/outboxes/PACS/take-back", {"ids": None}).json["done"] == 3
    finally:
        console.stop()
