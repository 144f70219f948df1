"""Go to definition, references, rename: names over all the rule books that they belong to.

It must not know an editor's protocol: places are spans.
"""

import posixpath
from dataclasses import dataclass

from appliance.editor.desk import Desk
from dsl.ast import Span
from dsl.build import Places
from dsl.finding import Finding
from dsl.place import included_at
from dsl.resolve import Rules
from dsl.symbols import Edit, Occurrence, occurrences, refuse, rename, same, symbol_at


@dataclass(frozen=True, slots=True)
class Found:
    """A name at a place, with the rules that it belongs to."""

    symbol: Occurrence
    rules: Rules
    everywhere: tuple[Occurrence, ...]


def find(desk: Desk, name: str, offset: int) -> Found | None:
    """The declared name at an offset of a file."""
    for book in desk.books(name):
        rules = desk.resolved(book)
        places = Places(name, rules.sources.get(name, ""))
        at = places.span(offset, offset)
        everywhere = occurrences(rules, desk.vocabulary)
        symbol = symbol_at(everywhere, name, at.line, at.column)
        if symbol is not None:
            return Found(symbol, rules, everywhere)
    return None


def definitions(desk: Desk, name: str, offset: int) -> list[Span]:
    """Where the name at an offset is declared; for an include, the file."""
    found = find(desk, name, offset)
    if found is not None:
        return [one.span for one in same(found.everywhere, found.symbol) if one.declares]
    book = desk.books(name)[0]
    path = included_at(desk.resolved(book).sources.get(name, ""), offset)
    if path is None:
        return []
    return [Span(posixpath.normpath(posixpath.join(posixpath.dirname(name), path)), 1, 1, 1, 1)]


def everywhere(desk: Desk, name: str, offset: int) -> list[Occurrence]:
    """Every place of the name at an offset, in all rule books that it or its declaration belongs to."""
    return list({one.span: one for _, ones in _all(desk, name, offset) for one in ones}.values())


def renamed(desk: Desk, name: str, offset: int, new: str) -> tuple[list[Edit], Finding | None]:
    """The edits that give the name at an offset another one; or why that cannot be."""
    edits: dict[Span, Edit] = {}
    for rules, ones in _all(desk, name, offset):
        no = refuse(rules, desk.vocabulary, ones[0], new)
        if no is not None:
            return [], no
        edits |= {edit.span: edit for edit in rename(ones, ones[0], new, rules.sources)}
    return list(edits.values()), None


def _all(desk: Desk, name: str, offset: int) -> list[tuple[Rules, tuple[Occurrence, ...]]]:
    """The places of a name by rule book; two books may share a file, and so its places."""
    found = find(desk, name, offset)
    if found is None:
        return []
    files = {name, *(one.span.file for one in same(found.everywhere, found.symbol) if one.declares)}
    answer = []
    for book in dict.fromkeys(book for file in sorted(files) for book in desk.books(file)):
        rules = desk.resolved(book)
        ones = same(occurrences(rules, desk.vocabulary), found.symbol)
        if ones:
            answer.append((rules, ones))
    return answer
