"""An expression of CTP as a condition of our rules. Pure.

Where the two differ, ours takes more: text is compared without regard to case, and any of several values will do. What
cannot be said is never guessed: whoever asks must hold what it would have decided.
"""

import re

from appliance.migration.script import All, Constant, Expression, Not, Question, Some
from engine.tags import Path, UnknownTag, path_of
from engine.values import number

_TAG = re.compile(r"[\[(]([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})[\])]")
_PRIVATE = re.compile(r'\[([0-9A-Fa-f]{4})\[([^\[\]"\n]+)\]([0-9A-Fa-f]{2})\]')
_OUT_OF_TEXT = '"\n\r'


class Untranslatable(Exception):
    """It cannot be said in rules. `key` names the words for it."""

    def __init__(self, key: str, word: str = "") -> None:
        super().__init__(key)
        self.key, self.word = key, word


def written(expression: Expression) -> str:
    """The condition. Raises Untranslatable, also for what is always or never true."""
    match expression:
        case Constant(value):
            raise Untranslatable("always" if value else "never")
        case Not(inner):
            return f"not ({written(inner)})" if isinstance(inner, All | Some) else f"not {_safely(inner)}"
        case All(parts):
            return " and ".join(f"({written(part)})" if isinstance(part, Some) else _safely(part) for part in parts)
        case Some(parts):
            return " or ".join(f"({written(part)})" if isinstance(part, All) else _safely(part) for part in parts)
        case Question():
            return _question(expression)


def element(text: str) -> str:
    """CTP's name of an attribute as ours: `[0008,0060]`, `PatientName`, `a::b`. Raises Untranslatable."""
    spelled = ".".join(_part(part) for part in text.split("::"))
    try:
        path = path_of(spelled)
    except UnknownTag:
        raise Untranslatable("element", text) from None
    if path.last.group == 2:
        raise Untranslatable("meta", text)
    return spelled


def quoted(text: str) -> str:
    """As text of a rule. Raises Untranslatable."""
    if any(letter in text for letter in _OUT_OF_TEXT):
        raise Untranslatable("value", text)
    return f'"{text}"'


def pattern(expression: str) -> str:
    """As pattern of a rule that must fit the whole value. Raises Untranslatable."""
    inner = re.sub(r"(?<!\\)((?:\\\\)*)/", r"\1\\/", expression)
    if "\n" in inner or "\r" in inner:
        raise Untranslatable("value", expression)
    return f"/^(?:{inner})$/"


def _part(text: str) -> str:
    if match := _TAG.fullmatch(text):
        return f"({match[1]},{match[2]})"
    if match := _PRIVATE.fullmatch(text):
        return f'({match[1]},"{match[2]}",{match[3]})'
    if not re.fullmatch(r"[A-Za-z]\w*", text):
        raise Untranslatable("element", text)
    return text


def _safely(part: Expression) -> str:
    text = written(part)
    return f"({text})" if " and " in text and isinstance(part, Question) else text


def _question(test: Question) -> str:
    name = element(test.element)
    path = path_of(name)
    method = test.method.removesuffix("IgnoreCase")
    if method == "equals":
        return _equals(name, path, test.text)
    if method == "contains":
        # Several values are one text with backslashes in CTP.
        return " and ".join(f"{name} contains {quoted(part)}" for part in _parts(test))
    if method == "startsWith":
        return f"{name} starts with {quoted(test.text)}"
    if method == "endsWith":
        return f"{name} matches /{_escaped(test.text)}$/"
    if method == "matches":
        return f"{name} matches {pattern(test.text)}"
    if path.kind != "number" or number(test.text) is None or "-" in test.text:
        raise Untranslatable("order", test.element)
    return f"{name} {'<' if method == 'isLessThan' else '>'} {test.text.strip()}"


def _equals(name: str, path: Path, text: str) -> str:
    if not text.strip():
        return f"{name} is missing"
    if path.kind == "number" and re.fullmatch(r"\d{1,9}", text.strip()):
        return f"{name} = {int(text)}"
    return " and ".join(f"{name} = {quoted(part)}" for part in text.split("\\") if part.strip()) or f"{name} is missing"


def _parts(test: Question) -> list[str]:
    parts = [part for part in test.text.split("\\") if part]
    if not parts:
        raise Untranslatable("value", test.text)
    return parts


def _escaped(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise Untranslatable("value", text)
    return re.escape(text).replace("/", r"\/")
