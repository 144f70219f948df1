"""Can this tag ever have that value? Asked of every comparison, and of what tests give."""

from collections.abc import Iterator

from dsl import ast, walk
from dsl.finding import Finding
from dsl.resolve import Rules
from dsl.worth import opaque_of, value_of


def check(rules: Rules) -> Iterator[Finding]:
    """Every comparison of conditions and every given value of tests."""
    for statement in rules.statements:
        for expr in walk.conditions(statement):
            for clause in walk.clauses(expr):
                match clause:
                    case ast.Comparison(field=field, operator=operator, operand=operand):
                        yield from value_of(field, operator, operand)
                    case ast.Membership(field=field, options=options):
                        for option in options:
                            yield from value_of(field, "=", option)
                    case ast.Pattern(field=field):
                        yield from opaque_of(field)
        if isinstance(statement, ast.Test):
            for given in statement.given:
                if given.operand.text:
                    yield from value_of(given.field, "=", given.operand)
