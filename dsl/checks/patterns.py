"""Is a regular expression whole, and does it end in linear time? E114.

Refused are repeats inside repeats, references back, and looking around. What is left cannot explode.
"""

import re
from collections.abc import Iterator

from dsl import ast, walk
from dsl.finding import Finding, finding
from dsl.resolve import Rules

LONGEST_REPEAT = 100
_PIECE = re.compile(
    r"""(?P<back>\\[1-9]|\(\?P=)
      | (?P<around>\(\?<?[=!]|\(\?\()
      | (?P<escape>\\.)
      | (?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])
      | (?P<open>\((?:\?(?:P<\w+>|[aiLmsux-]*:|[aiLmsux]+(?=\))|\#))?)
      | (?P<close>\))
      | (?P<repeat>(?:[*+?]|\{\d*,?\d*\})[?+]?)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


def check(rules: Rules) -> Iterator[Finding]:
    """Every `matches`."""
    for statement in rules.statements:
        for expr in walk.conditions(statement):
            for clause in walk.clauses(expr):
                if isinstance(clause, ast.Pattern):
                    yield from _pattern(clause.expression)


def _pattern(expression: ast.Name) -> Iterator[Finding]:
    try:
        re.compile(expression.text)
    except (re.error, OverflowError, RecursionError):
        yield finding("E114/broken", expression.span, reason="@expression broken")
        return
    slow = why_slow(expression.text)
    if slow:
        yield finding("E114/slow", expression.span, reason=f"@{slow}")


def why_slow(expression: str) -> str:
    """What could make it explode, as a phrase; empty if nothing."""
    repeats = [False]  # for each open group: whether something in it repeats
    closed = False  # whether what stands just before is a group with a repeat in it
    for piece in _PIECE.finditer(expression):
        kind, text = piece.lastgroup, piece[0]
        if kind in ("back", "around"):
            return f"expression {kind}"
        if kind == "repeat":
            counts = [int(count) for count in re.findall(r"\d+", text)]
            if any(count > LONGEST_REPEAT for count in counts):
                return "expression long"
            if text[0] != "?" and text not in ("{1}", "{0,1}", "{,1}"):
                if closed:
                    return "expression nested"
                repeats[-1] = True
            closed = closed or text[0] != "?"
            continue
        closed = False
        if kind == "open":
            repeats.append(False)
        elif kind == "close" and len(repeats) > 1:
            closed = repeats.pop()
            repeats[-1] = repeats[-1] or closed
    return ""
