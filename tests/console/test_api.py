"""The API: its document is valid, every operation answers as it is declared, and nothing makes it stumble."""

import http.client
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from appliance.console.api import Operation, by_path, declared
from appliance.console.openapi import document
from appliance.console.roles import Role
from tests.console.serving import Answer, Browser, Serving, trusting

OPERATIONS = declared()

BOX = {"x": 0, "y": 0, "width": 8, "height": 8}

BODIES: dict[str, Any] = {
    "look-for-update": {"url": "https://updates.example/"},
    "install-update": {"restart": "later"},
    "restart-machine": {"when": "never"},
    "check-restore": {"passphrase": "a passphrase of a backup"},
    "make-link": {"role": "viewer"},
    "make-token": {"name": "nightly", "role": "viewer", "days": 30},
    "change-user": {"role": "operator"},
    "try-mail": {"to": "somebody@praxis.example"},
    "release-held": {"group": "0" * 16},
    "delete-held": {"ids": ["0123"]},
    "try-entries-now": {"ids": ["0123"]},
    "take-entries-back": {"ids": None},
    "check-rules": {"name": "house.rules", "text": "on prot 1 → hold"},
    "complete-rules": {"name": "house.rules", "text": "on ", "offset": 3},
    "explain-rules": {"name": "house.rules", "text": "on port 1 → hold", "offset": 12},
    "sample-rules": {"name": "house.rules", "text": "on port 1 where Modality = US → hold", "offset": 18},
    "format-rules": {"name": "house.rules", "text": "on port 1 -> hold"},
    "draw-rules": {"files": {"house.rules": "on port 1 → hold"}},
    "run-tests": {"files": {"house.rules": "on port 1 → hold"}},
    "preview-rules": {"files": {"house.rules": "on port 1 → hold"}},
    "activate-rules": {"files": {"house.rules": "on port 1 → hold"}, "digest": "old", "why": ""},
    "restore-rules": {"digest": "old", "why": ""},
    "route-forms": {"name": "house.rules", "text": "on port 1 → hold"},
    "write-route-form": {
        **{"name": "house.rules", "text": "on port 1 → hold", "index": 0},
        "form": {
            **{"line": 1, "end_line": 1, "label": "", "source": "port 2", "clauses": [], "failure": []},
            **{"steps": [{"was": 0, "name": "hold", "arguments": "", "text": ""}], "duplicate": ""},
        },
    },
    "try-rules": {
        **{"files": {"house.rules": "on port 1 → hold"}, "digest": "old", "why": ""},
        **{"minutes": 5, "then": "ask", "watch": 10},
    },
    "send-sending": {"to": ["PACS"]},
    "search-studies": {"words": "müller 1.4.2026 US", "standing": "open", "most": 10},
    "preview-sending-again": {"to": "PACS"},
    "send-study-again": {"to": "PACS", "name": "second-fire"},
    "approve-reviewed": {"ids": ["0123"]},
    "reject-reviewed": {"ids": ["0123"], "why": "text below the scale"},
    "review-again": {"ids": ["0123"]},
    "try-regions": {"boxes": [BOX], "keep": False},
    "define-regions": {"name": "room-2", "boxes": [BOX], "keep": True},
    "save-regions": {
        **{"name": "room-2", "boxes": [BOX], "keep": True, "file": "regions.rules", "how": "new", "digest": "old"},
        "why": "",
    },
}
"""A body for each operation that needs one."""

