"""Pieces of text with the places where a line may end, and how they become lines of at most so many columns.

Pure. It must not know rules: it lays out whatever it is given. A group is written on one line where it fits and nothing
in it must end a line; otherwise each of its own breaks ends one, and the groups inside it are asked anew.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """Words as they stand. `wide` is false for what does not count when asking whether a line is too long."""

    text: str
    wide: bool = True


@dataclass(frozen=True, slots=True)
class Break:
    """A place where a line may end (or a space stands), or `always` does; then with an empty line if `blank`."""

    always: bool = False
    blank: bool = False


@dataclass(frozen=True, slots=True)
class Indent:
    """What stands deeper by so many columns when it comes to begin a line."""

    by: int
    inner: "Doc"


@dataclass(frozen=True, slots=True)
class Group:
    """What is written on one line if it can be."""

    inner: "Doc"
    broken: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One after the other; `broken`: a line ends in it whatever the width."""

    parts: tuple["Doc", ...]
    broken: bool


Doc = Text | Break | Indent | Group | Row
SPACE = Text(" ")
NOTHING = Text("")
MAY = Break()
MUST = Break(always=True)


def row(*parts: Doc) -> Doc:
    """One after the other."""
    return parts[0] if len(parts) == 1 else Row(parts, any(_broken(part) for part in parts))


def group(*parts: Doc) -> Doc:
    """One after the other, on one line if it can be."""
    inner = row(*parts)
    return Group(inner, _broken(inner))


def _broken(doc: Doc) -> bool:
    match doc:
        case Break(always=always):
            return always
        case Indent(inner=inner):
            return _broken(inner)
        case Group(broken=broken) | Row(broken=broken):
            return broken
    return False


def write(doc: Doc, width: int) -> str:
    """The text, without an end of line after it."""
    out: list[str] = []
    column = 0
    todo: list[tuple[int, bool, Doc]] = [(0, False, doc)]  # columns to indent, whether all on one line, what
    while todo:
        indent, flat, part = todo.pop()
        match part:
            case Text(text=text, wide=wide):
                out.append(text)
                column += len(text) if wide else 0
            case Break(always=False) if flat:
                out.append(" ")
                column += 1
            case Break(blank=blank):
                out.append("\n\n" if blank else "\n")
                out.append(" " * indent)
                column = indent
            case Indent(by=by, inner=inner):
                todo.append((indent + by, flat, inner))
            case Group(inner=inner, broken=broken):
                fits = not broken and _fits(width - column, inner, todo)
                todo.append((indent, fits, inner))
            case Row(parts=parts):
                todo += [(indent, flat, one) for one in reversed(parts)]
    return "\n".join(line.rstrip(" ") for line in "".join(out).split("\n"))


def _fits(left: int, doc: Doc, rest: list[tuple[int, bool, Doc]]) -> bool:
    """Whether this, on one line, and what follows up to the next end of a line, fits into the columns left."""
    todo: list[tuple[bool, Doc]] = [(True, doc)]
    after = len(rest)
    while left >= 0:
        if not todo:
            if not after:
                return True
            after -= 1
            todo.append((rest[after][1], rest[after][2]))
        flat, part = todo.pop()
        match part:
            case Text(text=text, wide=wide):
                left -= len(text) if wide else 0
            case Break(always=always):
                if always or not flat:
                    return True
                left -= 1
            case Indent(inner=inner):
                todo.append((flat, inner))
            case Group(inner=inner, broken=broken):
                todo.append((flat and not broken, inner))
            case Row(parts=parts):
                todo += [(flat, one) for one in reversed(parts)]
    return False
