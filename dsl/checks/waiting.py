"""W305: an `await` with nothing in front of it to wait for, or nothing behind it that would wait."""

from collections.abc import Iterator

from dsl import ast
from dsl.finding import Finding, finding
from dsl.flow import calls
from dsl.resolve import Rules

WAITED_FOR = frozenset({"store", "forward"})
WAITS = WAITED_FOR | {"mail", "notify"}


def check(rules: Rules) -> Iterator[Finding]:
    """Every route. What stands in named steps is not asked: they may be meant for the middle of a chain."""
    for statement in rules.statements:
        if isinstance(statement, ast.Route):
            yield from _chain(rules, statement.chain, before=False, behind=False)
            yield from _chain(rules, statement.failure or (), before=False, behind=False)


def _chain(rules: Rules, chain: ast.Chain, *, before: bool, behind: bool) -> Iterator[Finding]:
    for number, node in enumerate(chain):
        rest = behind or _has(rules, chain[number + 1 :], WAITS)
        if isinstance(node, ast.Choose):
            for case in node.cases:
                yield from _chain(rules, case.chain, before=before, behind=rest)
            yield from _chain(rules, node.otherwise or (), before=before, behind=rest)
        elif node.name.text == "await" and not before:
            yield finding("W305", node.span)
        elif node.name.text == "await" and not rest:
            yield finding("W305/behind", node.span)
        before = before or _has(rules, (node,), WAITED_FOR)


def _has(rules: Rules, chain: ast.Chain, steps: frozenset[str]) -> bool:
    return any(call.name.text in steps for call in calls(rules, chain))
