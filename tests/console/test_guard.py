"""What keeps strangers out, on every page, form and operation that there is: each is found by walking (walking.py)."""

import re
from urllib.parse import urlencode

import pytest

from appliance.console.api import BASE, declared
from appliance.console.handler import PageHandler
from appliance.console.roles import Role
from tests.console.browser import OpenPage, axe, shoot, too_wide
from tests.console.living import NASTY, NASTY_TITLE, Living
from tests.console.serving import Answer, Browser
from tests.console.visiting import visit
from tests.console.walking import METHODS, Form, Route, Visit, filled, found, walk

FOR_VIEWERS = {f"{BASE}/try"}
"""Uploads that change nothing, so that a viewer may send them."""

ANYBODYS = ("/sign-in", "/sign-out", "/language", "/account")
"""Forms by which people change what is their own."""

FOR_MONITORS = ("/healthz", "/metrics")

OWN = ("sign-in", "sign-out", "sign-out-everywhere", "password")
"""What anybody may do to themselves."""

UP = ("..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e", "..%00", "....//....//etc/passwd", "%2fetc%2fpasswd", "..\\..\\x")

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def visits(people: dict[Role, Browser]) -> list[Visit]:
    return walk(people[Role.ADMIN])


def forms(visits: list[Visit]) -> list[Form]:
    """Those that change something."""
    return [form for one in visits for form in one.reading.forms if form.method == "post"]


def acts(living: Living, who: str) -> list[str]:
    """What the audit has of somebody, but for what they did to themselves."""
    told = living.user(Role.ADMIN).call("GET", f"/audit?who={who}&most=200").json["acts"]
    return [act["did"] for act in told if act["did"] not in OWN]


def state(living: Living) -> list[object]:
    """What nobody may change who may not: what is held and waits, users, rules, and what is paused."""
    data = living.line.data
    files = [
        (path.relative_to(data), path.read_bytes())
        for name in ("rules", "paused", "secrets")
        for path in sorted((data / name).rglob("*"))
        if path.is_file() and "lock" not in path.name
    ]
    return [living.held(), living.owed("AWAY"), *files]


def least(route: Route) -> Role | None:
    """Who may see a page."""
    assert issubclass(route.handler, PageHandler)
    return route.handler.page.least


def test_the_walk_finds_what_is_there(visits: list[Visit]) -> None:
    pages = {one.route.pattern for one in visits if one.route is not None and one.route.is_page}
    assert {"/", "/account", "/users", "/hold", "/outbox", "/destinations"} <= pages
    assert any("(" in pattern for pattern in pages), "no page of one thing is reached by a link"
    assert len(forms(visits)) > len(pages), "no forms but that of the language"
    assert any(NASTY_TITLE in one.answer.text or "&lt;b&gt;X" in one.answer.text for one in visits)


def test_no_link_of_ours_leads_nowhere_and_no_page_stumbles(visits: list[Visit]) -> None:
    wrong = [(one.path, one.answer.status) for one in visits if one.answer.status >= 400]
    assert [one for one in wrong if one[0] not in ("/sign-out", "/language")] == []


def test_every_answer_keeps_strangers_out(visits: list[Visit]) -> None:
    for one in visits:
        headers = one.answer.headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'"), one.path
        assert "frame-ancestors 'none'" in policy, one.path
        assert "unsafe" not in policy, one.path
        assert headers["X-Frame-Options"] == "DENY", one.path
        assert headers["X-Content-Type-Options"] == "nosniff", one.path
        assert headers["Cache-Control"] == "no-store", one.path
        assert "Server" not in headers, one.path


def test_what_others_have_typed_is_text_on_every_page(visits: list[Visit]) -> None:
    assert {one.path: one.reading.faults for one in visits if one.reading.faults} == {}


def test_no_patient_is_in_an_address_or_a_title(living: Living, visits: list[Visit]) -> None:
    for one in visits:
        assert "script" not in one.path.lower(), one.path
        assert "taken" not in "".join(re.findall(r"<title>(.*?)</title>", one.answer.text, re.DOTALL)), one.path
    assert NASTY not in living.line.said()


def refused_to_strangers(route: Route, method: str, answer: Answer) -> bool:
    if not route.is_page:
        return answer.status == 401
    if least(route) is not None:
        return answer.status == 303 and answer.to.startswith("/sign-in")
    return method == "GET" or answer.status == 403


def test_who_has_not_signed_in_gets_nothing(living: Living, visits: list[Visit]) -> None:
    stranger = Browser(living.port)
    known = {one.route.pattern: one.path for one in visits if one.route is not None}
    for route in found():
        if route.pattern in FOR_MONITORS:
            continue
        methods = {one.method for one in route.operations} or {"GET", *route.changing}
        for method in sorted(methods if not route.is_stream else set(route.changing) or {"GET"}):
            answer = stranger.ask(method, known.get(route.pattern, route.at()), "" if method in METHODS else None)
            assert refused_to_strangers(route, method, answer), (method, route.pattern, answer.status)
            assert "&lt;script" not in answer.text, route.pattern


