"""Can this condition ever hold? W303, in itself or behind what is known there already."""

from collections.abc import Iterator
from itertools import combinations

from dsl import ast, walk
from dsl.finding import Also, Finding, finding
from dsl.flow import scenes, span_of
from dsl.lower import meaning
from dsl.reason import never, terms
from dsl.resolve import Rules
from engine.condition import All, Condition


def check(rules: Rules) -> Iterator[Finding]:
    """Every condition by itself, then every case behind its route's `where` and the cases around it."""
    for statement in rules.statements:
        for expr in walk.conditions(statement):
            yield from _alone(rules, expr)
    for scene in scenes(rules):
        known = [one.condition for one in scene.known]
        if never(meaning(rules, scene.case.where)) or never(*known) or not never(*known, scene.asks):
            continue
        one = next((one for one in scene.known if never(one.condition, scene.asks)), None)
        also = () if one is None else (Also(one.span, "known here"),)
        yield finding("W303/case", span_of(scene.case.where), also=also)


def _alone(rules: Rules, expr: ast.Expr, given: tuple[Condition, ...] = ()) -> Iterator[Finding]:
    """The smallest part that can never hold; `given` are the conditions that stand beside it with `and`."""
    if isinstance(expr, ast.Reference):
        if given and not never(meaning(rules, expr)) and never(*given, meaning(rules, expr)):
            yield finding("W303", span_of(expr))
        return  # what a named condition says of itself is told where it is declared
    if not isinstance(expr, ast.Both):
        if never(*given, meaning(rules, expr)):
            yield finding("W303", expr.span)
        return
    if not expr.every:
        for term in expr.terms:
            yield from _alone(rules, term, given)
        return
    parts = [meaning(rules, term) for term in expr.terms]
    if any(never(part) for part in parts):
        for term in expr.terms:
            yield from _alone(rules, term)
        return
    pair = None
    if not terms(All(tuple(parts))):
        # They cannot be true together, or nobody knows: do two of them exclude each other already?
        places = list({part: place for place, part in reversed(list(enumerate(parts)))}.values())
        pairs = combinations(sorted(places), 2)
        pair = next(((a, b) for a, b in pairs if never(parts[a], parts[b])), None)
    if pair is not None:
        first, second = (span_of(expr.terms[place]) for place in pair)
        yield finding("W303/pair", second, also=(Also(first, "excludes it"),))
    elif never(*given, *parts):
        yield finding("W303", expr.span)
    else:
        for place, term in enumerate(expr.terms):
            if isinstance(term, ast.Both):
                yield from _alone(rules, term, (*given, *parts[:place], *parts[place + 1 :]))
