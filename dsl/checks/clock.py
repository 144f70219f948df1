"""What has an object, and what works by the clock? E118: a step, a condition or a test that stands with the other kind.

W307: a purge of a folder that no rule stores in. It is asked only where all names and values mean something.
"""

from collections.abc import Iterator
from itertools import pairwise

from dsl import ast, walk
from dsl.finding import Finding, finding
from dsl.flow import calls, span_of
from dsl.resolve import Rules
from dsl.suggest import nearest
from engine.signature import Vocabulary


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """E118 in every route and test."""
    by_clock = frozenset(name for name, signature in vocabulary.steps.items() if signature.by_clock)
    for statement in rules.statements:
        if isinstance(statement, ast.Route):
            way_in = statement.source.name.text
            if statement.by_clock:
                yield from _by_clock(rules, vocabulary, statement)
            elif way_in in vocabulary.sources or rules.knows("listener", way_in):
                yield from _with_objects(rules, by_clock, statement)
        if isinstance(statement, ast.Test):
            if statement.source is not None and statement.source.name.text == "every":
                yield finding("E118/test", statement.source.span)
            for expect in statement.expects:
                if expect.call.name.text in by_clock:
                    yield finding("E118/expect", expect.call.span, word=expect.call.name.text)


def _by_clock(rules: Rules, vocabulary: Vocabulary, route: ast.Route) -> Iterator[Finding]:
    if route.where is not None:
        yield finding("E118/where", span_of(route.where))
    for node in route.chain:
        at = node.span
        for step in _stands_for(rules, node):
            signature = vocabulary.steps.get(step)
            if step == "choose":
                first = ast.Span(at.file, at.line, at.column, at.line, at.column + len(step))
                yield finding("E118/choose", first if isinstance(node, ast.Choose) else at)
                break
            if signature is not None and not signature.by_clock:
                yield finding("E118", at, word=step)
                break
    if route.failure:
        yield finding("E118/failure", route.failure[0].span)
    if route.duplicate:
        yield finding("E118/duplicate", route.duplicate.span)


def _with_objects(rules: Rules, by_clock: frozenset[str], route: ast.Route) -> Iterator[Finding]:
    for chain in walk.chains(route):
        for call in walk.calls(chain):
            step = next((one for one in _stands_for(rules, call) if one in by_clock), "")
            if step:
                yield finding("E118/clock", call.span, word=step)


def _stands_for(rules: Rules, node: ast.Call | ast.Choose) -> Iterator[str]:
    """The names of all steps that a node stands for; `choose` for each choose, with what is in it."""
    todo: list[ast.Call | ast.Choose] = [node]
    seen: set[str] = set()
    while todo:
        one = todo.pop(0)
        if isinstance(one, ast.Choose):
            yield "choose"
            todo += walk.calls((one,))
            continue
        name = one.name.text
        declared = rules.declared("steps").get(name)
        if not isinstance(declared, ast.Steps):
            yield name
        elif name not in seen:
            seen.add(name)
            todo += declared.chain


def check_folders(rules: Rules) -> Iterator[Finding]:
    """W307 in every route that works by the clock."""
    routes = [statement for statement in rules.statements if isinstance(statement, ast.Route)]
    every = [call for route in routes for chain in walk.chains(route) for call in calls(rules, chain)]
    stored = {_stored(call) for call in every if call.name.text == "store"}
    for call in every:
        folder = _purged(call)
        if folder is not None and folder.text not in stored:
            guess = nearest(folder.text, stored)
            yield finding("W307", folder.span, "guess" if guess else "", word=folder.text, guess=guess)


def _stored(call: ast.Call) -> str:
    """The folder that a `store` stores in."""
    return next((value.text for word, value in pairwise(call.values) if word.text == "in"), "archive")


def _purged(call: ast.Call) -> ast.Value | None:
    """The folder that a `purge` empties."""
    if call.name.text != "purge":
        return None
    return next((value for value in call.values if value.kind in ("word", "text") and value.text != "older"), None)
