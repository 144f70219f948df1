"""Rules on trial and on probation, with a real appliance: by the API, and in a browser."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from appliance.console.roles import Role
from tests.console.browser import OpenPage, axe, shoot, too_wide
from tests.console.ruled import Ruled, ruled
from tests.console.serving import Browser
from tests.console.visiting import visit
from tests.engine.spool.crash_kit import new_uid, write_instance


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    with ruled(tmp_path_factory.mktemp("tried")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(both: Ruled) -> Browser:
    return both.user(Role.ADMIN)


@pytest.fixture(autouse=True)
def put_right(both: Ruled, admin: Browser) -> Iterator[None]:
    """Each test leaves the rules as it found them, and nothing on trial."""
    before, program = both.text, admin.call("GET", "/state").json["program"]
    yield
    both.line.rules_file.write_text(before, encoding="utf-8")
    for path in ("trial/cancel", "watch/end"):
        admin.call("POST", f"/rules/{path}", None)
    _until(lambda: _settled(admin), "something still goes on")
    for path in ("trial/seen", "watch/seen"):
        assert admin.call("POST", f"/rules/{path}", None).status == 200
    _until(lambda: admin.call("GET", "/state").json["program"] == program, "the rules do not run")


def _settled(admin: Browser) -> bool:
    standing = admin.call("GET", "/rules/trial").json
    return all(one is None or one["state"] == "over" for one in standing.values())


def _until(happens: Any, otherwise: str, seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, otherwise
        time.sleep(0.2)


def send(both: Ruled, *kinds: str) -> None:
    """Images of these modalities."""
    for kind in kinds:
        file = both.line.root / f"{new_uid()}.in"
        write_instance(file, new_uid(), kind)
        both.line.deliver(file)


def standing(admin: Browser) -> Any:
    return admin.call("GET", "/rules/trial").json


def begin(admin: Browser, text: str, **more: object) -> Any:
    digest = admin.call("GET", "/rules").json["digest"]
    chosen = {"minutes": 5, "then": "ask", "watch": 10, "why": "to see", **more}
    return admin.call("POST", "/rules/trial", {"files": {"test.rules": text}, "digest": digest, **chosen})


def activate(admin: Browser, text: str, **more: object) -> Any:
    digest = admin.call("GET", "/rules").json["digest"]
    body = {"files": {"test.rules": text}, "digest": digest, "why": "", **more}
    return admin.call("POST", "/rules/activate", body).json


def test_a_trial_judges_what_comes_survives_its_console_and_is_switched_to(both: Ruled, admin: Browser) -> None:
    before = both.text
    new = before.replace('contains "Praxis"', 'contains "Klinik"').partition("test ")[0]
    assert begin(admin, new).json == {"begun": True, "findings": []}
    assert begin(admin, new).status == 409
    send(both, "US", "XA")
    _until(lambda: standing(admin)["trial"]["judged"] == 2, "it does not judge")
    found = standing(admin)["trial"]
    assert (found["differ"], found["gone"], found["state"]) == (1, 0, "running")
    assert (found["groups"][0]["won"], found["groups"][0]["seen"]) == (["Hold: no route takes it"], True)
    assert both.text == before
    _kill_console(both)
    _until(lambda: _answers(admin), "the console does not come back")
    send(both, "US")
    _until(lambda: standing(admin)["trial"]["judged"] == 3, "it does not go on")
    assert standing(admin)["trial"]["differ"] == 2
    done = admin.call("POST", "/rules/trial/switch", None).json
    assert done["became"] == "runs"
    assert both.text == new
    now = standing(admin)
    assert (now["trial"]["outcome"], now["watch"]["state"]) == ("switched", "watching")
    acts = [one["did"] for one in admin.call("GET", "/audit").json["acts"]]
    assert acts[:2] == ["rules-activated", "rules-trial"]


def test_rules_under_which_more_is_held_are_taken_back_and_what_they_held_goes_again(
    both: Ruled, admin: Browser
) -> None:
    before = both.text
    new = before.replace('contains "Praxis"', 'contains "Klinik"').partition("test ")[0]
    assert activate(admin, new, watch=5)["became"] == "runs"
    held = len(list(both.line.spool.held.glob("*.dcm")))
    send(both, "US", "US", "US")
    _until(lambda: both.text == before, "it is not taken back")
    _until(lambda: standing(admin)["watch"]["outcome"] == "withdrawn", "it does not come to an end")
    found = standing(admin)["watch"]
    assert (found["received"], found["held"], found["before_received"] >= 3) == (3, 3, True)
    troubles = admin.call("GET", "/state").json["troubles"]
    assert any(one["name"] == "new rules" and "was taken back" in one["words"] for one in troubles)
    versions = admin.call("GET", "/rules/versions").json["versions"]
    assert (versions[0]["author"], versions[0]["is_current"]) == ("stellwerk", True)
    assert "rules-withdrawn" in [one["did"] for one in admin.call("GET", "/audit").json["acts"]]
    assert "Müller" not in both.line.said()
    assert "is taken back: failures rose (held)" in both.line.said()
    assert len(list(both.line.spool.held.glob("*.dcm"))) == held + 3
    done = admin.call("POST", "/rules/watch/again", None).json
    assert (done["done"], done["left"], done["unfit"]) == (3, 0, {})
    both.line.settle()
    assert len(list(both.line.spool.held.glob("*.dcm"))) == held
    assert admin.call("POST", "/rules/watch/seen", None).status == 200
    _until(
        lambda: all(one["name"] != "new rules" for one in admin.call("GET", "/state").json["troubles"]),
        "it stays a trouble",
    )


def test_rules_that_clean_more_stay_and_a_person_is_told(both: Ruled, admin: Browser) -> None:
    before = both.text
    new = before.replace('contains "Praxis"', 'contains "Klinik"').replace("→ store", "→ anonymize\n  → store")
    new = new.partition("test ")[0]
    assert activate(admin, new, watch=5)["became"] == "runs"
    [words] = standing(admin)["watch"]["words"]
    assert "does not come back by itself" in words
    send(both, "US", "US", "US")
    _until(lambda: standing(admin)["watch"]["outcome"] == "left", "nobody is told")
    assert both.text == new
    assert "could let out what must stay" in standing(admin)["watch"]["words"][0]
    _until(
        lambda: any("was not taken back" in one["words"] for one in admin.call("GET", "/state").json["troubles"]),
        "it is no trouble",
    )
    assert admin.call("POST", "/rules/watch/again", None).status == 409, "they may be let out by nothing but a choice"


def test_others_than_admins_only_look(both: Ruled) -> None:
    operator = both.user(Role.OPERATOR)
    assert operator.call("GET", "/rules/trial").json == {"trial": None, "watch": None}
    assert begin(operator, both.text).status == 403
    for path in ("trial/cancel", "trial/switch", "trial/seen", "watch/end", "watch/seen", "watch/again"):
        assert operator.call("POST", f"/rules/{path}", None).status == 403


WORDS = {
    "de": {
        "view": "Erst eine Zeit lang ausprobieren",
        "begin": "Probelauf beginnen",
        "begun": "Der Probelauf hat begonnen.",
        "came": "Bilder seit dem Beginn: 1. Davon würden anders behandelt: 1.",
        "switch": "Jetzt aktivieren",
        "watched": "wird noch 10 Minuten beobachtet",
        "withdrawn": "wurde zurückgenommen, weil sich Fehler häuften",
        "again": "Noch einmal durch die Regeln schicken",
        "gone": "Gehen noch einmal durch die Regeln:",
        "seen": "Gesehen",
    },
    "en": {
        "view": "Try them for some time first",
        "begin": "Begin the trial",
        "begun": "The trial has begun.",
        "came": "Images since it began: 1. Of these, would fare otherwise: 1.",
        "switch": "Activate them now",
        "watched": "is watched for 10 more minutes",
        "withdrawn": "was taken back, as failures rose",
        "again": "Send them through the rules again",
        "gone": "Go through the rules again:",
        "seen": "I have seen it",
    },
}


@pytest.mark.parametrize("language", ["de", "en"])
def test_rules_are_tried_switched_to_and_taken_back_before_ones_eyes(
    both: Ruled, admin: Browser, open_page: OpenPage, language: str
) -> None:
    said, before = WORDS[language], both.text
    page = visit(open_page, admin, "/rules", language=language, width=1280 if language == "de" else 390)
    page.locator("#trial-view summary").click()
    expect(page.get_by_role("button", name=said["begin"])).to_be_disabled()
    _write(page, before.replace('contains "Praxis"', 'contains "Klinik"').partition("test ")[0])
    axe(page)
    shoot(page, f"trial-form-{language}")
    page.get_by_role("button", name=said["begin"]).click()
    expect(page.locator("#result")).to_contain_text(said["begun"], timeout=20_000)
    send(both, "US")
    expect(page.locator("#trial")).to_contain_text(said["came"], timeout=20_000)
    axe(page)
    shoot(page, f"trial-{language}")
    assert too_wide(page) <= 0
    page.get_by_role("button", name=said["switch"]).click()
    page.get_by_role("dialog").get_by_role("button", name=said["switch"]).click()
    expect(page.locator("#watch")).to_contain_text(said["watched"], timeout=30_000)
    expect(page.locator("#changed")).to_be_hidden()
    shoot(page, f"watch-{language}")
    send(both, "US", "US", "US")
    expect(page.locator("#watch")).to_contain_text(said["withdrawn"], timeout=30_000)
    expect(page.locator(".cm-content").first).to_contain_text("Praxis")
    axe(page)
    shoot(page, f"withdrawn-{language}")
    assert too_wide(page) <= 0
    assert both.text == before
    page.get_by_role("button", name=said["again"]).click()
    page.get_by_role("dialog").get_by_role("button", name=said["again"]).click()
    expect(page.locator("#result")).to_contain_text(said["gone"], timeout=20_000)
    page.locator("#watch").get_by_role("button", name=said["seen"]).click()
    expect(page.locator("#watch")).to_be_hidden()


def _write(page: Page, text: str) -> None:
    page.locator(".cm-content").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def _answers(who: Browser) -> bool:
    try:
        return who.get("/healthz").status == 200
    except OSError:
        return False


def _kill_console(both: Ruled) -> None:
    """kill -9: the appliance starts another one."""
    main = both.line.process.pid
    for path in Path(f"/proc/{main}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            if re.search(rb"appliance\0console", Path(f"/proc/{child}/cmdline").read_bytes()):
                os.kill(child, signal.SIGKILL)
                return
    raise AssertionError("there is no console")
