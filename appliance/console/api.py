"""The API's operations: each declared once, above the function that does it. Handlers, OpenAPI and tests follow.

    @operation("POST", "/destinations/{name}/pause", summary="Pause a destination", least=Role.OPERATOR, answer=NOTHING)
    def pause(call: Call) -> object: …

The function runs in a thread, answers what goes out as JSON, and raises Refusal. It must not know the web.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, TypeVar

from tornado.web import HTTPError

from appliance.console import operations
from appliance.console.context import Context, Who
from appliance.console.handler import Handler
from appliance.console.page import modules
from appliance.console.roles import Role
from appliance.console.schema import NOTHING, Schema, Wrong, text, wrong
from appliance.console.words import Refusal, Sentence, say

BASE = "/api/v1"
PROBLEM = "application/problem+json"
"""How what is refused is answered (RFC 9457): `title` says why, `wrong` where in the request."""

F = TypeVar("F", bound=Callable[..., object])


@dataclass(frozen=True, slots=True)
class Call:
    """One request, checked: path and query by name, body as JSON."""

    context: Context
    who: Who
    address: str
    language: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    def note(self, did: str, *on: str, detail: str = "") -> None:
        """Write into the audit what was done, durably. Raises OSError."""
        self.context.audit.note(self.who.name, did, on, self.address, detail)

    def say(self, sentence: str, **facts: object) -> str:
        """A sentence in the language of whoever asks."""
        return say(self.language, sentence, **facts)


@dataclass(frozen=True, slots=True)
class Operation:
    """path: after /api/v1, with `{names}` that stand for one segment each; what they may be is in `places`."""

    method: str
    path: str
    summary: str
    least: Role
    answer: Schema
    function: Callable[[Call], object]
    body: Schema | None = None
    query: Mapping[str, Schema] = field(default_factory=dict)
    places: Mapping[str, Schema] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name among all operations."""
        return self.function.__name__.replace("_", "-")

    @property
    def names(self) -> list[str]:
        """Those in its path."""
        return re.findall(r"{(\w+)}", self.path)

    def place(self, name: str) -> Schema:
        """What one of them may be."""
        return self.places.get(name, text(least=1))


def operation(
    method: str,
    path: str,
    *,
    summary: str,
    least: Role,
    answer: Schema = NOTHING,
    body: Schema | None = None,
    query: Mapping[str, Schema] | None = None,
    places: Mapping[str, Schema] | None = None,
) -> Callable[[F], F]:
    """Declare one; see Operation."""

    def declare(function: F) -> F:
        made = Operation(method, path, summary, least, answer, function, body, query or {}, places or {})
        function.operation = made  # type: ignore[attr-defined]
        return function

    return declare


def declared(package: ModuleType = operations) -> list[Operation]:
    """All of them."""
    return [
        value.operation
        for module in modules(package)
        for value in vars(module).values()
        if hasattr(value, "operation") and getattr(value, "__module__", "") == module.__name__
    ]


class ApiHandler(Handler):
    """The base of what answers under /api/v1. A token (`Authorization: Bearer …`) comes before a session."""

    def recognise(self) -> None:
        """By token or session. Raises HTTPError, OSError."""
        kind, _, secret = self.request.headers.get("Authorization", "").partition(" ")
        if not kind:
            super().recognise()
            return
        token = self.context.tokens.find(secret.strip()) if kind.lower() == "bearer" else None
        if token is None:
            raise HTTPError(401)
        self.who = Who(token.name, token.role)

    def let_in(self, least: Role) -> Who:
        """Who asks, if they may. Raises HTTPError."""
        self.recognise()
        if self.who is None:
            raise HTTPError(401)
        if self.who.session is not None:
            self.check_origin()
        if self.who.role < least:
            raise HTTPError(403)
        return self.who

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Called by Tornado."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        status, words = self.sentence_of(status_code, error)
        if status == 401:
            words = self.say("Sign in, or show a token that is still good.")
            self.set_header("WWW-Authenticate", 'Bearer realm="stellwerk"')
        self.problem(status, words)

    def problem(self, status: int, words: str, found: list[Wrong] | None = None) -> None:
        """Answer why not, and end."""
        self.set_status(status)
        value: dict[str, object] = {"title": words, "status": status}
        if found:
            value["wrong"] = [{"where": one.where, "what": one.what.said(self.language)} for one in found]
        self.answer_json(value, PROBLEM)


class OperationHandler(ApiHandler):
    """Every operation at one path."""

    def initialize(self, *, at: Mapping[str, Operation], **parts: Any) -> None:  # type: ignore[override]
        """at: operations by method."""
        super().initialize(**parts)
        self._at = at

    async def _do(self, *groups: str) -> None:
        done = self._at.get(str(self.request.method))
        if done is None:
            raise HTTPError(405)
        who = self.let_in(done.least)
        path = dict(zip(done.names, groups, strict=True))
        query, found = self._query(done)
        found += [one for name, value in path.items() for one in wrong(done.place(name), value, name)]
        body = self._body(done)
        if done.body is not None:
            found += wrong(done.body, body)
        if found:
            self.problem(422, self.say("The request is not as it should be."), found)
            return
        call = Call(self.context, who, self.address, self.language, path, query, body)
        self.answer_json(await self.aside(lambda: done.function(call)))

    get = post = put = delete = patch = head = options = _do

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """With what could be done here (RFC 9110 section 15.5.6)."""
        if status_code == 405:
            self.set_header("Allow", ", ".join(sorted(self._at)))
        super().write_error(status_code, **kwargs)

    def _query(self, done: Operation) -> tuple[dict[str, Any], list[Wrong]]:
        read: dict[str, Any] = {}
        found = []
        for name in self.request.query_arguments:
            if name not in done.query:
                found.append(Wrong(name[:200], Sentence("Nothing of this name is known.")))
                continue
            value = _converted(self.get_query_argument(name, strip=False), done.query[name])
            read[name] = value
            found += wrong(done.query[name], value, name)
        return read, found

    def _body(self, done: Operation) -> Any:
        if done.body is None:
            return None
        if self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "The request must be JSON (Content-Type: application/json).")
        try:
            return json.loads(self.request.body, parse_float=_number, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise Refusal(400, "The request is no JSON.") from None


class NoOperation(ApiHandler):
    """What is no operation at all."""

    async def prepare(self) -> None:
        """Say so, whatever the method is."""
        raise HTTPError(404)


def by_path(found: list[Operation]) -> dict[str, dict[str, Operation]]:
    """Path as an expression → method → operation. Raises ValueError for two at the same place."""
    paths: dict[str, dict[str, Operation]] = {}
    for one in found:
        at = paths.setdefault(BASE + re.sub(r"{\w+}", "([^/]+)", one.path), {})
        if one.method in at:
            raise ValueError(f"two operations at {one.method} {one.path}")
        at[one.method] = one
    # What is written out goes before what stands for anything.
    return dict(sorted(paths.items(), key=lambda item: ("(" in item[0], item[0])))


def _converted(value: str, schema: Schema) -> object:
    """A query has only text; what cannot be converted is found to be wrong."""
    kind = schema.get("type")
    if kind == "boolean":
        return {"true": True, "false": False}.get(value, value)
    if kind in ("integer", "number") and re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", value, re.ASCII):
        return int(value) if "." not in value else _number(value)
    return value


def _number(word: str) -> int | float:
    """A number with a point or an exponent. 7.0 is a whole one (JSON Schema Validation, 2020-12, section 6.1.1)."""
    number = float(word)
    return int(number) if number.is_integer() else number


def _no_number(word: str) -> None:
    raise ValueError(word)
