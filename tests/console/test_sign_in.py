"""Signing in: the first link, the password, the session, and what keeps strangers from having any of them."""

import re
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.console.app import _log
from appliance.console.keys import digest
from appliance.console.roles import Role
from tests.console.serving import PASSWORD, Browser, Serving

SESSION = "__Host-session"


def test_the_first_link_makes_the_first_admin_and_works_once(tmp_path: Path) -> None:
    console = Serving(tmp_path)
    try:
        stranger = console.browser()
        assert "stellwerk console link" in stranger.get("/sign-in").text
        link = re.search(r"/start/[\w-]+", console.said())
        assert link
        assert stranger.get(link[0]).status == 200, "looking at it uses it up"
        secret = link[0].rpartition("/")[2]
        assert secret not in (console.data / "secrets/console-links.json").read_text()
        assert stranger.post(link[0], name="anna", password="short", again="short").status == 422
        assert stranger.post(link[0], name="anna", password=PASSWORD, again="another one.").status == 422
        begun = stranger.post(link[0], name="anna", password=PASSWORD, again=PASSWORD)
        assert (begun.status, begun.to) == (303, "/")
        assert stranger.get("/users").status == 200
        account = console.accounts.find("anna")
        assert account is not None
        assert account.role is Role.ADMIN
        other = console.browser()
        assert other.get(link[0]).status == 404
        used = other.post(link[0], on="/sign-in", name="eve", password=PASSWORD, again=PASSWORD)
        assert used.status == 404
        assert console.accounts.find("eve") is None
        assert PASSWORD not in console.said()
    finally:
        console.stop()
    assert oct((console.data / "secrets/console-users.json").stat().st_mode & 0o777) == "0o600"
    assert "argon2id" in (console.data / "secrets/console-users.json").read_text()


def test_a_link_ends_by_itself(console: Serving) -> None:
    secret = console.links.make(Role.ADMIN, "anna", hours=-1)
    answer = console.browser().get(f"/start/{secret}")
    assert answer.status == 404
    assert "time is over" in answer.text


def test_a_link_for_another_password_ends_the_sessions(console: Serving) -> None:
    there = console.user("forgetful", Role.VIEWER)
    assert there.get("/account").status == 200
    secret = console.links.make(Role.VIEWER, "anna", "forgetful")
    elsewhere = console.browser()
    assert elsewhere.post(f"/start/{secret}", name="x", password="quite another", again="quite another").status == 303
    assert there.get("/account").status == 303
    assert elsewhere.get("/account").status == 200
    with pytest.raises(AssertionError):
        console.browser().sign_in("forgetful")


def test_a_session_is_a_cookie_for_this_host_alone(console: Serving) -> None:
    console.user("anna")
    answer = console.browser().post("/sign-in", name="anna", password=PASSWORD)
    cookies = [line for line in answer.headers.get_all("Set-Cookie") or () if line.startswith(SESSION)]
    assert len(cookies) == 1
    flags = {part.strip().lower() for part in cookies[0].split(";")[1:]}
    assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


def test_only_the_digest_of_a_session_is_kept(console: Serving) -> None:
    browser = console.user("anna")
    kept = (console.data / "console/sessions.json").read_text()
    assert browser.cookies[SESSION] not in kept
    assert digest(browser.cookies[SESSION]) in kept


def test_a_session_that_was_there_before_is_not_taken_over(console: Serving) -> None:
    victim = console.browser()
    victim.cookies[SESSION] = planted = "planted-by-somebody-else"
    console.user("anna")
    victim.sign_in("anna")
    assert victim.cookies[SESSION] != planted
    thief = Browser(console.port, {SESSION: planted})
    assert thief.get("/account").status == 303
    former = dict(victim.cookies)
    victim.sign_in("anna")
    assert Browser(console.port, former).get("/account").status == 303, "signing in anew leaves the old session open"


def test_a_wrong_name_and_a_wrong_password_are_told_alike(console: Serving) -> None:
    console.user("anna")
    said = []
    for name in ("anna", "nobody-at-all"):
        answer = console.browser().post("/sign-in", name=name, password="wrong password")
        said.append((answer.status, re.findall(r'role="alert">([^<]+)', answer.text)))
    assert said[0] == said[1] == (403, ["User or password is wrong."])


def test_who_guesses_must_wait_and_the_right_password_too(tmp_path: Path) -> None:
    console = Serving(tmp_path)
    try:
        console.accounts.add("anna", Role.ADMIN, PASSWORD)
        guesser = console.browser()
        token = guesser.get("/sign-in").csrf
        statuses = [
            guesser.post("/sign-in", csrf=token, name="anna", password=f"guess {number}").status for number in range(7)
        ]
        assert statuses == [403] * 6 + [429]
        assert guesser.post("/sign-in", csrf=token, name="anna", password=PASSWORD).status == 429
        refused = guesser.post("/sign-in", csrf=token, name="nobody", password="x" * 12)
        assert refused.status == 429, "the address is counted, too"
        assert int(refused.headers["Retry-After"]) >= 1
        assert "sign-in-refused" in next((console.data / "audit").iterdir()).read_text()
    finally:
        console.stop()