def test_every_page_is_for_its_role_and_those_above(people: dict[Role, Browser], visits: list[Visit]) -> None:
    for one in visits:
        if one.route is None or not one.route.is_page or one.answer.status != 200:
            continue
        needed = least(one.route)
        for role in (Role.VIEWER, Role.OPERATOR):
            refused = people[role].get(one.path).status == 403
            assert refused == (needed is not None and role < needed), (one.path, role)


def test_every_operation_is_for_its_role_and_those_above(people: dict[Role, Browser]) -> None:
    """With the numbers of what is really there, so that nothing but the role stands in the way."""
    admin = people[Role.ADMIN]
    for one in declared():
        if one.least is Role.VIEWER:
            continue
        path = filled(admin, one)
        for role in (Role.VIEWER, Role.OPERATOR):
            if role < one.least:
                body: object = {} if one.body is not None else None
                assert people[role].call(one.method, path, body).status == 403, (one.name, role)


def test_a_viewer_sends_no_upload_that_changes_anything(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    token = viewer.get("/account").csrf
    for route in found():
        if route.is_stream and route.pattern not in FOR_VIEWERS:
            for method in route.changing:
                assert viewer.ask(method, route.at(), b"x", X_CSRF_Token=token).status == 403, route.pattern


def test_a_viewer_changes_nothing_by_any_form_of_an_admin(
    living: Living, people: dict[Role, Browser], visits: list[Visit]
) -> None:
    viewer, before = people[Role.VIEWER], state(living)
    token = viewer.get("/account").csrf
    for form in forms(visits):
        if form.action in ANYBODYS:
            continue
        for fields in form.sent():
            answer = viewer.post(form.action, csrf=token, **fields)
            assert answer.status < 500, (form.page, fields)
            assert answer.status != 200, (form.page, fields)
    assert acts(living, "viewer") == []
    assert state(living) == before


@pytest.mark.parametrize("token", ["", "A" * 88])
def test_nothing_is_changed_without_the_token(
    living: Living, people: dict[Role, Browser], visits: list[Visit], token: str
) -> None:
    admin, before = people[Role.ADMIN], state(living)
    for route in found():
        for method in route.changing:
            answer = admin.ask(method, route.at(), "{}", Content_Type="application/json", X_CSRF_Token=token)
            assert answer.status == 403, (method, route.pattern, answer.status)
    for form in forms(visits):
        for fields in form.sent():
            assert admin.post(form.action, csrf=token, **fields).status == 403, form.page
    assert state(living) == before


def test_nothing_is_changed_from_another_site_even_with_the_token(
    living: Living, people: dict[Role, Browser], visits: list[Visit]
) -> None:
    admin, before = people[Role.ADMIN], state(living)
    token = admin.get("/account").csrf
    for form in forms(visits):
        fields = next(form.sent())
        body = urlencode({**fields, "csrf": token})
        answer = admin.ask("POST", form.action, body, Content_Type=FORM, Origin="https://evil.example")
        assert answer.status == 403, form.page
    for route in found():
        for method in route.changing:
            answer = admin.ask(method, route.at(), "", X_CSRF_Token=token, Sec_Fetch_Site="cross-site")
            assert answer.status == 403, (method, route.pattern)
    assert state(living) == before


@pytest.mark.parametrize("value", UP)
def test_no_address_leads_to_files_elsewhere(people: dict[Role, Browser], value: str) -> None:
    admin = people[Role.ADMIN]
    for route in found():
        if "(" not in route.pattern or (route.is_page and least(route) is None):
            continue
        answer = admin.get(re.sub(r"\((?:[^()]|\\.)*\)", lambda _: value, route.pattern.replace("\\.", ".")))
        assert 400 <= answer.status < 500, (route.pattern, answer.status)
        assert b"root:" not in answer.body, route.pattern


def test_looking_changes_nothing(living: Living, people: dict[Role, Browser], visits: list[Visit]) -> None:
    before = state(living), acts(living, "admin")
    assert len(walk(people[Role.ADMIN])) >= len(visits) - 3
    assert (state(living), acts(living, "admin")) == before


@pytest.mark.parametrize("language", ["de", "en"])
def test_every_page_is_accessible_and_fits_a_telephone(
    people: dict[Role, Browser], visits: list[Visit], open_page: OpenPage, language: str
) -> None:
    shown = [one for one in visits if one.reading.titles and one.answer.status == 200]
    kinds = {one.route.pattern: one.path for one in shown if one.route is not None}
    page = visit(open_page, people[Role.ADMIN], "/account", language=language, width=390)
    address = page.url.removesuffix("/account")
    for pattern, path in kinds.items():
        page.goto(address + path)
        page.get_by_role("heading", level=1).first.wait_for()
        assert "taken" not in page.title(), path
        assert too_wide(page) <= 0, f"{path} is {too_wide(page)} pixels too wide"
        axe(page)
        if language == "de":
            shoot(page, "guard" + re.sub(r"\W+", "-", pattern))
