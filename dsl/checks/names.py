"""Do names mean one thing, and are they used? E104 and E116 in conditions, E107 for labels, E112, E117, W120."""

import re
from collections.abc import Iterator

from dsl import ast, scan, walk
from dsl.bind import DECLARATIONS
from dsl.finding import Finding, finding
from dsl.resolve import Rules, kind_of
from dsl.suggest import nearest, nearest_tag
from engine.program import DUPLICATES
from engine.signature import Vocabulary
from engine.tags import FACTS, all_names
from engine.text_seen import RegionsOrText

_TAGS = frozenset(all_names())


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """All questions about names."""
    for statement in rules.statements:
        yield from _new_name(statement, vocabulary)
        if isinstance(statement, ast.Version) and statement.number.text.lstrip("0") != "1":
            yield finding("E117", statement.number.span, word=statement.number.text)
        for expr in walk.conditions(statement):
            for name in walk.references(expr):
                yield from _reference(name, rules)
    yield from _unused(rules)


def _reference(name: ast.Name, rules: Rules) -> Iterator[Finding]:
    word = name.text
    if word == "unmatched" or rules.knows("condition", word):
        return
    if word in _TAGS or word in FACTS:
        yield finding("E116", name.span, word=word)
        return
    guess = nearest(word, [*rules.declared("condition"), "unmatched"]) or nearest_tag(word)
    declaration = DECLARATIONS["condition"].format(word)
    advice = "guess" if guess else ""
    yield finding("E104", name.span, advice, kind="@condition", word=word, guess=guess, declaration=declaration)


def _new_name(statement: ast.Statement, vocabulary: Vocabulary) -> Iterator[Finding]:
    if isinstance(statement, ast.Route):
        label = statement.label
        if label is not None and not re.fullmatch(r"[^\W_][\w -]{0,62}[\w-]?", label.text):
            yield finding("E107/label", label.span, word=label.text or '""')
        policy = statement.duplicate
        if policy is not None and policy.text not in DUPLICATES:
            guess = nearest(policy.text, DUPLICATES)
            yield finding("E107/duplicate", policy.span, "guess" if guess else "", word=policy.text, guess=guess)
        return
    kind = kind_of(statement)
    if not kind or isinstance(statement, ast.Version | ast.Include | ast.Test | ast.Broken):
        return
    meaning = ""
    word = statement.name.text
    if word in scan.RESERVED:
        meaning = "a word of the language"
    elif kind == "condition" and word in _TAGS:
        meaning = "a tag"
    elif kind == "condition" and word in FACTS:
        meaning = "a fact"
    elif kind == "steps" and word in vocabulary.steps:
        meaning = "a step"
    elif kind == "listener" and word in vocabulary.sources:
        meaning = "a source"
    elif kind == "destination" and word == "hold":
        meaning = "a queue"
    elif kind == "regions" and word in RegionsOrText.given:
        meaning = "text that is seen"
    if meaning:
        yield finding("E112", statement.name.span, word=word, meaning=f"@{meaning}")


def _unused(rules: Rules) -> Iterator[Finding]:
    used = _used(rules)
    for statement in rules.statements:
        kind = kind_of(statement)
        if not kind or isinstance(statement, ast.Version | ast.Include | ast.Route | ast.Test | ast.Broken):
            continue
        if isinstance(statement, ast.Regions) and statement.where is not None:
            continue
        if kind == "destination":
            # Whatever is put into its folder goes there, without any rule.
            continue
        name = statement.name
        if name.span.file in rules.own and name.text not in used:
            yield finding("W120", name.span, word=name.text)


def _used(rules: Rules) -> set[str]:
    """Every word that could be a use of a name; words of statements that could not be read count, too."""
    used: set[str] = set()
    for statement in rules.statements:
        if isinstance(statement, ast.Broken):
            used |= statement.words
        if isinstance(statement, ast.Route):
            used.add(statement.source.name.text)
            used |= _ports(statement.source, rules)
        for expr in walk.conditions(statement):
            used.update(name.text for name in walk.references(expr))
        for chain in walk.chains(statement):
            for call in walk.calls(chain):
                used.add(call.name.text)
                for value in call.values:
                    used.update(item.text for item in value.items or (value,))
    return used


def _ports(source: ast.Call, rules: Rules) -> set[str]:
    """Listeners that are used by their port or path: `on port 11112` takes what the listener at that port receives."""
    numbers = {value.text for value in source.values}
    return {
        name
        for name, declared in rules.declared("listener").items()
        if isinstance(declared, ast.Declaration) and any(value.text in numbers for value in declared.values)
    }
