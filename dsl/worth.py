"""What value a tag can have: E102 for one that it never has, with an example of the right form. Pure."""

import re
from collections.abc import Iterator

from dsl import ast
from dsl.finding import Finding, finding
from engine import values
from engine.tags import FACTS, UnknownTag, path_of

_EXAMPLES = {
    "number": "{tag} = 512",
    "age": "{tag} < 18 years",
    "date": "{tag} = 2026-03-31, or {tag} > today - 30 days",
    "moment": "{tag} = 2026-03-31, or {tag} > today - 30 days",
    "time": "{tag} > 08:00",
    "text": '{tag} = "some text"',
    "name": '{tag} = "Doe^Jane"',
    "uid": '{tag} = "1.2.840.10008.1.1"',
}
LONGEST_AGO = 73050
"""Days; two hundred years."""
_ORDERED = ("number", "age", "date", "moment", "time")


def _kind(field: ast.Field) -> tuple[str, str] | None:
    """How its values compare, and its VR; None for what is no tag, which others tell."""
    if field.text in FACTS:
        return ("number" if FACTS[field.text] == "IS" else "text"), FACTS[field.text]
    try:
        path = path_of(field.text)
    except UnknownTag:
        return None
    return path.kind, path.vr


def opaque_of(field: ast.Field) -> Iterator[Finding]:
    """What is wrong with asking a tag for its text: it may have none."""
    found = _kind(field)
    if found is not None and found[0] in ("items", "binary") and found[1] != "UN":
        yield finding("E102/opaque", field.span, tag=field.text, kind=f"@kind {found[0]}", vr=found[1])


def value_of(field: ast.Field, operator: str, operand: ast.Operand) -> Iterator[Finding]:
    """What is wrong with a value that is compared to a tag, or (operator `to`) given to one."""
    found = _kind(field)
    if found is None:
        return
    kind, vr = found
    if vr == "UN":
        return  # private, or in no dictionary: any value may stand there
    facts = {"tag": field.text, "kind": f"@kind {kind}", "vr": vr}
    if kind in ("items", "binary"):
        if operator == "to":
            yield finding("E102/set", operand.span, "", (), **facts)
        else:
            yield from opaque_of(field)
        return
    if operator in ("contains", "starts"):
        if operand.kind in ("today", "duration"):
            facts["kind"] = "@kind text" if kind not in _ORDERED else facts["kind"]
            yield finding("E102", operand.span, "", (), value=_said(operand), example=_words(field.text), **facts)
        return
    if operand.text == "" and operand.kind == "text":
        yield finding("E102/empty", operand.span, tag=field.text)
        return
    if operator not in ("=", "!=", "to") and kind not in _ORDERED:
        example = _EXAMPLES[kind].format(tag=field.text)
        yield finding("E102/order", operand.span, "", (), operator=operator, example=example, **facts)
        return
    if fits(kind, operand):
        return
    if kind == "age" and operand.kind == "number":
        example = f"{field.text} {operator} {operand.text} years"
        yield finding("E102/unit", operand.span, value=operand.text, tag=field.text, example=example)
        return
    advice = "ago" if kind in ("date", "moment") and operand.kind == "duration" else ""
    example = _EXAMPLES[kind].format(tag=field.text)
    if operator == "to":
        advice, example = "", re.sub(r" [=<] ", " to ", example.partition(", or ")[0])
    yield finding("E102", operand.span, advice, (), value=_said(operand), example=example, **facts)


def fits(kind: str, operand: ast.Operand) -> bool:
    """Whether a value of that kind can be written like this."""
    text = operand.text
    match kind:
        case "number":
            return operand.kind in ("number", "text") and values.number(text) is not None
        case "age":
            if operand.kind == "duration":
                return re.search(r"day|week|month|year", text) is not None
            return operand.kind == "text" and values.age_in_days(text) is not None
        case "date" | "moment":
            if operand.kind == "today":
                return not text or values.Duration.of(text.lstrip("+- ")).days <= LONGEST_AGO
            whole = re.fullmatch(
                r"\d{8}|\d{4}-\d\d-\d\d|\d{4}\.\d\d\.\d\d" if kind == "date" else r"\d{4}-?\d\d.*", text
            )
            return operand.kind in ("date", "number", "text") and bool(whole) and values.day(text) is not None
        case "time":
            return operand.kind in ("clock", "number", "text") and values.clock(text.zfill(5)) is not None
        case "uid":
            return re.fullmatch(r"[0-9.]{1,64}", text) is not None and operand.kind in ("text", "number")
        case _:
            return operand.kind not in ("today", "duration")


def _words(tag: str) -> str:
    return f'{tag} contains "some text"'


def _said(operand: ast.Operand) -> str:
    if operand.quoted:
        return f'"{operand.text}"'
    return f"today {operand.text}".strip() if operand.kind == "today" else operand.text
