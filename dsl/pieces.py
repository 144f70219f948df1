"""Statements of a rule file as pieces to lay out: where a line may end, where it must, how deep what follows stands.

Pure. Every word is written once and in its order, so that whatever the layout, the same rules are read again. Only the
spelling of a few signs is made the same everywhere (`spelling`), and `steps NAME =` gets the arrow that it may lack.
"""

import re
from collections.abc import Callable, Mapping, Sequence

from dsl.build import Node, spaced
from dsl.comments import Gap, between, leaves
from dsl.layout import MAY, MUST, NOTHING, SPACE, Doc, Indent, Text, group, row

ALIGNED = ("destination", "listener", "contact", "schedule")
_SAME = {"≠": "!=", "≤": "<=", "≥": ">="}
_TIGHT = {"field", "place", "word", "piece"}
Width = tuple[int, int]
"""How wide the keyword and the name of a declaration are, to stand in line with its neighbours."""


def spelling(leaf: Node) -> str:
    """A word in the one spelling: `→`, `!=`, `18 years`, `(0010,0010)`; names, numbers and quotes stay as they are."""
    match leaf.kind:
        case "ARROW":
            return "→"
        case "ON_FAILURE":
            return "on failure"
        case "ON_DUPLICATE":
            return "on duplicate"
        case "COMPARE":
            return _SAME.get(leaf.text, leaf.text)
        case "DURATION":
            return spaced(leaf.text)
        case "TAG":
            group_number, *creator, element = re.split(r"\s*,\s*", leaf.text.strip("()").strip())
            if creator:  # it stands in quotes, and may hold a comma
                quoted = leaf.text[leaf.text.index('"') : leaf.text.rindex('"') + 1]
                return f"({group_number.upper()},{quoted},{element.upper()})"
            return f"({group_number.upper()},{element.upper()})"
    return leaf.text


def first(node: Node) -> Node:
    """Its first word."""
    return next(leaves(node))


