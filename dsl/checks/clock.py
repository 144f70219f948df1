"""What has an object, and what works without one? E118: a step, a condition or a test that stands with the other kind.

W307: a purge of a folder that no rule stores in. It is asked only where all names and values mean something.
"""

from collections.abc import Iterator
from itertools import pairwise

from dsl import ast, walk
from dsl.finding import Finding, finding
from dsl.flow import calls, span_of
from dsl.resolve import Rules
from dsl.samples import example
from dsl.suggest import nearest
from engine.signature import Vocabulary


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """E118 in every route and test."""
    bare = frozenset(name for name, signature in vocabulary.steps.items() if signature.bare)
    for statement in rules.statements:
        if isinstance(statement, ast.Route):
            way_in = statement.source.name.text
            if statement.bare:
                yield from _without_object(rules, vocabulary, statement)
            elif way_in in vocabulary.sources or rules.knows("listener", way_in):
                yield from _with_objects(rules, vocabulary, statement)
        if isinstance(statement, ast.Test):
            if statement.source is not None and statement.source.name.text in ast.BARE:
                way = f"@by {statement.source.name.text}"
                yield finding("E118/test", statement.source.span, way=way)
            for expect in statement.expects:
                if expect.call.name.text in bare:
                    yield finding("E118/expect", expect.call.span, word=expect.call.name.text)


def _without_object(rules: Rules, vocabulary: Vocabulary, route: ast.Route) -> Iterator[Finding]:
    source = route.source.name.text
    way = f"@by {source}"
    if route.where is not None:
        yield finding("E118/where", span_of(route.where), way=way)
    for node in route.chain:
        at = node.span
        for step in _stands_for(rules, node):
            signature = vocabulary.steps.get(step)
            if step == "choose":
                first = ast.Span(at.file, at.line, at.column, at.line, at.column + len(step))
                yield finding("E118/choose", first if isinstance(node, ast.Choose) else at, way=way)
                break
            if signature is not None and not signature.bare:
                fits = next(s for s in vocabulary.steps.values() if source in s.behind)
                yield finding("E118", at, word=step, way=way, source=source, example=example(fits))
                break
            if signature is not None and source not in signature.behind:
                yield finding("E118/behind", at, word=step, example=example(signature))
                break
        if source == "trouble":
            yield from _silence(rules, node)
    if route.failure:
        yield finding("E118/failure", route.failure[0].span, way=way)
    if route.duplicate:
        yield finding("E118/duplicate", route.duplicate.span)


def _silence(rules: Rules, node: ast.Call | ast.Choose) -> Iterator[Finding]:
    """An `alarm … unless …` waits for a time of day, and on trouble there is none."""
    for call in calls(rules, (node,)):
        unless = next((value for value in call.values if value.kind == "word" and value.text == "unless"), None)
        if call.name.text == "alarm" and unless is not None:
            yield finding("E118/silence", unless.span)


def _with_objects(rules: Rules, vocabulary: Vocabulary, route: ast.Route) -> Iterator[Finding]:
    for chain in walk.chains(route):
        for call in walk.calls(chain):
            named = (vocabulary.steps.get(step) for step in _stands_for(rules, call))
            step = next((signature for signature in named if signature is not None and signature.bare), None)
            if step is not None:
                yield finding("E118/clock", call.span, word=step.name, example=example(step))


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