def test_who_has_a_session_does_not_guess_the_password_any_faster(tmp_path: Path) -> None:
    console = Serving(tmp_path)
    try:
        thief = console.user("anna", Role.ADMIN)
        kept, token = dict(thief.cookies), thief.get("/account").csrf

        def guess(number: int) -> None:
            form = {"do": "password", "old": f"guess {number}", "password": "something new", "again": "something new"}
            Browser(console.port, dict(kept)).post("/account", csrf=token, **form)

        with ThreadPoolExecutor(12) as many:
            list(many.map(guess, range(12)))
        page = thief.get("/account").text
        assert page.count("The password until now is another one.") == 6
        assert page.count("Too many wrong passwords") == 6
    finally:
        console.stop()


def test_what_goes_wrong_is_logged_without_the_secret_of_a_link(caplog: pytest.LogCaptureFixture) -> None:
    secret = secrets.token_urlsafe(32)
    request = SimpleNamespace(method="GET", path=f"/start/{secret}")
    _log(SimpleNamespace(get_status=lambda: 500, request=request))
    assert caplog.messages == ["GET /start/…: 500"]


def test_signing_out_ends_the_session_at_the_server(console: Serving) -> None:
    browser = console.user("anna")
    kept = dict(browser.cookies)
    assert browser.post("/sign-out", on="/account").to == "/sign-in"
    assert SESSION not in browser.cookies
    assert Browser(console.port, kept).get("/account").status == 303
    assert console.browser().get("/sign-out").status == 405


def test_signing_out_everywhere_ends_all_of_them(console: Serving) -> None:
    one, other = console.user("walker", Role.VIEWER), console.user("walker")
    assert one.post("/account", do="everywhere").to == "/sign-in"
    assert other.get("/account").status == 303


def test_another_password_ends_the_other_sessions(console: Serving) -> None:
    one, other = console.user("changer", Role.VIEWER), console.user("changer")
    wrong = one.post("/account", do="password", old="no", password="something new", again="something new")
    assert wrong.status == 303
    assert "another one" in one.get("/account").text
    assert other.get("/account").status == 200
    one.post("/account", do="password", old=PASSWORD, password="something new", again="something new")
    assert "is changed" in one.get("/account").text
    assert other.get("/account").status == 303
    console.browser().sign_in("changer", "something new")


@pytest.mark.parametrize("to", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_nobody_is_sent_elsewhere_after_signing_in(console: Serving, to: str) -> None:
    console.user("anna")
    assert console.browser().post("/sign-in", name="anna", password=PASSWORD, next=to).to == "/"


def test_one_comes_back_to_the_page_that_was_asked_for(console: Serving) -> None:
    console.user("anna")
    browser = console.browser()
    asked = browser.get("/audit?did=pause")
    assert asked.to == "/sign-in?next=%2Faudit%3Fdid%3Dpause"
    answer = browser.post("/sign-in", on=asked.to, name="anna", password=PASSWORD, next="/audit?did=pause")
    assert answer.to == "/audit?did=pause"


def test_who_is_shut_out_or_removed_is_out_at_once(console: Serving) -> None:
    admin, other = console.user("anna"), console.user("bernd", Role.OPERATOR)
    assert other.get("/settings").status == 200
    admin.post("/users", do="disable", name="bernd")
    assert other.get("/settings").status == 303
    assert console.browser().post("/sign-in", name="bernd", password=PASSWORD).status == 403
    admin.post("/users", do="enable", name="bernd")
    again = console.user("bernd")
    admin.post("/users", do="remove", name="bernd")
    assert again.get("/account").status == 303
    assert console.accounts.find("bernd") is None


def test_sessions_outlive_a_restart(tmp_path: Path) -> None:
    console = Serving(tmp_path)
    try:
        browser = console.user("anna")
        assert console.stop() == 0
        console.start()
        assert browser.get("/account").status == 200
    finally:
        console.stop()


def test_the_time_taken_tells_nothing_of_who_exists(console: Serving) -> None:
    console.accounts.add("quick", Role.VIEWER, PASSWORD)
    took = {}
    for name in ("quick", "missing"):
        rounds = []
        for _ in range(3):
            begun = time.perf_counter()
            assert console.accounts.check(name, "wrong password") is None
            rounds.append(time.perf_counter() - begun)
        took[name] = min(rounds)
    assert took["missing"] > took["quick"] / 3
