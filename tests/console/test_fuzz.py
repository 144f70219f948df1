"""Any requests at all, made from the API's own description by schemathesis: none makes it stumble."""

import json
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from appliance.console.api import declared
from appliance.console.app import MOST_BYTES
from appliance.console.openapi import document
from appliance.console.roles import Role
from tests.console.serving import Serving
from tests.scale import FULL

SCHEMA = schemathesis.openapi.from_dict(document(declared(), "0"))
CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
]
"""Each answer is one of those that are declared, in its form."""


@pytest.fixture(scope="module")
def token(console: Serving) -> str:
    console.accounts.add("owner", Role.ADMIN, "a long enough one")
    return console.tokens.make("fuzz", Role.ADMIN, "owner", 1)


@pytest.fixture(scope="module")
def line() -> Iterator[requests.Session]:
    """One connection for all requests, which keeps no cookie: for each, TLS would cost more than all that is asked."""
    with requests.Session() as session:
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        yield session


@SCHEMA.parametrize()
@settings(max_examples=200 if FULL else 4, suppress_health_check=list(HealthCheck), database=None)
def test_no_request_makes_it_stumble(
    case: schemathesis.Case, console: Serving, token: str, line: requests.Session
) -> None:
    # Of what is larger the server reads nothing: the line is closed, and what is sent meanwhile fails.
    assume(not isinstance(case.body, dict | list | str) or len(json.dumps(case.body)) < MOST_BYTES)
    answer = case.call(
        base_url=f"https://127.0.0.1:{console.port}/api/v1",
        session=line,
        headers={"Authorization": f"Bearer {token}"},
        verify=str(console.data / "tls/own.pem"),
    )
    assert answer.status_code not in (401, 500)
    case.validate_response(answer, checks=CHECKS)
