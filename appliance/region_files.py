"""`regions` definitions in rule files: where they stand, and the texts with one more, or another in its place. Pure.

Everything else in a text stays as somebody has written it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from dsl import ast
from dsl.lower import boxes as rectangles
from dsl.parse import parse, plain
from engine.errors import Unclean
from engine.pixels import Box, RegionBox
from engine.program import Rectangle

_BODY = re.compile(r"\b(?:blank|keep)\b(?:\s|#[^\n]*\n)*$")
"""The word before the first box, which ends the text."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A definition, and where it stands: file by name, line from 1."""

    name: str
    file: str
    line: int
    keep: bool
    rectangles: tuple[Rectangle, ...]

    def boxes(self, columns: int, rows: int) -> tuple[Box, ...]:
        """Its boxes on an image of this size. Raises Unclean where they do not lie on it."""
        return tuple(at(one, columns, rows) for one in self.rectangles)


def at(one: Rectangle, columns: int, rows: int) -> Box:
    """A box of a definition on an image of this size. Raises Unclean where it does not lie on it."""
    return RegionBox(one.x, one.y, one.width, one.height, one.from_right, one.from_bottom).at(columns, rows)


def placed(texts: Mapping[str, str]) -> list[Placed]:
    """All definitions in these files, in their order."""
    return [
        Placed(one.name.text, name, one.span.line, one.keep, _rectangles(one))
        for name in sorted(texts)
        for one in _definitions(texts[name])
    ]


def first_including(texts: Mapping[str, str]) -> str:
    """The first file that includes others; empty where none does."""
    found = (name for name in sorted(texts) for one in _statements(texts[name]) if isinstance(one, ast.Include))
    return next(found, "")


def added(text: str, definition: str) -> str:
    """The text with this definition before all others of it and before what it includes: the first that fits counts."""
    text = plain(text)
    first = next((one for one in _statements(text) if isinstance(one, ast.Include | ast.Regions)), None)
    if first is None:
        return f"{text.rstrip()}\n\n{definition.strip()}\n".lstrip()
    lines = text.split("\n")
    above = first.span.line - 1
    # What is written above a statement belongs to it.
    while above and lines[above - 1].startswith("#"):
        above -= 1
    before, behind = "\n".join(lines[:above]).rstrip(), "\n".join(lines[above:])
    return f"{before}\n\n{definition.strip()}\n\n{behind}".lstrip()


def replaced(text: str, name: str, definition: str) -> str:
    """The text with this definition in the place of that of this name. Raises KeyError where it has none."""
    text = plain(text)
    old = _named(text, name)
    return text[: _start(text, old.span)] + definition.strip() + text[_end(text, old.span) :]


def redrawn(text: str, name: str, drawn: Sequence[Box], *, keep: bool, size: tuple[int, int]) -> str:
    """The text with other boxes in the definition of this name; which images it is for stays. Raises as `replaced`.

    size: columns and rows of the image that the boxes were drawn on. A box that is where it was stays as it was
    written: counted from the right edge, say.
    """
    text = plain(text)
    old = _named(text, name)
    known = {}
    for box, rectangle in zip(old.boxes, _rectangles(old), strict=False):
        try:
            known[at(rectangle, *size)] = text[_start(text, box.span) : _end(text, box.span)]
        except Unclean:
            continue
    first = _start(text, old.boxes[0].span)
    body = _BODY.search(text, 0, first)
    if body is None:
        raise KeyError(name)
    written = ", ".join(known.get(one, f"({one.x}, {one.y}, {one.width}, {one.height})") for one in drawn)
    return f"{text[: body.start()]}{'keep' if keep else 'blank'} {written}{text[_end(text, old.span) :]}"


def _statements(text: str) -> tuple[ast.Statement, ...]:
    return parse(plain(text), "regions").statements


def _definitions(text: str) -> Iterator[ast.Regions]:
    return (one for one in _statements(text) if isinstance(one, ast.Regions))


def _named(text: str, name: str) -> ast.Regions:
    for one in _definitions(text):
        if one.name.text == name:
            return one
    raise KeyError(name)


def _rectangles(one: ast.Regions) -> tuple[Rectangle, ...]:
    try:
        return rectangles(one)
    except (ValueError, IndexError):
        return ()  # numbers that nobody can draw: the compiler says so


def _start(text: str, span: ast.Span) -> int:
    return _offset(text, span.line, span.column)


def _end(text: str, span: ast.Span) -> int:
    return _offset(text, span.end_line, span.end_column)


def _offset(text: str, line: int, column: int) -> int:
    return sum(len(one) + 1 for one in text.split("\n")[: line - 1]) + column - 1
