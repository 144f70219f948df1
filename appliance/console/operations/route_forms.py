"""Operations on routes as forms: those of a text, and a text with one of them written anew."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from appliance.console.api import Call, operation
from appliance.console.facts.plain import plain
from appliance.console.operations.rules import LONG, ONE
from appliance.console.roles import Role
from appliance.console.schema import array, choice, integer, record, text
from appliance.console.words import Refusal
from dsl import route_form
from dsl.route_form import OPERATORS, Clause, Form, Step, Unfit
from engine.vocabulary import vocabulary

_WORD = text(5000)
_WAS = integer(-1, 10_000, "Which row of the text it was, counted from 0; -1: of none")
_CLAUSE = record(
    {"was": _WAS, "field": _WORD, "operator": choice("", *OPERATORS), "value": _WORD, "text": text(20_000)},
    summary="A condition in parts, or as text",
)
_STEP = record(
    {"was": _WAS, "name": _WORD, "arguments": _WORD, "text": text(20_000)},
    summary="A step and what follows its name, or as text",
)
_FORM = record(
    {
        "line": integer(summary="Where it begins, counted from 1"),
        "end_line": integer(),
        "label": _WORD,
        "source": _WORD,
        "clauses": array(_CLAUSE, 200),
        "steps": array(_STEP, 200),
        "failure": array(_STEP, 200),
        "duplicate": _WORD,
    }
)

_UNFIT_WORDS = {
    "unreadable": "A form needs a text without errors.",
    "gone": "There is no such route in this text any more.",
    "value": "A row is not filled in: every condition needs an attribute and a value without quotation marks, and "
    "every route a way in and a step.",
    "rows": "A row says more than a row can, or cannot be read. Write it into the text.",
}


@operation(
    "POST",
    "/rules/forms",
    summary="The routes of a text as forms",
    least=Role.VIEWER,
    body=ONE,
    answer=record({"routes": array(_FORM, 10_000)}),
)
def route_forms(call: Call) -> object:
    """In the order of the text. 422 where it has errors."""
    with _in_words():
        return {"routes": plain(route_form.forms(call.body["text"], call.body["name"], vocabulary().steps))}


@operation(
    "POST",
    "/rules/forms/write",
    summary="A text with one of its routes as a form says",
    least=Role.VIEWER,
    body=record({"name": text(200, 1), "text": LONG, "index": integer(0, 10_000), "form": _FORM}),
    answer=record({"text": LONG}),
)
def write_route_form(call: Call) -> object:
    """In its one layout. Nothing of the rules changes by it. 422 where a comment would be lost."""
    body = call.body
    with _in_words():
        form = _form(body["form"])
        return {"text": route_form.written(body["text"], body["name"], int(body["index"]), form, vocabulary().steps)}


def _form(said: Mapping[str, Any]) -> Form:
    clauses = tuple(Clause(int(one["was"]), *_of(one, "field", "operator", "value", "text")) for one in said["clauses"])
    steps, failure = (
        tuple(Step(int(one["was"]), *_of(one, "name", "arguments", "text")) for one in said[part])
        for part in ("steps", "failure")
    )
    label, source, duplicate = _of(said, "label", "source", "duplicate")
    return Form(int(said["line"]), int(said["end_line"]), label, source, clauses, steps, failure, duplicate)


def _of(said: Mapping[str, Any], *names: str) -> list[str]:
    return [str(said[name]) for name in names]


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except Unfit as unfit:
        if unfit.kind == "comments":
            raise Refusal(
                422,
                "A comment of the text would be lost: {comment}. Remove it from the text first.",
                comment=unfit.what,
            ) from None
        raise Refusal(422, _UNFIT_WORDS[unfit.kind]) from None
