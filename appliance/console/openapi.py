"""The OpenAPI 3.1 document, made from the declared operations. Pure."""

from collections.abc import Sequence
from typing import Any

from appliance.console.api import BASE, PROBLEM, Operation
from appliance.console.handler import CSRF_HEADER, SESSION
from appliance.console.roles import ROLES
from appliance.console.schema import array, integer, record, text

_PROBLEM = record(
    {
        "title": text(2000, summary="Why not, in the language of the request"),
        "status": integer(400, 599),
        "wrong": array(record({"where": text(1000), "what": text(2000)}), summary="What is wrong with the request"),
    },
    optional=("wrong",),
)
_REFUSALS = {
    "400": "No JSON",
    "401": "Nobody has signed in, or the token is not good any more",
    "403": "The role does not allow it, or the CSRF token is missing",
    "404": "There is no such thing",
    "409": "It cannot be done as things are",
    "415": "Another kind of body is needed",
    "422": "The request is not as it should be; `wrong` says where",
    "503": "The appliance does not run, or does not answer",
}


def document(found: Sequence[Operation], version: str) -> dict[str, Any]:
    """All operations as OpenAPI says it (spec.openapis.org/oas/v3.1.0)."""
    paths: dict[str, dict[str, Any]] = {}
    for one in sorted(found, key=lambda each: (each.path, each.method)):
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stellwerk",
            "version": version,
            "summary": "Everything that the console shows and does",
            "description": "Scripts show a token, which an admin makes under Users. Roles: " + " < ".join(ROLES) + ".",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": SESSION,
                    "description": f"What changes something also needs the header {CSRF_HEADER}",
                },
            },
            "schemas": {"Problem": _PROBLEM},
            "responses": {
                code: {
                    "description": words,
                    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for code, words in _REFUSALS.items()
            },
        },
        "security": [{"token": []}, {"session": []}],
    }


def _operation(one: Operation) -> dict[str, Any]:
    parameters = [_parameter(name, "path", one.place(name), True) for name in one.names]
    parameters += [_parameter(name, "query", schema, False) for name, schema in one.query.items()]
    described: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "description": f"For the role {one.least.word} and above.",
        "parameters": parameters,
        "responses": {
            "200": {"description": "Done", "content": {"application/json": {"schema": one.answer}}},
            **{code: {"$ref": f"#/components/responses/{code}"} for code in _REFUSALS},
        },
    }
    if one.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": one.body}}}
    return described


def _parameter(name: str, place: str, schema: Any, required: bool) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "schema": schema}
