"""Checks: one file for each question. Pure: rules and vocabulary in, findings out; none knows another."""

from collections.abc import Iterator

from dsl.checks import (
    after,
    boxes,
    clock,
    contradictions,
    folders,
    installed,
    kept,
    leaks,
    loops,
    names,
    optional,
    patterns,
    ports,
    reading,
    shadows,
    tags,
    types,
    waiting,
    webhooks,
)
from dsl.finding import Finding
from dsl.resolve import Rules
from engine.signature import Vocabulary


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every finding of every check."""
    yield from names.check(rules, vocabulary)
    yield from clock.check(rules, vocabulary)
    yield from installed.check(rules, vocabulary)
    for question in (reading, tags, types, patterns, boxes, ports, folders, loops):
        yield from question.check(rules)


def check_leaving(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """May it leave the house? Asked even where other things are wrong, and no reason to ask nothing else."""
    yield from leaks.check(rules, vocabulary)
    yield from webhooks.check(rules, vocabulary)


def check_meaning(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """What can be asked only where all names and values mean something: can it happen?"""
    for question in (after, waiting, contradictions, shadows, optional):
        yield from question.check(rules)
    yield from clock.check_folders(rules)
    yield from kept.check(rules, vocabulary)
