"""Who may do what, and that nothing is changed from another site."""

import pytest

from appliance.console.api import declared
from appliance.console.roles import Role
from tests.console.serving import Browser, Serving

OPERATIONS = [pytest.param(one, id=one.name) for one in declared()]


@pytest.mark.parametrize(
    ("path", "least"), [("/audit", Role.VIEWER), ("/settings", Role.OPERATOR), ("/users", Role.ADMIN)]
)
def test_a_page_is_for_its_role_and_those_above(users: dict[Role, Browser], path: str, least: Role) -> None:
    for role, browser in users.items():
        answer = browser.get(path)
        assert answer.status == (200 if role >= least else 403), role
        if role < least:
            assert "Your role does not allow this." in answer.text


@pytest.mark.parametrize("operation", OPERATIONS)
def test_an_operation_is_for_its_role_and_those_above(console: Serving, users: dict[Role, Browser], operation) -> None:  # type: ignore[no-untyped-def]
    path = operation.path.replace("{id}", "0" * 64).replace("{name}", "nobody")
    body = {} if operation.body is not None else None
    assert console.browser().call(operation.method, path, body).status == 401
    for role, browser in users.items():
        status = browser.call(operation.method, path, body).status
        assert (status in (401, 403)) == (role < operation.least), (role, status)


def test_a_viewer_changes_nothing_by_any_form(console: Serving, users: dict[Role, Browser]) -> None:
    viewer = users[Role.VIEWER]
    token = viewer.get("/account").csrf
    assert viewer.post("/users", csrf=token, do="role", name="viewer", role="admin").status == 403
    assert viewer.post("/settings", csrf=token, do="mail", to="a@b.example").status == 403
    found = console.accounts.find("viewer")
    assert found is not None
    assert found.role is Role.VIEWER


@pytest.mark.parametrize("token", ["", "x", "AAAA", "A" * 88])
def test_without_the_token_nothing_is_changed(console: Serving, users: dict[Role, Browser], token: str) -> None:
    admin = users[Role.ADMIN]
    answer = admin.post("/users", csrf=token, do="role", name="viewer", role="admin")
    assert answer.status == 403
    assert "another site" in answer.text
    assert admin.ask("PATCH", "/api/v1/users/viewer", '{"role":"admin"}', Content_Type="application/json").status == 403
    found = console.accounts.find("viewer")
    assert found is not None
    assert found.role is Role.VIEWER


def test_the_token_of_another_session_is_worth_nothing(users: dict[Role, Browser]) -> None:
    other = users[Role.OPERATOR].get("/account").csrf
    assert users[Role.ADMIN].post("/users", csrf=other, do="invite", role="admin").status == 403


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_another_site_changes_nothing_even_with_the_token(users: dict[Role, Browser], headers: dict[str, str]) -> None:
    admin = users[Role.ADMIN]
    said = {**headers, "X-CSRF-Token": admin.get("/account").csrf, "Content-Type": "application/json"}
    assert admin.ask("POST", "/api/v1/links", '{"role":"viewer"}', **said).status == 403


def test_signing_in_needs_the_token_too(console: Serving) -> None:
    assert console.browser().post("/sign-in", csrf="", name="admin", password="a long enough one").status == 403


def test_a_token_of_a_page_is_another_one_each_time(users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    assert admin.get("/account").csrf != admin.get("/account").csrf


def test_the_last_admin_stays(console: Serving, users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    others = [one.name for one in console.accounts.all() if one.role is Role.ADMIN and one.name != "admin"]
    for name in others:
        assert admin.call("DELETE", f"/users/{name}").status == 200
    for method, body in (("DELETE", None), ("PATCH", {"role": "viewer"}), ("PATCH", {"disabled": True})):
        answer = admin.call(method, "/users/admin", body)
        assert (answer.status, answer.json["title"]) == (409, "This is the last admin: make another one first.")
    assert admin.get("/users").status == 200
    admin.post("/users", do="remove", name="admin")
    assert "This is the last admin" in admin.get("/users").text


def test_a_role_that_is_taken_away_is_gone_at_once(console: Serving, users: dict[Role, Browser]) -> None:
    other = console.user("fallen", Role.ADMIN)
    assert other.get("/users").status == 200
    assert users[Role.ADMIN].call("PATCH", "/users/fallen", {"role": "viewer"}).status == 200
    assert other.get("/users").status == 403


def test_an_invitation_gives_its_role_and_no_other(console: Serving, users: dict[Role, Browser]) -> None:
    path = users[Role.ADMIN].call("POST", "/links", {"role": "operator"}).json["path"]
    guest = console.browser()
    guest.post(path, name="guest", password="a long enough one", again="a long enough one", role="admin")
    assert guest.call("GET", "/me").json["role"] == "operator"


def test_a_link_does_not_take_over_a_user(console: Serving, users: dict[Role, Browser]) -> None:
    path = users[Role.ADMIN].call("POST", "/links", {"role": "viewer"}).json["path"]
    guest = console.browser()
    answer = guest.post(path, name="ADMIN", password="a long enough one", again="a long enough one")
    assert answer.status == 409
    assert guest.post(path, name="honest", password="a long enough one", again="a long enough one").status == 303


def test_all_of_it_is_in_the_audit(console: Serving, users: dict[Role, Browser]) -> None:
    admin = users[Role.ADMIN]
    console.user("audited", Role.VIEWER)
    admin.call("PATCH", "/users/audited", {"role": "operator", "disabled": True})
    admin.call("DELETE", "/users/audited")
    acts = [act for act in admin.call("GET", "/audit").json["acts"] if act["on"] == ["audited"]]
    assert [(act["did"], act["who"], act["detail"]) for act in acts] == [
        ("user-removed", "admin", ""),
        ("user-disabled", "admin", ""),
        ("user-role", "admin", "operator"),
    ]
    assert {act["address"] for act in acts} == {"127.0.0.1"}
    assert "removed a user" in admin.get("/audit").text
    assert "audited" not in admin.get("/audit?did=pause").text
