"""What every answer of the console has: headers, languages, files, errors in words; and the addresses for monitors."""

import json
import re
from urllib.parse import quote

import pytest

from appliance.console.handler import json_block
from appliance.console.roles import Role
from tests.console.serving import Browser, Serving


@pytest.mark.parametrize(
    "path", ["/sign-in", "/account", "/nowhere", "/api/v1/me", "/healthz", "/static/x/console.css"]
)
def test_every_answer_keeps_strangers_out(users: dict[Role, Browser], path: str) -> None:
    headers = users[Role.ADMIN].get(path).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Server" not in headers
    assert headers["Cache-Control"] in ("no-store", "no-cache")


def test_no_page_has_scripts_or_styles_in_it(users: dict[Role, Browser]) -> None:
    for path in ("/account", "/audit", "/users", "/settings", "/nowhere"):
        text = users[Role.ADMIN].get(path).text
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", text), path
        assert all('src="' in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text)), path


def test_files_are_kept_for_a_year_under_their_digest(console: Serving) -> None:
    browser = console.browser()
    address = re.search(r'href="(/static/\w+/console.css)"', browser.get("/sign-in").text)
    assert address
    plain = browser.get(address[1])
    assert "immutable" in plain.headers["Cache-Control"]
    packed = browser.get(address[1], Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.text == plain.text
    assert browser.get("/static/0123456789abcdef/console.css").headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "../app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "....//app.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "console.css%00.js",
        "..\\app.py",
        "vendor/../../app.py",
    ],
)
def test_only_files_of_ours_are_sent(console: Serving, name: str) -> None:
    answer = console.browser().ask("GET", f"/static/x/{name}")
    assert answer.status == 404
    assert b"import" not in answer.body
    assert b"root:" not in answer.body


def test_pages_are_compressed_where_that_is_understood(users: dict[Role, Browser]) -> None:
    packed = users[Role.ADMIN].get("/users", Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "<h1>Users</h1>" in packed.text


@pytest.mark.parametrize(
    ("accepted", "heading"),
    [
        ("de-DE,de;q=0.9,en;q=0.5", "Anmelden"),
        ("en-GB,en,de", "Sign in"),
        ("fr,de;q=0.4", "Anmelden"),
        ("fr", "Anmelden"),
    ],
)
def test_the_language_is_the_browsers(console: Serving, accepted: str, heading: str) -> None:
    text = console.browser(Accept_Language=accepted).get("/sign-in").text
    assert f"<h1>{heading}</h1>" in text


def test_another_language_is_remembered(console: Serving) -> None:
    browser = console.browser()
    answer = browser.post("/language", on="/sign-in", language="de", back="/sign-in")
    assert answer.to == "/sign-in"
    assert "<h1>Anmelden</h1>" in browser.get("/sign-in").text
    assert browser.post("/language", on="/sign-in", language="en", back="//evil.example").to == "/"
    somebody = console.user("polyglot", Role.VIEWER)
    somebody.post("/language", on="/account", language="de", back="/account")
    assert "<h1>Ihr Konto</h1>" in console.user("polyglot").get("/account").text, "it is the user's, on any browser"


def test_what_is_not_there_is_said_in_words(console: Serving, users: dict[Role, Browser]) -> None:
    answer = users[Role.VIEWER].get("/nowhere")
    assert answer.status == 404
    assert "There is nothing at this address." in answer.text
    assert console.browser(Accept_Language="de").get("/nowhere").text.count("Unter dieser Adresse ist nichts.") == 1


def test_the_navigation_has_what_the_role_may_see(users: dict[Role, Browser]) -> None:
    for role, missing in ((Role.VIEWER, {"/users", "/settings"}), (Role.OPERATOR, {"/users"}), (Role.ADMIN, set())):
        places = re.search(r'<nav class="places".*?</nav>', users[role].get("/account").text, re.DOTALL)
        assert places
        links = set(re.findall(r'href="([^"]+)"', places[0]))
        assert links >= {"/audit", "/users", "/settings"} - missing
        assert not links & missing


def test_what_is_typed_is_never_a_script(console: Serving, users: dict[Role, Browser]) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    sign_in = console.browser().post("/sign-in", name=evil[:60], password="wrong password")
    assert "<script>alert" not in sign_in.text
    assert "&lt;script&gt;alert" in sign_in.text
    audit = users[Role.ADMIN].get(f"/audit?who={quote(evil[:60])}")
    assert "<script>alert" not in audit.text
    assert "&lt;script&gt;alert" in audit.text
    back = console.browser().get(f"/sign-in?next={quote('/' + evil)}")
    assert "<script>alert" not in back.text


def test_data_for_scripts_cannot_end_its_element() -> None:
    block = json_block("words", {"name": "</script><script>alert(1)</script>\u2028&"})
    assert block.count("<") == 2
    inner = block.partition(">")[2].rpartition("<")[0]
    assert json.loads(inner) == {"name": "</script><script>alert(1)</script>\u2028&"}


def test_a_monitor_hears_a_word(console: Serving) -> None:
    answer = console.browser().get("/healthz")
    assert (answer.status, answer.text) == (503, "the appliance does not answer\n")


def test_prometheus_is_answered_on_this_machine_and_with_a_token(console: Serving) -> None:
    answer = console.browser().get("/metrics")
    assert answer.status == 200
    assert re.search(r"^stellwerk_up 0$", answer.text, re.MULTILINE)
    assert console.browser().get("/metrics", Authorization="Bearer stw_wrong").status == 401


def test_who_is_not_signed_in_sees_no_page(console: Serving) -> None:
    for path in ("/", "/account", "/audit", "/users", "/settings"):
        answer = console.browser().get(path)
        assert answer.status == 303, path
        assert answer.to.startswith("/sign-in"), path


def test_a_request_that_is_too_large_is_refused(console: Serving) -> None:
    answer = console.browser().ask("POST", "/sign-in", None, Content_Length=str(1 << 30))
    assert answer.status in (400, 413)
