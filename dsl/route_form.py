"""A route as a form, and a form as text again: the text stays the truth, and a form is a way to write it.

Pure. Each row of a form remembers which piece of the text it was (`was`): what nobody has changed is written as it
stood, and the comments beside it go with it. What does not fit into a row (brackets with `or`, named conditions,
`choose`) is a row of text. Where a comment would be lost, nothing is written.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from dsl.build import Node
from dsl.format import comments_of, format_text
from dsl.parse import parse_words, plain

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "contains", "starts with", "in", "is present", "is missing")
NEW = -1
"""`was` of a row that is in no text yet."""

_SAME = {"≠": "!=", "≤": "<=", "≥": ">="}
_BARE = re.compile(
    r"-?[0-9]{1,18}(\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}:[0-9]{2}|[0-9]+(\.[0-9]+){2,}"
    r"|today( ?[+-] ?[0-9]{1,9} ?(day|week|month|year|hour|minute)s?)?|[A-Z][A-Z0-9_]{0,30}"
)
"""Values that people write without quotation marks: numbers, dates, times, UIDs, and the codes of DICOM (CS)."""
_COMMENT = re.compile(r"#[^\n]*")


class Unfit(Exception):
    """Nothing can be shown, or written. kind: unreadable (the text has errors), gone (no such route), value, comments
    (some would be lost: `what`), rows (what was typed is more than a row, or cannot be read).
    """

    def __init__(self, kind: str, what: str = "") -> None:
        super().__init__(kind)
        self.kind, self.what = kind, what


@dataclass(frozen=True, slots=True)
class Clause:
    """A condition: field, one of OPERATORS, value (of `in` several, by commas); or else `text`."""

    was: int
    field: str = ""
    operator: str = ""
    value: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A step and what follows its name; or else `text`: a `choose`."""

    was: int
    name: str = ""
    arguments: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """A route. Lines count from 1; all clauses must hold; failure: what is done where it fails."""

    line: int
    end_line: int
    label: str
    source: str
    clauses: tuple[Clause, ...]
    steps: tuple[Step, ...]
    failure: tuple[Step, ...]
    duplicate: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of text that one row stands for, with the comments before it and behind it."""

    start: int
    end: int
    before: tuple[str, ...] = ()
    after: str = ""


def forms(text: str, name: str, steps: Collection[str] = ()) -> list[Form]:
    """Every route of a file, in order. Raises Unfit."""
    source = plain(text)
    return [_Read(source, node).form() for node in _routes(source, name, steps)]


def written(text: str, name: str, index: int, form: Form, steps: Collection[str] = ()) -> str:
    """The whole file with this route (counted from 0) as the form says, in its one layout. Raises Unfit."""
    source = plain(text)
    routes = _routes(source, name, steps)
    if not 0 <= index < len(routes):
        raise Unfit("gone")
    node = routes[index]
    made = source[: node.start] + _Read(source, node).text(form) + source[node.end :]
    result = format_text(made, name=name, steps=steps)
    if not isinstance(result, str):
        raise Unfit("rows")
    _must_keep(source, result, name, index, form, steps)
    return result


def _must_keep(source: str, result: str, name: str, index: int, form: Form, steps: Collection[str]) -> None:
    """No comment is lost, no other statement came to be or went, and the route has the rows of the form."""
    lost = Counter(comments_of(source)) - Counter(comments_of(result))
    if lost:
        raise Unfit("comments", next(iter(lost)).lstrip("# "))
    before, _ = parse_words(source, name, steps)
    after, _ = parse_words(result, name, steps)
    added = [node for node in after if node.kind != "version"]
    if len(added) != len([node for node in before if node.kind != "version"]):
        raise Unfit("rows")
    again = forms(result, name, steps)[index]
    if [len(rows) for rows in (again.clauses, again.steps, again.failure)] != [
        len(rows) for rows in (form.clauses, form.steps, form.failure)
    ]:
        raise Unfit("rows")


def _routes(source: str, name: str, steps: Collection[str]) -> list[Node]:
    nodes, unread = parse_words(source, name, steps)
    if unread:
        raise Unfit("unreadable")
    return [node for node in nodes if node.kind == "route"]


class _Read:
    """One route of a text, in pieces."""

    def __init__(self, source: str, node: Node) -> None:
        self._source, self._node = source, node
        label, where = node.find("label"), node.find("where")
        self._label = [label.children[-1]] if label is not None else []
        self._origin = [one for one in (node.find("source"),) if one is not None]
        self._clauses = [] if where is None else _terms(where.children[-1])
        self._steps = _chain(node)
        failure, repeat = node.find("failure"), node.find("repeat")
        self._failure = [] if failure is None else _chain(failure)
        self._duplicate = [] if repeat is None else [repeat.children[-1]]
        # In the order of the text, in which `on duplicate` may come first.
        nodes = [*self._label, *self._origin, *self._clauses, *self._steps, *self._failure, *self._duplicate]
        self._pieces = {one.start: one for one in self._cut(sorted(nodes, key=lambda one: one.start))}

    def form(self) -> Form:
        """Its form."""
        line = self._source.count("\n", 0, self._node.start) + 1
        return Form(
            line,
            line + self._source.count("\n", self._node.start, self._node.end),
            "".join(self._said(one).strip('"') for one in self._label),
            "".join(self._said(one) for one in self._origin),
            tuple(self._clause(place, one) for place, one in enumerate(self._clauses)),
            tuple(self._step(place, one) for place, one in enumerate(self._steps)),
            tuple(self._step(place, one) for place, one in enumerate(self._failure)),
            "".join(self._said(one) for one in self._duplicate),
        )

    def text(self, form: Form) -> str:
        """The text of another form. Raises Unfit."""
        lines: list[str] = []
        if form.label:
            _put(lines, "route ", _labelled(form.label), self._piece(self._label))
        if not form.source.strip():
            raise Unfit("value")
        _put(lines, "on ", form.source.strip(), self._piece(self._origin))
        for place, clause in enumerate(form.clauses):
            text, piece = self._clause_text(clause, len(form.clauses) > 1)
            _put(lines, "and " if place else "where ", text, piece)
        if not form.steps:
            raise Unfit("value")
        self._put_steps(lines, form.steps, self._steps)
        if form.failure:
            lines.append("on failure")
            self._put_steps(lines, form.failure, self._failure)
        if form.duplicate:
            _put(lines, "on duplicate ", form.duplicate, self._piece(self._duplicate))
        return "\n".join(lines) + "\n"

    # --- rows

    def _clause(self, place: int, node: Node) -> Clause:
        said = [self._said(one) for one in node.children]
        if node.kind in ("compare", "contains"):
            return Clause(place, said[0], _SAME.get(said[1], said[1]), _unquoted(said[2]))
        if node.kind == "starts":
            return Clause(place, said[0], "starts with", _unquoted(said[-1]))
        if node.kind in ("present", "missing"):
            return Clause(place, said[0], f"is {node.kind}")
        if node.kind == "among":
            options = [_unquoted(self._said(one)) for one in node.every("operand")]
            if not any("," in one for one in options):
                return Clause(place, said[0], "in", ", ".join(options))
        return Clause(place, text=self._said(node))

    def _step(self, place: int, node: Node) -> Step:
        if node.kind != "call":
            return Step(place, text=self._said(node))
        name = node.children[0]
        return Step(place, self._said(name), self._source[name.end : node.end].strip())

    def _clause_text(self, clause: Clause, several: bool) -> tuple[str, _Piece | None]:
        known = self._clauses[clause.was] if 0 <= clause.was < len(self._clauses) else None
        piece = None if known is None else self._pieces[known.start]
        if known is not None and self._clause(clause.was, known) == clause:
            text = self._said(known)
        else:
            text = clause.text.strip() or _composed(clause)
        return (f"({text})" if several and _is_choice(text) else text), piece

    def _put_steps(self, lines: list[str], rows: Sequence[Step], nodes: Sequence[Node]) -> None:
        for row in rows:
            known = nodes[row.was] if 0 <= row.was < len(nodes) else None
            piece = None if known is None else self._pieces[known.start]
            if known is not None and self._step(row.was, known) == row:
                text = self._said(known)
            else:
                text = row.text.strip() or f"{row.name.strip()} {row.arguments.strip()}".strip()
            if not text:
                raise Unfit("value")
            _put(lines, "→ ", text, piece)

    # --- pieces

    def _said(self, node: Node) -> str:
        return self._source[node.start : node.end]

    def _piece(self, nodes: Sequence[Node]) -> _Piece | None:
        return self._pieces[nodes[0].start] if nodes else None

    def _cut(self, nodes: Sequence[Node]) -> Iterator[_Piece]:
        """Comments behind a piece on its line are its own, others are of the piece that follows."""
        end, waiting = self._node.start, ()  # type: int, tuple[str, ...]
        for place, node in enumerate(nodes):
            following = nodes[place + 1].start if place + 1 < len(nodes) else self._node.end
            gap = self._source[node.end : following]
            first, *rest = [""] if not gap else [gap.partition("\n")[0], *gap.split("\n")[1:]]
            behind = _COMMENT.search(first)
            before = (*waiting, *(_COMMENT.findall(self._source[end : node.start]) if place == 0 else ()))
            yield _Piece(node.start, node.end, tuple(before), behind[0] if behind else "")
            waiting = tuple(found for line in rest for found in _COMMENT.findall(line))
            end = node.end


def _terms(node: Node) -> list[Node]:
    """What is joined by `and`."""
    return [one for one in node.children if not one.kind.isupper()] if node.kind == "all" else [node]


def _chain(node: Node) -> list[Node]:
    chain = node.find("chain")
    return [] if chain is None else list(chain.every("call", "choose"))


def _put(lines: list[str], lead: str, text: str, piece: _Piece | None) -> None:
    if piece is not None:
        lines.extend(piece.before)
    lines.append(f"{lead}{text}" + (f"  {piece.after}" if piece is not None and piece.after else ""))


def _composed(clause: Clause) -> str:
    """A clause that was typed into a row. Raises Unfit."""
    field, operator = clause.field.strip(), clause.operator
    if not field or operator not in OPERATORS:
        raise Unfit("value")
    if operator.startswith("is "):
        return f"{field} {operator}"
    if operator == "in":
        return f"{field} in ({', '.join(_operand(one) for one in clause.value.split(','))})"
    if operator in ("contains", "starts with"):
        return f"{field} {operator} {_quoted(clause.value)}"
    return f"{field} {operator} {_operand(clause.value)}"


def _operand(value: str) -> str:
    said = value.strip()
    return said if _BARE.fullmatch(said) else _quoted(said)


def _quoted(value: str) -> str:
    if not value.strip() or '"' in value or "\n" in value:
        raise Unfit("value")
    return f'"{value}"'


def _unquoted(said: str) -> str:
    return said[1:-1] if said.startswith('"') else said


def _labelled(label: str) -> str:
    return label if re.fullmatch(r"[^\W\d]\w*(?:-\w+)*", label) else _quoted(label)


def _is_choice(text: str) -> bool:
    """Whether it is `a or b` without brackets: beside others it needs some."""
    nodes, unread = parse_words(f"on port 1 where {text}\n→ hold\n", "")
    if unread or not nodes:
        return False
    where = nodes[0].find("where")
    return where is not None and where.children[-1].kind == "any"
