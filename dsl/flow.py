"""What is known of an object at each choose of a chain, and where a chain ends.

Pure, and only asked for rules without errors. A choose is told from what the route's `where` and the cases around and
before it say; a step that changes a tag makes everything forgotten that was said of it. It must not judge anything.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dsl import ast
from dsl.lower import meaning
from dsl.resolve import Rules
from engine.condition import All, Any, Condition, Named, Not, Unmatched
from engine.tags import FACTS, UnknownTag, path_of

KEEPS = frozenset({"store", "forward", "mail", "hold", "notify", "await", "review", "discard"})
"""Steps that change nothing in the object."""
CHANGES_ONE = frozenset({"set", "remove", "map"})
"""Steps that change the tag they name, and nothing else."""

ALL = "*"
"""Among changed tags: any tag may have changed."""


@dataclass(frozen=True, slots=True)
class Known:
    """Something that is true of the object where it stands, and where the rules say so."""

    condition: Condition
    span: ast.Span


@dataclass(frozen=True, slots=True)
class Scene:
    """One case of a choose: what it asks, what is known beforehand, and what the cases before it asked (in vain)."""

    case: ast.When
    asks: Condition
    known: tuple[Known, ...]
    earlier: tuple[Known, ...]


def scenes(rules: Rules) -> Iterator[Scene]:
    """Every case of every choose, those in named steps and failure chains too: there nothing is known beforehand."""
    for statement in rules.statements:
        if isinstance(statement, ast.Steps):
            yield from _scenes(rules, statement.chain, ())
        if isinstance(statement, ast.Route):
            where = () if statement.where is None else _parts(rules, statement.where)
            # What no route takes is no question any more once a route has taken it.
            yield from _scenes(rules, statement.chain, tuple(k for k in where if not _asks_unmatched(k.condition)))
            yield from _scenes(rules, statement.failure or (), ())


def calls(rules: Rules, chain: ast.Chain) -> Iterator[ast.Call]:
    """Every step of a chain, cases included, named steps as what they stand for."""
    for node in chain:
        if isinstance(node, ast.Choose):
            for branch in _branches(node):
                yield from calls(rules, branch)
        elif (named := _named(rules, node)) is not None:
            yield from calls(rules, named)
        else:
            yield node


def ends(rules: Rules, node: ast.Call | ast.Choose) -> bool:
    """Whether no object comes past it: a discard, or a choose with an otherwise of which every case ends."""
    if isinstance(node, ast.Choose):
        every = all(any(ends(rules, inner) for inner in branch) for branch in _branches(node))
        return node.otherwise is not None and every
    named = _named(rules, node)
    return node.name.text == "discard" if named is None else any(ends(rules, inner) for inner in named)


def span_of(expr: ast.Expr) -> ast.Span:
    """Where a condition stands."""
    return expr.name.span if isinstance(expr, ast.Reference) else expr.span


def in_choose(condition: Condition) -> Condition:
    """What a condition means inside a choose, where `unmatched` is always true (engine.run)."""
    match condition:
        case Unmatched():
            return All(())
        case All(terms):
            return All(tuple(map(in_choose, terms)))
        case Any(terms):
            return Any(tuple(map(in_choose, terms)))
        case Not(term):
            return Not(in_choose(term))
        case Named(name, term):
            return Named(name, in_choose(term))
    return condition


def _scenes(rules: Rules, chain: ast.Chain, known: tuple[Known, ...]) -> Iterator[Scene]:
    for node in chain:
        if isinstance(node, ast.Choose):
            earlier: tuple[Known, ...] = ()
            for case in node.cases:
                asks = in_choose(meaning(rules, case.where))
                yield Scene(case, asks, known, earlier)
                denied = tuple(Known(Not(one.condition), one.span) for one in earlier)
                here = tuple(Known(in_choose(k.condition), k.span) for k in _parts(rules, case.where))
                yield from _scenes(rules, case.chain, (*known, *denied, *here))
                earlier = (*earlier, Known(asks, span_of(case.where)))
            denied = tuple(Known(Not(one.condition), one.span) for one in earlier)
            yield from _scenes(rules, node.otherwise or (), (*known, *denied))
        changed = set(_changed(rules, (node,)))
        known = tuple(one for one in known if ALL not in changed and not changed & set(_looked_at(one.condition)))


def _parts(rules: Rules, where: ast.Expr) -> tuple[Known, ...]:
    """Each part of an `and` by itself, so that forgetting one leaves the others."""
    if isinstance(where, ast.Both) and where.every:
        return tuple(part for term in where.terms for part in _parts(rules, term))
    return (Known(meaning(rules, where), span_of(where)),)


def _changed(rules: Rules, chain: ast.Chain) -> Iterator[str]:
    """The outermost tags that a chain may have changed."""
    for call in calls(rules, chain):
        if call.name.text in CHANGES_ONE and call.values:
            yield _outermost(call.values[0].text)
        elif call.name.text not in KEEPS:
            yield ALL


def _looked_at(condition: Condition) -> Iterator[str]:
    match condition:
        case All(terms) | Any(terms):
            for term in terms:
                yield from _looked_at(term)
        case Not(term) | Named(_, term):
            yield from _looked_at(term)
        case Unmatched():
            return
        case _:
            if condition.field.name not in FACTS:
                yield _outermost(condition.field.name)


def _outermost(spelling: str) -> str:
    """The tag that a path begins with. A private one stands for all: to set it may move others about."""
    try:
        tag = path_of(spelling).parts[0].tag
    except UnknownTag:
        return ALL
    return ALL if tag.group % 2 else str(tag)


def _branches(node: ast.Choose) -> Iterable[ast.Chain]:
    return [*(case.chain for case in node.cases), *([] if node.otherwise is None else [node.otherwise])]


def _named(rules: Rules, call: ast.Call) -> ast.Chain | None:
    steps = rules.declared("steps").get(call.name.text)
    return steps.chain if isinstance(steps, ast.Steps) else None


def _asks_unmatched(condition: Condition) -> bool:
    match condition:
        case All(terms) | Any(terms):
            return any(map(_asks_unmatched, terms))
        case Not(term) | Named(_, term):
            return _asks_unmatched(term)
    return isinstance(condition, Unmatched)