REFUSED = {
    **{"pause-destination": 503, "resume-destination": 503, "try-destination-again": 503, "try-mail": 409},
    **{"held-object": 404, "release-held": 404, "delete-held": 404, "outbox-entries": 404, "try-entries-now": 404},
    **{"take-entries-back": 404, "test-destination": 404},
    **{"preview-rules": 409, "activate-rules": 409, "rule-version": 404, "restore-rules": 404},
    **{"try-rules": 409, "cancel-trial": 409, "switch-to-trial": 409, "end-watch": 409, "send-again": 409},
    **dict.fromkeys(("show-sending", "sending-files", "read-sending", "send-sending", "remove-sending"), 404),
    **dict.fromkeys(("show-study", "study-objects", "study-journeys", "study-ways", "study-timeline"), 404),
    **dict.fromkeys(("release-study", "preview-sending-again", "send-study-again", "study-sent-again"), 404),
    **dict.fromkeys(("show-object", "object-journeys"), 404),
    **dict.fromkeys(("review-image", "review-text", "approve-reviewed", "reject-reviewed", "review-again"), 404),
    **dict.fromkeys(("check-restore", "apply-restore"), 409),
    **dict.fromkeys(("look-for-update", "fetch-update", "install-update", "restart-machine", "switch-off"), 409),
    **dict.fromkeys(("known-regions", "try-regions", "define-regions", "alike-regions", "save-regions"), 404),
}
"""What is not done here, where no appliance runs, no relay is set and no rules have run: the status instead of 200."""


