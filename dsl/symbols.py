"""Declared names: where each is declared and used, in all files; what a rename would change.

Pure, and never raises. In statements that cannot be read, words at a place for such a name count, too, so that a
rename leaves none behind. It must not know an editor: places are spans.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dsl import ast, scan, walk
from dsl.bind import argument
from dsl.build import Places
from dsl.finding import Finding, finding
from dsl.place import Place, arguments, places
from dsl.resolve import Rules, kind_of, name_of
from dsl.wanted import signature_of, wanted
from engine.parameters import Names
from engine.signature import Vocabulary
from engine.tags import FACTS, all_names

_NAME = re.compile(r"[^\W\d][\w\u0300-\u036f]*(?:-\w[\w\u0300-\u036f]*)*")
_LABEL = re.compile(r"[^\W_][\w -]{0,62}[\w-]?")
_TAGS = frozenset(all_names())


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A name where it is declared or used. kind: destination, contact, listener, condition, regions, steps, route."""

    kind: str
    name: str
    span: ast.Span
    declares: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    """Put another text in the place of a stretch."""

    span: ast.Span
    text: str


def occurrences(rules: Rules, vocabulary: Vocabulary) -> tuple[Occurrence, ...]:
    """Every declared name wherever it stands, in the order of the files."""
    looking = _Looking(rules, vocabulary)
    order = {name: at for at, name in enumerate(rules.files)}
    found = {one.span: one for statement in rules.statements for one in looking.statement(statement)}
    return tuple(sorted(found.values(), key=lambda one: (order.get(one.span.file, -1), one.span)))


def symbol_at(found: tuple[Occurrence, ...], file: str, line: int, column: int) -> Occurrence | None:
    """The name that stands there; its end counts, too, because a cursor stands behind the letter that was typed."""
    inside = [one for one in found if _within(one.span, file, line, column)]
    return min(inside, key=lambda one: one.span.column != column) if inside else None


def _within(span: ast.Span, file: str, line: int, column: int) -> bool:
    return span.file == file and (span.line, span.column) <= (line, column) <= (span.end_line, span.end_column)


def same(found: tuple[Occurrence, ...], symbol: Occurrence) -> tuple[Occurrence, ...]:
    """Every place of the same name of the same kind."""
    return tuple(one for one in found if (one.kind, one.name) == (symbol.kind, symbol.name))


def rename(found: tuple[Occurrence, ...], symbol: Occurrence, new: str, sources: Mapping[str, str]) -> tuple[Edit, ...]:
    """What to write where, so that the name is another one everywhere."""
    edits = []
    for one in same(found, symbol):
        places_ = Places(one.span.file, sources.get(one.span.file, ""))
        quoted = places_.text[places_.offset(one.span.line, one.span.column) :][:1] == '"'
        bare = bool(_NAME.fullmatch(new)) and new not in scan.RESERVED and not quoted
        edits.append(Edit(one.span, new if bare else f'"{new}"'))
    return tuple(edits)


def refuse(rules: Rules, vocabulary: Vocabulary, symbol: Occurrence, new: str) -> Finding | None:
    """Why a name cannot become this one; None where it can."""
    new = unicodedata.normalize("NFC", new)
    if symbol.kind == "route":
        taken = any(isinstance(one, ast.Route) and one.label and one.label.text == new for one in rules.statements)
        if not _LABEL.fullmatch(new):
            return finding("E107/label", symbol.span, word=new or '""')
    else:
        taken = rules.knows(symbol.kind, new)
        if not _NAME.fullmatch(new):
            return finding("E107/name", symbol.span, word=new or '""')
    if taken and new != symbol.name:
        return finding("E109", symbol.span, word=new)
    meaning = _meaning(symbol.kind, new, vocabulary)
    return finding("E112", symbol.span, word=new, meaning=f"@{meaning}") if meaning else None


