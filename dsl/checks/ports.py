"""Do ports clash? E201 a port opened twice, W203 a port that needs special rights."""

from collections.abc import Iterator
from itertools import pairwise

from dsl import ast
from dsl.finding import Also, Finding, finding
from dsl.resolve import Rules


def check(rules: Rules) -> Iterator[Finding]:
    """Every port that the rules open."""
    opened: dict[int, tuple[str, ast.Span]] = {}
    low: set[int] = set()
    for kind, value, declared in sorted(_ports(rules), key=lambda port: not port[2]):
        if not (value.text.isdecimal() and 0 < len(value.text) < 8):
            continue
        port = int(value.text)
        first = opened.setdefault(port, (kind, value.span))
        if first[1] is not value.span and (declared or kind != first[0]):
            yield finding("E201", value.span, also=(Also(first[1], "first port"),), word=value.text)
        if 0 < port < 1024 and port not in low:
            low.add(port)
            yield finding("W203", value.span, word=value.text)


def _ports(rules: Rules) -> Iterator[tuple[str, ast.Value, bool]]:
    """Kind, number and whether it is declared: a route may share the port of a listener, a listener may not."""
    for statement in rules.statements:
        if isinstance(statement, ast.Declaration) and statement.kind == "listener" and statement.values:
            value = _after_port(statement.values)
            if value is not None:
                yield statement.values[0].text, value, True
        if isinstance(statement, ast.Route):
            source = statement.source
            if source.name.text == "port" and source.values and source.values[0].kind == "number":
                yield "dicom", source.values[0], False
            elif source.values and source.values[0].text == "port":
                value = _after_port(source.values)
                if value is not None:
                    yield source.name.text, value, False


def _after_port(values: tuple[ast.Value, ...]) -> ast.Value | None:
    for word, value in pairwise(values):
        if word.kind == "word" and word.text == "port" and value.kind == "number":
            return value
    return None
