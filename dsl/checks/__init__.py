"""Checks: one file for each question. Pure: rules and vocabulary in, findings out; none knows another."""

from collections.abc import Iterator

from dsl.checks import boxes, names, patterns, ports, reading, tags, types
from dsl.finding import Finding
from dsl.resolve import Rules
from engine.signature import Vocabulary


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every finding of every check."""
    yield from names.check(rules, vocabulary)
    for question in (reading, tags, types, patterns, boxes, ports):
        yield from question.check(rules)
