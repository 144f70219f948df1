"""Do ports clash? E201 a port opened twice, W203 a port that needs special rights."""

from collections.abc import Iterator

from dsl import ast, walk
from dsl.finding import Also, Finding, finding
from dsl.resolve import Rules


def check(rules: Rules) -> Iterator[Finding]:
    """Every port that the rules open."""
    opened: dict[int, tuple[str, ast.Span]] = {}
    low: set[int] = set()
    for kind, value, declared in sorted(walk.ports(rules.statements), key=lambda port: not port[2]):
        if not (value.text.isdecimal() and 0 < len(value.text) < 8):
            continue
        port = int(value.text)
        first = opened.setdefault(port, (kind, value.span))
        if first[1] is not value.span and (declared or kind != first[0]):
            yield finding("E201", value.span, also=(Also(first[1], "first port"),), word=value.text)
        if 0 < port < 1024 and port not in low:
            low.add(port)
            yield finding("W203", value.span, word=value.text)