def _meaning(kind: str, new: str, vocabulary: Vocabulary) -> str:
    """What a name means already, at the places where names of this kind stand."""
    words = {word for signature in (*vocabulary.steps.values(), vocabulary.contact) for word in _words(signature.line)}
    if kind != "route" and new in scan.RESERVED | {"choose", "tag"}:
        return "a word of the language"
    if kind == "condition":
        return "a tag" if new in _TAGS else "a fact" if new in FACTS else ""
    if kind == "listener":
        return "a source" if new in vocabulary.sources else ""
    if kind == "destination" and new == "hold":
        return "a queue"
    if kind == "steps" and new in vocabulary.steps:
        return "a step"
    if kind in ("destination", "contact", "regions"):  # `mail subject subject "x"` would be read in another way
        return "a step" if new in vocabulary.steps else "a word of the language" if new in words else ""
    return ""


def _words(line: str) -> list[str]:
    return [word for word in re.findall(r"[\w-]+", line)[1:] if word.islower()]


def said(statement: object, rules: Rules) -> str:
    """A declaration as it stands in its file, on one line and not too long."""
    span = getattr(statement, "span", None)
    if not isinstance(span, ast.Span) or span.file not in rules.sources:
        return ""
    places = Places(span.file, rules.sources[span.file])
    start, end = places.offset(span.line, span.column), places.offset(span.end_line, span.end_column)
    text = " ".join(places.text[start:end].split())
    return text if len(text) <= 200 else text[:200] + "…"


class _Looking:
    def __init__(self, rules: Rules, vocabulary: Vocabulary) -> None:
        self.rules = rules
        self.vocabulary = vocabulary

    def statement(self, statement: ast.Statement) -> Iterator[Occurrence]:
        if isinstance(statement, ast.Broken):
            yield from self._broken(statement)
            return
        kind = kind_of(statement)
        if kind and not isinstance(statement, ast.Version | ast.Include | ast.Route | ast.Test):
            name = name_of(statement)
            yield Occurrence(kind, name.text, name.span, True)
        if isinstance(statement, ast.Route):
            if statement.label is not None:
                yield Occurrence("route", statement.label.text, statement.label.span, True)
            yield from self._use("listener", statement.source.name)
        for expr in walk.conditions(statement):
            for name in walk.references(expr):
                yield from self._use("condition", name)
        for chain in walk.chains(statement):
            for call in walk.calls(chain):
                yield from self._call(call)
        if isinstance(statement, ast.Test):
            if statement.source is not None:
                yield from self._use("listener", statement.source.name)
            for expect in statement.expects:
                yield from self._call(expect.call)

    def _call(self, call: ast.Call) -> Iterator[Occurrence]:
        yield from self._use("steps", call.name)
        signature = self.vocabulary.steps.get(call.name.text)
        if signature is None or self.rules.knows("steps", call.name.text):
            return
        given = [argument(value) for value in call.values]
        bound, _ = signature.bind(given)
        for parameter, kind in signature.kinds.items():
            if not issubclass(kind, Names):
                continue
            for value, read in zip(call.values, given, strict=True):
                if bound.get(parameter) is read:
                    for item in value.items or (value,):
                        yield from self._use(kind.declared, ast.Name(item.text, item.span))

    def _use(self, kind: str, name: ast.Name) -> Iterator[Occurrence]:
        if self.rules.knows(kind, name.text):
            yield Occurrence(kind, name.text, name.span)

    # --- statements that cannot be read

    def _broken(self, statement: ast.Broken) -> Iterator[Occurrence]:
        span = statement.span
        where = Places(span.file, self.rules.sources.get(span.file, ""))
        start, end = where.offset(span.line, span.column), where.offset(span.end_line, span.end_column)
        for word, place in places(where.text, start, end):
            if word.kind != "name":
                continue
            name = ast.Name(unicodedata.normalize("NFC", word.text), where.span(word.start, word.end))
            if place.kind == "new":
                yield Occurrence(place.about, name.text, name.span, True)
            for kind in self._kinds(place):
                yield from self._use(kind, name)

    def _kinds(self, place: Place) -> Iterator[str]:
        """What kinds of names could stand at a place."""
        simple = {"source": "listener", "step": "steps", "expect": "steps", "field": "condition"}
        if place.kind in simple:
            yield simple[place.kind]
        signature = signature_of(*place.call, self.vocabulary) if place.kind == "value" else None
        if signature is not None:
            given, more = arguments(place.values)
            for parameter in wanted(signature, given, more).parameters:
                kind = signature.kinds.get(parameter.lower())
                if kind is not None and issubclass(kind, Names):
                    yield kind.declared
