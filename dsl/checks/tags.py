"""Are the tags of conditions and tests in the dictionary, and do their paths lead anywhere? E101, E113."""

from collections.abc import Iterator

from dsl import ast, walk
from dsl.bind import unknown_parts
from dsl.finding import Finding, finding
from dsl.resolve import Rules
from engine.tags import FACTS, UnknownTag, tag_of, vr_of


def check(rules: Rules) -> Iterator[Finding]:
    """Every field that is looked at."""
    for statement in rules.statements:
        for expr in walk.conditions(statement):
            for clause in walk.clauses(expr):
                if not isinstance(clause, ast.Reference):
                    yield from _field(clause.field)
        if isinstance(statement, ast.Test):
            for given in statement.given:
                yield from _field(given.field)


def _field(field: ast.Field) -> Iterator[Finding]:
    if field.text in FACTS:
        return
    found = list(unknown_parts(field.parts, field.text))
    yield from found
    if found:
        return
    for at, part in enumerate(field.parts):
        inside = at < len(field.parts) - 1 or at in field.indexed
        try:
            vr = vr_of(tag_of(part.text))
        except UnknownTag:
            continue
        if inside and vr not in ("SQ", "UN"):
            yield finding("E113", part.span, word=part.text, vr=vr)