def problem(answer: Answer) -> dict[str, Any]:
    """A refusal, in the form that is declared for all of them."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    schema = document(OPERATIONS, "0")["components"]["schemas"]["Problem"]
    Draft202012Validator(schema).validate(answer.json)
    assert answer.json["status"] == answer.status
    found: dict[str, Any] = answer.json
    return found


def test_the_document_is_openapi_3_1(users: dict[Role, Browser]) -> None:
    told = users[Role.VIEWER].call("GET", "/openapi.json").json
    assert told == document(OPERATIONS, told["info"]["version"])
    OpenAPIV31SpecValidator(told).validate()
    names = [one.name for one in OPERATIONS]
    assert len(names) == len(set(names))


def test_two_operations_at_one_place_are_a_fault() -> None:
    with pytest.raises(ValueError, match="two operations"):
        by_path([*OPERATIONS, OPERATIONS[0]])


@pytest.mark.parametrize("one", OPERATIONS, ids=lambda one: one.name)
def test_every_operation_answers_as_it_is_declared(
    console: Serving, users: dict[Role, Browser], one: Operation
) -> None:
    admin = users[Role.ADMIN]
    path = one.path
    path = path.replace("/objects/{number}", f"/objects/{0:021x}").replace("/studies/{id}", "/studies/1")
    path = path.replace("{number}", "7")
    (console.data / "rules").mkdir(exist_ok=True)  # the appliance makes it at its first start
    if "{name}" in path:
        console.user("somebody", Role.VIEWER)
        path = path.replace("{name}", "somebody")
    if "/links/{id}" in path:
        console.links.make(Role.VIEWER, "admin")
        path = path.replace("{id}", console.links.open()[0].id)
    if "/tokens/{id}" in path:
        console.tokens.make("old", Role.VIEWER, "admin", 1)
        path = path.replace("{id}", console.tokens.all()[0].id)
    path = path.replace("/sendings/{id}", f"/sendings/{0:016x}")
    if one.body is not None:
        Draft202012Validator(one.body).validate(BODIES[one.name])
    answer = admin.call(one.method, path, BODIES.get(one.name))
    expected = REFUSED.get(one.name, 200)
    assert answer.status == expected, answer.text
    if expected != 200:
        problem(answer)
        return
    assert answer.headers["Content-Type"] == "application/json"
    Draft202012Validator(one.answer).validate(answer.json)


@pytest.mark.parametrize("one", [one for one in OPERATIONS if one.body is not None], ids=lambda one: one.name)
def test_a_body_that_does_not_fit_is_refused_with_its_place(users: dict[Role, Browser], one: Operation) -> None:
    admin = users[Role.ADMIN]
    path = re.sub(r"{\w+}", "somebody", one.path)
    for body in ([], "text", {"surely-unknown": 1}, None):
        answer = admin.call(one.method, path, body if body is not None else 7)
        assert answer.status == 422
        assert problem(answer)["wrong"]


def test_what_is_no_json_is_refused(users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    token = admin.get("/account").csrf
    for body, kind, status in (
        ("{", "application/json", 400),
        ('{"role": NaN}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ("role=viewer", "application/x-www-form-urlencoded", 415),
        ("", "application/json", 400),
    ):
        answer = admin.ask("POST", "/api/v1/links", body.encode(), Content_Type=kind, X_CSRF_Token=token)
        assert answer.status == status, body[:20]
        problem(answer)


@pytest.mark.parametrize(("word", "status"), [("2", 200), ("2.0", 200), ("20e-1", 200), ("2.5", 422), ("1e999", 422)])
def test_a_whole_number_is_one_however_it_is_written(users: dict[Role, Browser], word: str, status: int) -> None:
    admin = users[Role.ADMIN]
    said = {"Content_Type": "application/json", "X_CSRF_Token": admin.get("/account").csrf}
    body = f'{{"name": "A", "most": {word}}}'.encode()
    assert admin.ask("POST", "/api/v1/studies/search", body, **said).status == status


def test_other_methods_and_addresses_are_refused(users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    answer = admin.call("PUT", "/users")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    problem(answer)
    assert problem(admin.call("GET", "/nowhere"))["status"] == 404
    assert problem(admin.call("GET", "/audit?colour=red"))["wrong"] == [
        {"where": "colour", "what": "Nothing of this name is known."}
    ]
    assert admin.call("GET", "/audit?most=x").status == 422
    assert admin.call("GET", "/audit?most=1").status == 200


def test_refusals_are_in_the_language_of_who_asks(console: Serving) -> None:
    assert problem(console.browser(Accept_Language="de").call("GET", "/me"))["title"].startswith("Melden Sie sich an")


def test_a_token_is_enough_for_a_script_and_ends(console: Serving, users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    token = admin.call("POST", "/tokens", {"name": "nightly", "role": "operator", "days": 1}).json["token"]
    script = console.browser(Authorization=f"Bearer {token}")
    assert script.call("GET", "/me").json == {"name": "nightly", "role": "operator", "language": "en", "session": False}
    assert script.call("POST", "/destinations/X/pause").status == 503, "a token needs no other one beside it"
    assert script.call("GET", "/users").status == 403
    assert script.get("/account").status == 303, "a token is for the API alone"
    assert token not in (console.data / "secrets/console-tokens.json").read_text()
    made = next(one for one in admin.call("GET", "/tokens").json["tokens"] if one["name"] == "nightly")
    assert admin.call("DELETE", f"/tokens/{made['id']}").status == 200
    assert script.call("GET", "/me").status == 401
    assert admin.call("DELETE", f"/tokens/{made['id']}").status == 404
    over = console.browser(Authorization=f"Bearer {console.tokens.make('over', Role.ADMIN, 'admin', -1)}")
    assert over.call("GET", "/me").status == 401


@pytest.mark.parametrize("said", ["Bearer", "Bearer ", "Basic YTpi", "Bearer \xff", "Bearer stw_x y"])
def test_a_strange_authorization_is_none(console: Serving, said: str) -> None:
    assert console.browser(Authorization=said).call("GET", "/me").status == 401


def test_a_page_is_told_what_is_new_and_when_its_session_ends(console: Serving) -> None:
    browser = console.user("watcher", Role.VIEWER)
    line = http.client.HTTPSConnection("127.0.0.1", console.port, timeout=40, context=trusting())
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    line.request("GET", "/api/v1/events", headers={"Cookie": cookies})
    answer = line.getresponse()
    assert answer.headers["Content-Type"] == "text/event-stream"
    lines: list[bytes] = []
    while not any(text.startswith(b"event: state") for text in lines):
        lines.append(answer.readline())
    assert b'"running": false' in answer.readline()
    browser.post("/sign-out", on="/account")
    while not any(text.startswith(b"event: ended") for text in lines):
        lines.append(answer.readline())
        assert lines[-1], "the line was cut without a word"
    line.close()
    assert console.browser().call("GET", "/events").status == 401
