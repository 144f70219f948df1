"""Anything at all, sent to a console beside a running appliance: no request, no form and no upload makes it stumble.

`make fuzz-console` does so for long, with FUZZ=20 times as many examples. What earlier answers have named is mixed into
what is made up, so that ids are those of what is really held, waits or was uploaded.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from appliance.console.api import declared
from appliance.console.app import MOST_BYTES, MOST_HEAD
from appliance.console.roles import Role
from appliance.console.sending_book import ENDED, GOING, GONE, READING
from tests.console.anything import NAMES, Fuzzed, contents, pieces
from tests.console.living import Living
from tests.console.test_fuzz import CHECKS, SCHEMA
from tests.console.walking import Form, Route, found, walk

pytestmark = pytest.mark.fuzz

FACTOR = int(os.environ.get("FUZZ", "1"))
OPERATIONS = {(one.ok().method.upper(), one.ok().path): one.ok() for one in SCHEMA.get_all_operations()}
LEAST = {(one.method, one.path): one.least for one in declared()}
OWN = ("/sign-in", "/sign-out", "/account")
"""What ends the session that the pages are asked for with."""

SEEN = {Role.VIEWER: "/account", Role.OPERATOR: "/settings", Role.ADMIN: "/users"}
"""A page that a role sees, and none below it."""

ANY = st.one_of(
    st.text(max_size=30), st.sampled_from(["../x", "%00", "\0", "'", '"><script>', "-1", "9" * 30, "\ud800"])
)


def lasting(examples: int) -> settings:
    """Not shrunk: what is sent depends on what was answered before."""
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    checks = list(HealthCheck)
    return settings(
        max_examples=examples * FACTOR, deadline=None, suppress_health_check=checks, database=None, phases=phases
    )


@pytest.fixture(scope="module")
def fuzzed(living: Living) -> Iterator[Fuzzed]:
    made = Fuzzed(living)
    yield made
    assert "a fault of the software" not in living.line.said(), living.line.said()[-2000:]


@pytest.mark.timeout(7200)
def test_operations_with_what_is_there(fuzzed: Fuzzed) -> None:
    strategies = {
        (key, mode): one.as_strategy(generation_mode=mode)
        for key, one in OPERATIONS.items()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        if mode is GenerationMode.POSITIVE or one.body or one.query
    }
    kinds, asked = sorted(strategies, key=str), [0]

    @lasting(60)
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        key, mode = data.draw(st.sampled_from(kinds))
        case = data.draw(strategies[key, mode])
        role = data.draw(st.sampled_from([Role.ADMIN, Role.ADMIN, Role.OPERATOR, Role.VIEWER]))
        mix(case, fuzzed, data)
        assume(not isinstance(case.body, dict | list | str) or len(str(case.body)) < MOST_BYTES // 4)
        assume(len(urlencode(case.query or {}, doseq=True, errors="replace")) < MOST_HEAD - 4096)
        asked[0] += 1
        if asked[0] % 200 == 0:
            fuzzed.restore()
        answer = fuzzed.call(case, role)
        assert answer.status_code not in (401, 500), case.as_curl_command()
        if role < LEAST[key]:
            assert answer.status_code == 403, case.as_curl_command()
        case.validate_response(answer, checks=CHECKS)

    run()


def mix(case: schemathesis.Case, fuzzed: Fuzzed, data: st.DataObject) -> None:
    """Put what is known into its path, its query and its body."""
    for name in case.path_parameters or {}:
        known = fuzzed.pool.value(data.draw, name)
        if known is not None and data.draw(st.integers(0, 3)):
            case.path_parameters[name] = quote(str(known), safe="")
    if case.query:
        case.query = fuzzed.pool.mixed(data.draw, dict(case.query))
    if isinstance(case.body, dict):
        case.body = fuzzed.pool.mixed(data.draw, case.body)


@pytest.mark.timeout(7200)
def test_pages_with_any_address_and_any_form(fuzzed: Fuzzed) -> None:
    people = {role: fuzzed.person(role) for role in Role}
    pages = [one for one in found() if one.is_page]
    visits = walk(people[Role.ADMIN])
    forms = [form for one in visits for form in one.reading.forms if form.method == "post" and form.action not in OWN]
    fuzzed.pool.learn([{"name": name, "value": value} for form in forms for name, value in form.fields.items()])

    @lasting(60)
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        role = data.draw(st.sampled_from(list(Role)))
        if people[role].get(SEEN[role]).status != 200:  # an admin's form has taken the account away, or its role
            people[role] = fuzzed.person(role)
        if data.draw(st.booleans()):
            path = address(data.draw(st.sampled_from(pages)), fuzzed, data)
            assert people[role].get(path).status < 500, path
            return
        form = data.draw(st.sampled_from(forms))
        fields = filled_in(form, fuzzed, data)
        answer = people[role].post(form.action, on="/account", **fields)
        assert answer.status < 500 or answer.status == 503, (form.action, fields)

    run()


def address(route: Route, fuzzed: Fuzzed, data: st.DataObject) -> str:
    """A page with any names in its path, and any query."""
    known = fuzzed.pool.value(data.draw, data.draw(st.sampled_from(["id", "name", "digest", "key", "object"])))
    value = str(known) if known is not None and data.draw(st.booleans()) else data.draw(ANY)
    path = route.at(quote(value, safe="", errors="replace") or "a")
    names = st.sampled_from(["after", "state", "object", "next", "group", "who", "day", "back", "key", "name"])
    query = data.draw(st.dictionaries(names, ANY, max_size=3))
    return f"{path}?{urlencode(query, errors='replace')}" if query else path


def filled_in(form: Form, fuzzed: Fuzzed, data: st.DataObject) -> dict[str, str]:
    """What somebody may send instead of what the form has."""
    sent: dict[str, str] = data.draw(st.sampled_from(list(form.sent())))
    for name in sent:
        if data.draw(st.integers(0, 2)) == 0:
            known: Any = fuzzed.pool.value(data.draw, name)
            either = data.draw(ANY).encode("utf-8", "replace").decode()
            sent[name] = either if known is None or data.draw(st.booleans()) else str(known)
    return sent


@pytest.mark.timeout(7200)
def test_uploads_of_anything(fuzzed: Fuzzed) -> None:
    images = tuple(sorted(fuzzed.living.images.glob("*.dcm")))
    fuzzed.restore()  # the tests before may have revoked a token
    fuzzed.post("/sendings", b"")  # so that the folder of uploads is there
    before = beside(fuzzed.living)

    @lasting(15)
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        begun = fuzzed.ask("POST", "/sendings")
        assert begun.status == 200, begun.text
        number = begun.json["id"]
        for name in data.draw(st.lists(NAMES, min_size=1, max_size=4)):
            body = data.draw(contents(images))
            for at, piece in pieces(body, MOST_BYTES // 4):
                said = {"X-File-Path": quote(name, errors="replace"), "X-File-Size": str(len(body))}
                answer = fuzzed.post(f"/sendings/{number}/upload", piece, **said, X_File_Offset=str(at))
                assert answer.status < 500, (name, answer.text)
                if answer.status != 200:
                    break
        assert fuzzed.post("/try", data.draw(contents(images, packed=False))).status < 500
        assert fuzzed.ask("GET", f"/sendings/{number}/files").status == 200
        assert fuzzed.ask("POST", f"/sendings/{number}/read").status in (200, 409, 422)
        settled(fuzzed, number)
        to = data.draw(st.sampled_from([["SHARE"], ["PACS"], ["AWAY", "SHARE"], ["nowhere"]]))
        answer = fuzzed.ask("POST", f"/sendings/{number}/send", f'{{"to": {to}}}'.replace("'", '"'))
        assert answer.status < 500, answer.text
        assert answer.status != 200 or settled(fuzzed, number) in (GONE, ENDED)
        assert fuzzed.ask("DELETE", f"/sendings/{number}").status < 500

    run()
    assert beside(fuzzed.living) == before, "an upload has written outside of its folder"


def beside(living: Living) -> list[set[str]]:
    """What lies around the folder of uploads, wherever `..` may lead; and in one that everybody knows."""
    data = living.line.data
    around = (data / "console", data, living.root, living.root.parent, Path("/etc/cron.d"))
    return [{one.name for one in folder.iterdir()} for folder in around if folder.is_dir()]


def settled(fuzzed: Fuzzed, number: str) -> str:
    """The state of a sending when it is not looked into, and not taken in."""
    end = time.monotonic() + 60
    while True:
        answer = fuzzed.ask("GET", f"/sendings/{number}")
        assert answer.status == 200, answer.text
        state = str(answer.json["state"])
        if state not in (READING, GOING):
            return state
        assert time.monotonic() < end, (answer.json, fuzzed.living.line.said()[-1500:])
        time.sleep(0.02)