class Pieces:
    """The statements of one text, with the comments in its gaps."""

    def __init__(self, gaps: Mapping[int, Gap]) -> None:
        self._gaps = gaps

    def statement(self, node: Node, width: Width = (0, 0)) -> Doc:
        """One statement; `width` for those that stand in line with their neighbours."""
        make: dict[str, Callable[[Node], Doc]] = {
            "regions": self._regions,
            "steps": self._steps,
            "route": self._route,
            "test": self._test,
        }
        if node.kind in make:
            return make[node.kind](node)
        if node.kind in (*ALIGNED, "condition"):
            return self._declaration(node, width)
        return self._line(node.children, 4)

    # --- words next to each other

    def _before(self, node: Node, separator: Doc, levels: Sequence[int] = (0,), blanks: bool = False) -> Doc:
        """What stands between the word before it and this."""
        return between(self._gaps[first(node).start], separator, levels, blanks)

    def _line(self, nodes: Sequence[Node], by: int = 0) -> Doc:
        """With a space between, what follows the first deeper by so much."""
        rest = [part for node in nodes[1:] for part in (self._before(node, SPACE), self._doc(node))]
        return row(self._doc(nodes[0]), Indent(by, row(*rest)))

    def _tight(self, nodes: Sequence[Node]) -> Doc:
        parts = [self._doc(nodes[0])]
        for node in nodes[1:]:
            parts += (self._before(node, NOTHING), self._doc(node))
        return row(*parts)

    def _list(self, nodes: Sequence[Node]) -> Doc:
        """Items and commas; as many on a line as fit."""
        parts = [self._doc(nodes[0])]
        for comma, item in zip(nodes[1::2], nodes[2::2], strict=True):
            parts += (self._before(comma, NOTHING), self._doc(comma))
            parts.append(group(self._before(item, MAY), self._doc(item)))
        return row(*parts)

    def _doc(self, node: Node) -> Doc:
        """Anything smaller than a clause of a statement."""
        if node.kind.isupper():
            return Text(spelling(node))
        children = node.children
        if node.kind in _TIGHT:
            return self._tight(children)
        match node.kind:
            case "call":
                return self._line(children, 2)
            case "list":
                return self._list(children)
            case "path":
                return self._path(children)
            case "choose":
                return self._choose(node)
            case "any" | "all":
                return self._terms(node)
            case "group":
                return row(self._doc(children[0]), Indent(2, self._tight_after(children)))
            case "box":
                inner = row(self._before(children[1], NOTHING), self._list(children[1:-1]))
                return row(self._doc(children[0]), Indent(1, inner), self._closing(children[-1]))
            case "among":
                return self._among(children)
        return self._line(children)

    def _tight_after(self, nodes: Sequence[Node]) -> Doc:
        return row(*(part for node in nodes[1:] for part in (self._before(node, NOTHING), self._doc(node))))

    def _closing(self, node: Node) -> Doc:
        return row(self._before(node, NOTHING), self._doc(node))

    def _path(self, nodes: Sequence[Node]) -> Doc:
        """`a/b/c`; but `1.2.3 /4` stays two parts: without the space it would be a network."""
        parts = [self._doc(nodes[0])]
        for at in range(1, len(nodes), 2):
            left, slash, right = nodes[at - 1 : at + 2]
            network = first(left).kind == "DOTTED" and "/" not in first(left).text and first(right).text[:1].isdigit()
            parts += (self._before(slash, SPACE if network else NOTHING), self._doc(slash))
            parts += (self._before(right, NOTHING), self._doc(right))
        return row(*parts)

    # --- conditions

    def _condition(self, node: Node) -> Doc:
        return Indent(4, group(self._doc(node)))

    def _terms(self, node: Node) -> Doc:
        """`a and b and c`: on one line, or each `and` begins one."""
        parts = [group(self._doc(node.children[0]))]
        for word, term in zip(node.children[1::2], node.children[2::2], strict=True):
            inner = Indent(2, row(self._before(term, SPACE), group(self._doc(term))))
            parts += (self._before(word, MAY), self._doc(word), inner)
        return group(*parts)

    def _among(self, nodes: Sequence[Node]) -> Doc:
        field, word, opening, *operands, closing = nodes
        head = [self._doc(field), self._before(word, SPACE), self._doc(word)]
        head += (self._before(opening, SPACE), self._doc(opening))
        return row(
            *head, Indent(2, row(self._before(operands[0], NOTHING), self._list(operands))), self._closing(closing)
        )

    # --- chains

    def _arrows(self, nodes: Sequence[Node], begin: Doc | None, separator: Doc = MAY) -> Doc:
        """Arrows and steps; `begin` stands before the first, unless it has been written."""
        parts: list[Doc] = []
        for arrow, step in zip(nodes[::2], nodes[1::2], strict=True):
            before = separator if parts else begin
            if before is not None:
                parts.append(self._before(arrow, before, blanks=True))
            written = arrow.start < first(step).start
            inner = self._before(step, SPACE) if written else SPACE
            parts += (self._doc(arrow), Indent(2, row(inner, self._doc(step))))
        return row(*parts)

    def _choose(self, node: Node) -> Doc:
        """Cases two columns deeper, their steps four."""
        word, *cases, end = node.children
        parts = [self._doc(word)]
        for case in cases:
            levels = (0, 2) if len(parts) > 1 else (0,)
            parts.append(Indent(2, row(self._before(case, MUST, levels, blanks=True), self._case(case))))
        return row(*parts, self._before(end, MUST, (0, 2, 4)), self._doc(end))

    def _case(self, node: Node) -> Doc:
        word, *where, chain = node.children
        parts = [self._doc(word)]
        for expr in where:
            parts += (Indent(4, self._before(expr, SPACE)), self._condition(expr))
        steps = group(self._arrows(chain.children, None))
        return row(*parts, Indent(2, row(self._before(chain, MUST, blanks=True), steps)))

    # --- statements

    def _declaration(self, node: Node, width: Width) -> Doc:
        """`contact admin = …`; keyword and name as wide as those of its neighbours."""
        word, name, equals, *values = node.children
        pads = [
            Text(" " * max(1, wanted - len(part.text) + 1)) for wanted, part in zip(width, (word, name), strict=True)
        ]
        head = [self._doc(word), Indent(4, row(self._before(name, pads[0]), self._doc(name)))]
        head.append(Indent(4, row(self._before(equals, pads[1]), self._doc(equals))))
        if node.kind == "condition":
            return row(*head, Indent(4, self._before(values[0], SPACE)), self._condition(values[0]))
        return row(*head, Indent(4, row(*(p for v in values for p in (self._before(v, SPACE), self._doc(v))))))

    def _regions(self, node: Node) -> Doc:
        """The boxes on the next line where there is a condition, or where they do not fit."""
        word, name, *rest = node.children
        head = [self._line((word, name), 4)]
        fits = rest.pop(0) if rest[0].kind == "fits" else None
        if fits is not None:
            head.append(self._clause(fits))
        what, *boxes = rest
        inner = Indent(len(what.text) + 1, row(self._before(boxes[0], SPACE), self._list(boxes)))
        begin = self._before(what, MAY if fits is None else MUST)
        return group(*head, Indent(2, row(begin, self._doc(what), inner)))

    def _clause(self, node: Node) -> Doc:
        """`where` or `for` with its condition, behind something."""
        word, expr = node.children
        before = Indent(4, row(self._before(word, SPACE), self._doc(word), self._before(expr, SPACE)))
        return row(before, self._condition(expr))

    def _steps(self, node: Node) -> Doc:
        *head, begin = node.children[:4]
        chain = list(node.children[3:])
        if begin.kind != "ARROW":  # it may be left out here
            at = first(begin).start
            chain.insert(0, Node("ARROW", "→", (), at, at))
        return group(self._line(head, 4), Indent(2, self._arrows(chain, MAY)))

    def _route(self, node: Node) -> Doc:
        """With a name: name, source and each step on a line of its own. Without: one line where it fits."""
        parts = list(node.children)
        label = parts.pop(0) if parts[0].kind == "label" else None
        on, source, *rest = parts
        head = [self._source(on, source)]
        if rest[0].kind == "where":
            head.append(self._clause(rest.pop(0)))
        chain, *clauses = rest
        separator = MAY if label is None else MUST
        tail = [self._arrows(chain.children, separator, separator)]
        for clause in clauses:
            word, said = clause.children
            inner = self._arrows(said.children, MAY) if clause.kind == "failure" else self._spaced(said)
            tail += (self._before(clause, MUST, blanks=True), group(self._doc(word), Indent(2, inner)))
        if label is None:
            return group(*head, Indent(2, row(*tail)))
        return row(self._line(label.children, 4), Indent(2, row(self._before(on, MUST), *head, *tail)))

    def _source(self, on: Node, source: Node) -> Doc:
        return row(self._doc(on), Indent(4, self._spaced(source)))

    def _spaced(self, node: Node) -> Doc:
        return row(self._before(node, SPACE), self._doc(node))

    def _test(self, node: Node) -> Doc:
        """Title, `given`, `on` and each `expect` on lines of their own."""
        word, title, given, *rest = node.children
        end = next(at for at, one in enumerate(rest) if one.kind not in ("given", "COMMA"))
        facts = row(self._before(rest[0], SPACE), self._list(rest[:end]))
        lines = [self._before(given, MUST), self._doc(given), Indent(6, facts)]
        rest = rest[end:]
        if rest[0].kind == "ON":
            lines += (self._before(rest[0], MUST, blanks=True), self._source(rest[0], rest[1]))
            rest = rest[2:]
        for expect in rest:
            lines += (self._before(expect, MUST, blanks=True), self._doc(expect))
        return row(self._line((word, title), 4), Indent(2, row(*lines)))
