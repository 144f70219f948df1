"""W305, W306: an `await` with nothing in front of it or behind it, a `collect` or `review` with nothing behind it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dsl import ast
from dsl.finding import Finding, finding
from dsl.flow import calls
from dsl.resolve import Rules

WAITED_FOR = frozenset({"store", "forward"})
ANEW = frozenset({"collect", "review"})
"""Behind these a chain of its own begins."""
WAITS = WAITED_FOR | ANEW | {"mail", "notify"}
GOES_ON = WAITS | {"hold", "discard"}


def check(rules: Rules) -> Iterator[Finding]:
    """Every route. What stands in named steps is not asked: they may be meant for the middle of a chain."""
    for statement in rules.statements:
        if isinstance(statement, ast.Route):
            for chain in (statement.chain, statement.failure or ()):
                yield from _chain(rules, chain, _Around())


def _chain(rules: Rules, chain: ast.Chain, around: "_Around") -> Iterator[Finding]:
    for number, node in enumerate(chain):
        rest = chain[number + 1 :]
        here = replace(
            around,
            effects=around.effects or _has(rules, rest, WAITS),
            goes_on=around.goes_on or _has(rules, rest, GOES_ON),
        )
        if isinstance(node, ast.Choose):
            for case in node.cases:
                yield from _chain(rules, case.chain, here)
            yield from _chain(rules, node.otherwise or (), here)
        elif node.name.text == "await" and not here.delivered:
            yield finding("W305/collected" if here.collected else "W305", node.span)
        elif node.name.text == "await" and not here.effects:
            yield finding("W305/behind", node.span)
        elif node.name.text in ANEW:
            if not here.goes_on:
                yield finding("W306/review" if node.name.text == "review" else "W306", node.span)
            around = replace(around, delivered=False, collected=True)
        if _has(rules, (node,), WAITED_FOR):
            around = replace(around, delivered=True)


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands in front of a step: a delivery, a collect; and what behind it: an effect, or any step at all."""

    delivered: bool = False
    collected: bool = False
    effects: bool = False
    goes_on: bool = False


def _has(rules: Rules, chain: ast.Chain, steps: frozenset[str]) -> bool:
    return any(call.name.text in steps for call in calls(rules, chain))
