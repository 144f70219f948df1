"""Can a condition ever hold? Does one imply another? Proofs over conditions; the checks of W3xx ask here.

Pure. `never` and `implies` answer True only for what is certain and False for "possible, or not known": conditions are
laid out as alternatives (disjunctive normal form), and where there are too many of them, nothing is claimed. What is
meant by each clause is engine.condition's to say; this file knows which of them can be true of one and the same value.

An attribute that has one value by PS3.6 is reasoned about as one; of several values each `=` may find its own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from dsl.possible import Clause, possible_value
from engine.condition import (
    All,
    Among,
    Any,
    Compare,
    Condition,
    Field,
    Named,
    Not,
    Unmatched,
)

LIMIT = 64
"""Alternatives of one condition; beyond, nothing is claimed."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One clause and whether it is true; all facts of a term hold together. `key` names the field, by any spelling."""

    clause: Clause
    true: bool
    key: str


Term = frozenset[Fact]


def never(*conditions: Condition) -> bool:
    """Whether it is certain that no object fulfils all of them at once."""
    return terms(All(conditions)) == ()


def implies(given: Condition, then: Condition) -> bool:
    """Whether it is certain that every object that fulfils the first fulfils the second."""
    return never(given, Not(then))


def terms(condition: Condition) -> tuple[Term, ...] | None:
    """The alternatives in which it can hold, each free of contradiction; None where there are too many to look at."""
    try:
        return tuple(_terms(condition, True))
    except _TooManyError:
        return None


def key_of(field: Field) -> str:
    """The same for every spelling of one attribute."""
    path = field.path
    return field.name if path is None else str(path)


class _TooManyError(Exception):
    """More alternatives than LIMIT."""


def _terms(condition: Condition, true: bool) -> list[Term]:
    match condition:
        case Not(term):
            return _terms(term, not true)
        case Named(_, term):
            return _terms(term, true)
        case All(parts) | Any(parts):
            if isinstance(condition, All) is true:
                return _product([_terms(part, true) for part in parts])
            return _limited([term for part in parts for term in _terms(part, true)])
        case Among(field, options) if field.kind == "name":
            # Of the groups of a name one may equal the first, another the second option.
            return _terms(Any(tuple(Compare(field, "=", option) for option in options)), true)
        case Unmatched():
            return [frozenset({Fact(condition, true, "unmatched")})]
        case _:
            alone = frozenset({Fact(condition, true, key_of(condition.field))})
            return [alone] if _possible(alone) else []


def _product(sides: Sequence[list[Term]]) -> list[Term]:
    found: list[Term] = [frozenset()]
    for side in sorted(sides, key=len):
        found = _limited([joined for one in found for other in side if _possible(joined := one | other)])
    return found


def _limited(found: Iterable[Term]) -> list[Term]:
    different = list(dict.fromkeys(found))
    if len(different) > LIMIT:
        raise _TooManyError
    return different


@lru_cache(maxsize=4096)
def _possible(term: Term) -> bool:
    """False only if no object can fulfil all of these facts together."""
    fields: dict[str, list[Fact]] = {}
    for fact in term:
        fields.setdefault(fact.key, []).append(fact)
    return all(_possible_field(facts) for facts in fields.values())


def _possible_field(facts: list[Fact]) -> bool:
    first = facts[0].clause
    if isinstance(first, Unmatched):
        return len(facts) == 1
    positive = [fact.clause for fact in facts if fact.true]
    negative = [fact.clause for fact in facts if not fact.true]
    if not positive:
        return True  # where the attribute is missing, every denial holds
    field = first.field
    if field.path is None or field.path.single:
        return possible_value(field.kind, positive, negative)
    return all(possible_value(field.kind, [one], negative) for one in positive)
