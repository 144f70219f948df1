"""What somebody may try from outside or with another's words: HTML in everything that is typed or uploaded, frames
around our pages, and addresses that lead elsewhere. What signing in keeps out stands in test_sign_in.py, roles and
tokens against forgery in test_guard.py and test_roles.py, paths in ZIPs in tests/engine/sources/test_zips.py.
"""

import html
import http.client
import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from appliance.console.roles import Role
from tests.console.browser import OpenPage
from tests.console.living import Living
from tests.console.serving import Answer, Browser, Serving, trusting
from tests.console.visiting import visit
from tests.console.walking import Reading, walk

EVIL = "<img src=x onerror=document.title='taken'>"
"""As HTML it would ask for an image that is not there, of which a browser complains, and try to run a script."""


def uploaded(who: Browser, number: str, path: str, data: bytes) -> Answer:
    headers = {"X-CSRF-Token": who.get("/account").csrf, "X-File-Path": quote(path)}
    return who.ask(
        "POST", f"/api/v1/sendings/{number}/upload", data, **headers, X_File_Size=str(len(data)), X_File_Offset="0"
    )


def packed(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name in names:
            made.writestr(name, b"no image")
    return stream.getvalue()


@pytest.fixture(scope="module")
def sending(living: Living, people: dict[Role, Browser]) -> str:
    """An upload whose files, folders and members of ZIPs are called so."""
    operator = people[Role.OPERATOR]
    number = str(operator.call("POST", "/sendings").json["id"])
    image = next(living.images.glob("*.dcm")).read_bytes()
    for path, data in (
        (f"{EVIL}.dcm", image[: len(image) // 2]),
        (f"{EVIL}/letter.txt", b"Dear colleague"),
        (f"{EVIL}.zip", packed(f"{EVIL}/in.txt", f"../../{EVIL}")),
        ("whole.dcm", image),
    ):
        assert uploaded(operator, number, path, data).status == 200
    operator.call("POST", f"/sendings/{number}/read")
    living.until(lambda: operator.call("GET", f"/sendings/{number}").json["state"] == "read")
    return number


@pytest.fixture(scope="module")
def noted(living: Living, people: dict[Role, Browser]) -> str:
    """Rules that were activated with such words: why they were, why they hold, and where a folder is."""
    admin = people[Role.ADMIN]
    now = admin.call("GET", "/rules").json
    folder = living.root / EVIL
    folder.mkdir()
    text = (
        living.line.rules_file.read_text("utf-8")
        + f'destination ODD = folder "{folder}"\non outbox ODD → hold "{EVIL}"\n'
    )
    body = {"files": {"test.rules": text, f"{EVIL}.rules": "# nothing yet\n"}, "digest": now["digest"], "why": EVIL}
    answer = admin.call("POST", "/rules/activate", body).json
    assert answer["became"] == "runs", answer
    return str(answer["version"])


def test_what_is_uploaded_is_named_as_text(people: dict[Role, Browser], sending: str, open_page: OpenPage) -> None:
    answer = people[Role.OPERATOR].get(f"/send/{sending}")
    assert Reading("/send", answer.text).faults == []
    # The half image, the letter in its folder, and both of the ZIP.
    assert answer.text.count(html.escape(EVIL)) >= 4
    page = visit(open_page, people[Role.OPERATOR], f"/send/{sending}")
    page.get_by_text(f"{EVIL}.dcm").first.wait_for()
    assert "taken" not in page.title()
    assert page.locator("main img").count() == 0


def test_what_was_typed_about_rules_is_text(people: dict[Role, Browser], noted: str, open_page: OpenPage) -> None:
    admin = people[Role.ADMIN]
    versions = admin.get("/rules").text
    assert html.escape(EVIL) in versions
    for path in ("/rules", f"/rules/versions/{noted}", "/destinations", "/audit"):
        page = visit(open_page, admin, path)
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_load_state("networkidle") if path == "/audit" else page.wait_for_timeout(500)
        assert "taken" not in page.title(), path
        assert page.locator("main img").count() == 0, path
    assert html.escape(EVIL) in admin.get("/destinations").text


@pytest.mark.usefixtures("noted")
def test_no_page_takes_any_of_it_for_html(people: dict[Role, Browser], sending: str) -> None:
    visits = walk(people[Role.ADMIN])
    paths = {one.path for one in visits}
    assert {f"/send/{sending}", "/rules", "/destinations"} <= paths
    assert {one.path: one.reading.faults for one in visits if one.reading.faults} == {}
    assert [one.path for one in visits if "<img src=x" in one.answer.text] == []


@pytest.mark.parametrize("name", [EVIL, "a b", "../x", "x\ny", ""])
def test_names_of_users_and_tokens_have_no_such_letters(people: dict[Role, Browser], name: str) -> None:
    admin = people[Role.ADMIN]
    refused = admin.call("POST", "/tokens", {"name": name, "role": "viewer", "days": 1})
    assert refused.status == 422
    before = admin.call("GET", "/tokens").json
    admin.post("/users", do="token", name=name, role="viewer", days="1")
    assert admin.call("GET", "/tokens").json == before
    link = admin.call("POST", "/links", {"role": "viewer"}).json["path"]
    stranger = Browser(admin.port)
    answer = stranger.post(link, name=name, password="long enough a word", again="long enough a word")
    assert answer.status == 422
    assert EVIL not in answer.text


@pytest.mark.parametrize("name", ["../x.rules", "/etc/x.rules", "a/b.rules", ".rules", "x.rules\0"])
def test_no_rule_file_is_written_elsewhere(living: Living, people: dict[Role, Browser], name: str) -> None:
    admin = people[Role.ADMIN]
    before = sorted(living.line.data.rglob("*.rules"))
    now = admin.call("GET", "/rules").json
    body = {"files": {name: "on port 1 → hold\n"}, "digest": now["digest"], "why": ""}
    assert admin.call("POST", "/rules/activate", body).status == 422
    assert sorted(living.line.data.rglob("*.rules")) == before


@pytest.mark.parametrize("number", ["..%2f..%2fsecrets%2fconsole-users.json", "..", "%2e%2e", "99999", "-1", "1%00"])
def test_no_version_is_read_from_elsewhere(people: dict[Role, Browser], number: str) -> None:
    admin = people[Role.ADMIN]
    for answer in (admin.get(f"/rules/versions/{number}"), admin.call("GET", f"/rules/versions/{number}")):
        assert answer.status in (404, 422)
        assert "argon2id" not in answer.text


@pytest.mark.parametrize(
    "to", ["//evil.example", "https://evil.example", "/\\evil.example", "\\\\evil", "/\t/evil.example"]
)
def test_nobody_is_sent_elsewhere_by_a_form(people: dict[Role, Browser], to: str) -> None:
    viewer = people[Role.VIEWER]
    answer = viewer.post("/language", on="/account", language="en", back=to)
    assert (answer.status, answer.to) == (303, "/")
    assert viewer.get("/sign-in?" + f"next={quote(to)}").text.count("evil") == 0


class Rude:
    """A mail relay that refuses everybody with such words."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            with line:
                line.sendall(b"220 relay\r\n")
                for said in line.makefile("rb"):
                    word = said[:4].upper()
                    line.sendall(b"250 relay\r\n" if word in (b"EHLO", b"HELO") else f"554 {EVIL}\r\n".encode())

    def close(self) -> None:
        """No more."""
        self._socket.close()


@pytest.fixture(scope="module")
def mailing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    rude = Rude()
    console = Serving(
        tmp_path_factory.mktemp("mail"), mail_host="127.0.0.1", mail_port=str(rude.port), mail_security="none"
    )
    yield console
    console.stop()
    rude.close()


def test_of_what_a_mail_relay_says_its_number_is_told(mailing: Serving) -> None:
    admin = mailing.user("admin")
    assert admin.post("/settings", do="mail", to="it@praxis.example").status == 303
    text = admin.get("/settings").text
    assert "554" in text
    answer = admin.call("POST", "/settings/mail-test", {"to": "it@praxis.example"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "554" in answer.json["title"]
    assert not any("onerror" in said for said in (text, answer.text, mailing.said()))


def guarded(answer: Answer) -> bool:
    headers = answer.headers
    return (
        "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        and headers["X-Frame-Options"] == "DENY"
        and headers["X-Content-Type-Options"] == "nosniff"
        and headers["Referrer-Policy"] == "same-origin"
        and headers["Cross-Origin-Resource-Policy"] == "same-origin"
    )


def test_no_answer_may_be_put_into_a_frame(people: dict[Role, Browser], sending: str) -> None:
    """Whatever it is: a page, a refusal, a redirect, a file, a stream, what is no page at all."""
    admin, stranger = people[Role.ADMIN], Browser(people[Role.ADMIN].port)
    asked = {
        "page": (admin.get("/account"), 200),
        "redirect to sign in": (stranger.get("/account"), 303),
        "sign in": (stranger.get("/sign-in"), 200),
        "nowhere": (admin.get("/nowhere"), 404),
        "wrong method": (admin.get("/sign-out"), 405),
        "no method": (admin.ask("TRACE", "/account"), 405),
        "no role": (people[Role.VIEWER].get("/users"), 403),
        "no token": (admin.ask("POST", "/account", "do=x"), 403),
        "operation": (admin.call("GET", "/me"), 200),
        "no operation": (admin.call("GET", "/nothing"), 404),
        "nobody's operation": (stranger.call("GET", "/me"), 401),
        "refused body": (admin.call("POST", "/tokens", {}), 422),
        "upload": (uploaded(admin, sending, "late", b"x"), 409),
        "file": (admin.get("/static/x/console.css"), 200),
        "no file": (admin.get("/static/x/nothing"), 404),
        "monitor": (stranger.get("/healthz"), 200),
        "document": (admin.call("GET", "/openapi.json"), 200),
    }
    assert {name: answer.status for name, (answer, _) in asked.items()} == {
        name: status for name, (_, status) in asked.items()
    }
    assert [name for name, (answer, _) in asked.items() if not guarded(answer)] == []


def test_the_stream_of_events_is_guarded_as_well(people: dict[Role, Browser]) -> None:
    who = people[Role.VIEWER]
    line = http.client.HTTPSConnection("127.0.0.1", who.port, timeout=30, context=trusting())
    line.request("GET", "/api/v1/events", headers={"Cookie": "; ".join(f"{k}={v}" for k, v in who.cookies.items())})
    answer = line.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert guarded(Answer(answer.status, answer.headers, b""))
    line.close()


def test_no_cookie_is_there_for_scripts_or_for_others(people: dict[Role, Browser]) -> None:
    stranger = Browser(people[Role.ADMIN].port)
    answers = [stranger.get("/sign-in"), stranger.post("/language", on="/sign-in", language="de", back="/sign-in")]
    token = stranger.get("/sign-in").csrf
    answers.append(stranger.post("/sign-in", csrf=token, name="viewer", password="a long enough one"))
    answers.append(stranger.post("/sign-out", on="/account"))
    cookies = [line for answer in answers for line in answer.headers.get_all("Set-Cookie") or ()]
    assert {line.partition("=")[0] for line in cookies} == {"__Host-visitor", "__Host-language", "__Host-session"}
    for line in cookies:
        flags = {part.strip().lower() for part in line.split(";")[1:]}
        assert {"secure", "httponly", "samesite=strict", "path=/"} <= flags, line
        assert not any(flag.startswith("domain") for flag in flags), line


def test_nothing_of_it_is_outside_of_our_folders(living: Living, sending: str) -> None:
    home = living.line.data / "console" / "sendings" / sending
    names = {path.name for path in home.rglob("*") if path.is_file()}
    assert all(name.isdecimal() or name.endswith((".json", ".jsonl")) for name in names), names
    called_so = {path for path in living.root.rglob("*") if "onerror" in path.name and path.is_file()}
    assert called_so == set((living.line.data / "rules").glob("*onerror*"))
