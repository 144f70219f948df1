"""The expressions of CTP's filter and pixel scripts, read into a tree. Pure; a tree says nothing of our own rules."""

import re
from dataclasses import dataclass

METHODS = (
    *("equals", "equalsIgnoreCase", "matches", "contains", "containsIgnoreCase", "startsWith"),
    *("startsWithIgnoreCase", "endsWith", "endsWithIgnoreCase", "isLessThan", "isGreaterThan"),
)
DEEPEST = 50
LONGEST = 20_000


class BadScript(Exception):
    """CTP could not have read it either, and took it for false. `key` names the words for it."""

    def __init__(self, key: str, word: str = "") -> None:
        super().__init__(key)
        self.key, self.word = key, word


@dataclass(frozen=True, slots=True)
class Question:
    """`element.method("text")`."""

    element: str
    method: str
    text: str


@dataclass(frozen=True, slots=True)
class Constant:
    """`true.` or `false.`"""

    value: bool


@dataclass(frozen=True, slots=True)
class Not:
    """`!term`"""

    inner: "Expression"


@dataclass(frozen=True, slots=True)
class All:
    """`a * b`"""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """`a + b`"""

    parts: tuple["Expression", ...]


Expression = Question | Constant | Not | All | Some

_TOKEN = re.compile(
    r"""\s*(?://[^\n]*(?:\n|$)\s*)*(?:
      (?P<constant>(?:true|false)\s*\.)
    | (?P<element>(?:\[[^\]\[]*(?:\[[^\]\[]*\][^\]\[]*)?\]|\([0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\)|[A-Za-z]\w*|::)+)
      \s*\.\s*(?P<method>[A-Za-z]+)\s*\(\s*"(?P<text>[^"]*)"\s*\)
    | (?P<sign>[!()+*])
    )""",
    re.VERBOSE,
)
_END = re.compile(r"\s*(?://[^\n]*(?:\n|$)\s*)*$")


def parse(text: str) -> Expression:
    """The tree of one expression. Raises BadScript."""
    if len(text) > LONGEST:
        raise BadScript("script long")
    return simple(_Reader(text).whole())


def simple(expression: Expression) -> Expression:
    """The same without constants, where they settle nothing, and without nests of one kind."""
    match expression:
        case Question(_, method, "") if method.removesuffix("IgnoreCase") in ("contains", "startsWith", "endsWith"):
            return Constant(True)
        case Not(inner):
            inner = simple(inner)
            match inner:
                case Constant(value):
                    return Constant(not value)
                case Not(deeper):
                    return deeper
            return Not(inner)
        case All(parts):
            return _joined(parts, All, neutral=True)
        case Some(parts):
            return _joined(parts, Some, neutral=False)
    return expression


def _joined(parts: tuple[Expression, ...], kind: type[All] | type[Some], *, neutral: bool) -> Expression:
    found: list[Expression] = []
    for part in map(simple, parts):
        if isinstance(part, Constant):
            if part.value is not neutral:
                return part
        elif isinstance(part, kind):
            found += part.parts
        else:
            found.append(part)
    if not found:
        return Constant(neutral)
    return found[0] if len(found) == 1 else kind(tuple(found))


class _Reader:
    """Or of ands of terms, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def whole(self) -> Expression:
        found = self._some()
        if not _END.match(self._text, self._at):
            raise BadScript("script broken", self._rest())
        return found

    def _some(self) -> Expression:
        parts = [self._all()]
        while self._sign("+"):
            parts.append(self._all())
        return Some(tuple(parts))

    def _all(self) -> Expression:
        parts = [self._term()]
        while self._sign("*"):
            parts.append(self._term())
        return All(tuple(parts))

    def _term(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise BadScript("script long")
        try:
            if self._sign("!"):
                return Not(self._term())
            if self._sign("("):
                inner = self._some()
                if not self._sign(")"):
                    raise BadScript("script broken", self._rest())
                return inner
            token = _TOKEN.match(self._text, self._at)
            if token is None or token["sign"]:
                raise BadScript("script broken", self._rest())
            self._at = token.end()
            if token["constant"]:
                return Constant(token["constant"].startswith("true"))
            if token["method"] not in METHODS:
                raise BadScript("script method", token["method"])
            return Question(token["element"], token["method"], token["text"])
        finally:
            self._depth -= 1

    def _sign(self, sign: str) -> bool:
        token = _TOKEN.match(self._text, self._at)
        if token is None or token["sign"] != sign:
            return False
        self._at = token.end()
        return True

    def _rest(self) -> str:
        return " ".join(self._text[self._at : self._at + 30].split())
