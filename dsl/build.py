"""From what the grammar recognised to the AST: named fields instead of positions among children.

Pure. It must not know lark: parse.py hands it plain nodes.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from dsl import ast
from dsl.ast import Span

_NETWORK = re.compile(r"\d{1,3}(\.\d{1,3}){3}(/\d{1,3})?")
_SAME = {"≠": "!=", "≤": "<=", "≥": ">="}
_KINDS = {
    "STRING": "text",
    "DURATION": "duration",
    "DATE": "date",
    "CLOCK": "clock",
    "NUMBER": "number",
    "INT": "number",
    "MIXED": "word",
    "ON_DAYS": "word",
    "NAME": "word",
}


@dataclass(frozen=True, slots=True)
class Node:
    """A rule of the grammar with its parts, or a single word (`kind` in capitals, no parts)."""

    kind: str
    text: str
    children: tuple["Node", ...]
    start: int
    end: int

    def find(self, *kinds: str) -> "Node | None":
        """The first part of one of these kinds."""
        return next((child for child in self.children if child.kind in kinds), None)

    def every(self, *kinds: str) -> tuple["Node", ...]:
        """All parts of these kinds."""
        return tuple(child for child in self.children if child.kind in kinds)


class Places:
    """Offsets of one text as lines and columns."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._starts = [0, *(at + 1 for at, sign in enumerate(text) if sign == "\n")]

    def span(self, start: int, end: int) -> Span:
        """From offset to offset."""
        return Span(self.file, *self._place(start), *self._place(max(start, end)))

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column; a place beyond the text is its nearest."""
        if line < 1:
            return 0
        if line > len(self._starts):
            return len(self.text)
        end = self._starts[line] - 1 if line < len(self._starts) else len(self.text)
        return max(self._starts[line - 1], min(self._starts[line - 1] + column - 1, end))

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


class Builder:
    """Builds the statements of one text."""

    def __init__(self, places: Places) -> None:
        self._places = places

    def statement(self, node: Node) -> ast.Statement:
        """One statement."""
        if node.kind in ("destination", "listener", "contact", "schedule"):
            return ast.Declaration(node.kind, self._name(node.children[0]), self._values(node), self._span(node))
        build: dict[str, Callable[[Node], ast.Statement]] = {
            "version": lambda n: ast.Version(self._name(n.children[0]), self._span(n)),
            "include": lambda n: ast.Include(self._name(n.children[0]), self._span(n)),
            "condition": lambda n: ast.Condition(self._name(n.children[0]), self._expr(n.children[1]), self._span(n)),
            "regions": self._regions,
            "steps": lambda n: ast.Steps(self._name(n.children[0]), self._chain(n), self._span(n)),
            "route": self._route,
            "test": self._test,
        }
        return build[node.kind](node)

    def _span(self, node: Node) -> Span:
        return self._places.span(node.start, node.end)

    def _name(self, node: Node) -> ast.Name:
        text = node.text[1:-1] if node.kind == "STRING" else unicodedata.normalize("NFC", node.text)
        return ast.Name(text, self._span(node))

    # --- statements

    def _regions(self, node: Node) -> ast.Regions:
        fits = node.find("fits")
        name = node.find("NAME")
        assert name is not None  # the grammar demands it
        boxes = tuple(
            ast.Box(tuple(self._edge(edge) for edge in box.every("edge")), self._span(box)) for box in node.every("box")
        )
        where = None if fits is None else self._expr(fits.children[0])
        return ast.Regions(self._name(name), where, node.find("KEEP") is not None, boxes, self._span(node))

    def _edge(self, node: Node) -> ast.Edge:
        side = node.find("RIGHT", "BOTTOM")
        return ast.Edge("" if side is None else side.text, self._name(node.children[-1]))

    def _route(self, node: Node) -> ast.Route:
        label, where, failure = node.find("label"), node.find("where"), node.find("failure")
        repeat = node.find("repeat")
        source, chain = node.find("source"), node.find("chain")
        assert source is not None  # the grammar demands both
        assert chain is not None
        return ast.Route(
            None if label is None else self._name(label.children[0]),
            self._call(source),
            None if where is None else self._expr(where.children[0]),
            self._chain(chain),
            None if failure is None else self._chain(failure.every("chain")[0]),
            self._span(node),
            None if repeat is None else self._name(repeat.children[-1]),
        )

    def _test(self, node: Node) -> ast.Test:
        source = node.find("source")
        return ast.Test(
            self._name(node.children[0]),
            tuple(
                ast.Given(self._field(given.children[0]), self._operand(given.children[-1]))
                for given in node.every("given")
            ),
            None if source is None else self._call(source),
            tuple(
                ast.Expect(expect.find("NO") is None, self._call(expect.every("call")[0]))
                for expect in node.every("expect")
            ),
            self._span(node),
        )

    # --- chains

    def _chain(self, node: Node) -> ast.Chain:
        return tuple(
            self._call(step) if step.kind == "call" else self._choose(step) for step in node.every("call", "choose")
        )

    def _choose(self, node: Node) -> ast.Choose:
        otherwise = node.find("otherwise")
        return ast.Choose(
            tuple(
                ast.When(self._expr(when.children[0]), self._chain(when.every("chain")[0]))
                for when in node.every("when")
            ),
            None if otherwise is None else self._chain(otherwise.every("chain")[0]),
            self._span(node),
        )

    def _call(self, node: Node) -> ast.Call:
        return ast.Call(self._name(node.children[0]), self._values(node), self._span(node))

    def _values(self, node: Node) -> tuple[ast.Value, ...]:
        return tuple(self._value(value) for value in node.every("scalar", "word", "path", "list"))

    def _value(self, node: Node) -> ast.Value:
        span = self._span(node)
        if node.kind in ("path", "list"):
            return ast.Value(node.kind, "", span, tuple(self._value(item) for item in node.children))
        if node.kind == "word":
            field = self._field(node)
            first = node.children[0].children[0]
            single = len(field.parts) == 1 and not field.indexed and first.kind == "NAME"
            return ast.Value("word" if single else "tag", field.text, span, (), field.parts)
        [token] = node.children
        if token.kind == "DOTTED":
            return ast.Value("network" if _NETWORK.fullmatch(token.text) else "text", token.text, span)
        kind = _KINDS[token.kind]
        return ast.Value(kind, token.text[1:-1] if kind == "text" else _spaced(token), span)

    # --- conditions

    def _expr(self, node: Node) -> ast.Expr:
        span = self._span(node)
        if node.kind in ("any", "all"):
            return ast.Both(node.kind == "all", tuple(self._expr(term) for term in node.children), span)
        first = node.children[0]
        if node.kind == "group":
            return self._expr(first)
        if node.kind == "negate":
            return ast.Negation(self._expr(first), span)
        if node.kind == "named":
            return ast.Reference(self._name(first))
        field = self._field(first)
        if node.kind in ("present", "missing"):
            return ast.Presence(field, node.kind == "present", span)
        if node.kind == "matches":
            token = node.children[1]
            inner = self._places.span(token.start + 1, token.end - 1)
            return ast.Pattern(field, ast.Name(token.text[1:-1], inner), span)
        if node.kind == "among":
            return ast.Membership(field, tuple(self._operand(option) for option in node.every("operand")), span)
        operator = node.children[1].text if node.kind == "compare" else node.kind
        return ast.Comparison(field, _SAME.get(operator, operator), self._operand(node.children[-1]), span)

    def _field(self, node: Node) -> ast.Field:
        parts, texts, indexed = [], [], []
        for at, place in enumerate(node.children):
            part = self._name(place.children[0])
            if place.children[0].kind == "TAG":
                part = ast.Name(_tidy(part.text), part.span)
            parts.append(part)
            index = place.find("INT")
            if index is not None:
                indexed.append(at)
            texts.append(part.text if index is None else f"{part.text}[{index.text}]")
        return ast.Field(tuple(parts), ".".join(texts), self._span(node), tuple(indexed))

    def _operand(self, node: Node) -> ast.Operand:
        token, span = node.children[0], self._span(node)
        if token.kind == "TODAY":
            shift = " ".join(_spaced(child) for child in node.children[1:])
            return ast.Operand("today", shift, span)
        if token.kind == "STRING":
            return ast.Operand("text", token.text[1:-1], span, quoted=True)
        kind = _KINDS.get(token.kind, "text")
        text = _spaced(token) if kind == "duration" else self._name(token).text
        return ast.Operand("text" if kind == "word" else kind, text, span)


def _spaced(token: Node) -> str:
    """The text of a word; a duration with one space, however it was written: layout is no meaning."""
    return spaced(token.text) if token.kind == "DURATION" else token.text


def spaced(duration: str) -> str:
    """`18years`, or the unit on the next line, as `18 years`."""
    return re.sub(r"(\d)\s*([a-z])", r"\1 \2", duration)


def _tidy(tag: str) -> str:
    """A tag number without its optional spaces, in lower case; the creator of a private one as it stands."""
    group, *middle, element = tag.strip("()").split(",")
    creator = ",".join(middle).strip()
    return f"({','.join(filter(None, (group.strip().lower(), creator, element.strip().lower())))})"
