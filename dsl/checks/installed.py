"""Do words need libraries that this machine lacks? W122. What they need is said where the vocabulary is made."""

from collections.abc import Iterator

from dsl import ast, walk
from dsl.finding import Finding, finding
from dsl.resolve import Rules
from engine.signature import Vocabulary


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every step of every chain."""
    for statement in rules.statements:
        for chain in walk.chains(statement):
            for call in walk.calls(chain):
                yield from _call(call, rules, vocabulary)


def _call(call: ast.Call, rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    signature = vocabulary.steps.get(call.name.text)
    if signature is None or rules.knows("steps", call.name.text):
        return
    for value in call.values:
        for item in value.items or (value,):
            if item.kind == "word" and item.text in signature.lacks:
                yield finding("W122", item.span, word=item.text, extra=signature.lacks[item.text])
