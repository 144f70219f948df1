"""Going through statements: every call, every clause, every name, in the order of the text. Pure."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from dsl import ast


def chains(statement: ast.Statement) -> Iterator[ast.Chain]:
    """The chains of a statement, without the ones inside a choose."""
    match statement:
        case ast.Steps(chain=chain):
            yield chain
        case ast.Route(chain=chain, failure=failure):
            yield chain
            if failure is not None:
                yield failure


def calls(chain: ast.Chain) -> Iterator[ast.Call]:
    """Every step of a chain, cases included."""
    for node in chain:
        if isinstance(node, ast.Call):
            yield node
            continue
        for case in node.cases:
            yield from calls(case.chain)
        if node.otherwise is not None:
            yield from calls(node.otherwise)


def depths_of_calls(chain: ast.Chain, level: int = 0) -> Iterator[tuple[str, int]]:
    """The name of every step, and in how many chooses it stands."""
    for node in chain:
        if isinstance(node, ast.Call):
            yield node.name.text, level
            continue
        for inner in (*(case.chain for case in node.cases), node.otherwise or ()):
            yield from depths_of_calls(inner, level + 1)


def depths_of_references(expr: ast.Expr, level: int = 0) -> Iterator[tuple[str, int]]:
    """Every named condition, and in how many `and`, `or` and `not` it stands."""
    match expr:
        case ast.Both(terms=terms):
            for term in terms:
                yield from depths_of_references(term, level + 1)
        case ast.Negation(term=term):
            yield from depths_of_references(term, level + 1)
        case ast.Reference(name=name):
            yield name.text, level


def conditions(statement: ast.Statement) -> Iterator[ast.Expr]:
    """Every whole condition of a statement: after `where`, `when`, `for`, `=`."""
    if isinstance(statement, ast.Condition | ast.Regions | ast.Route) and statement.where is not None:
        yield statement.where
    for chain in chains(statement):
        yield from _whens(chain)


def _whens(chain: ast.Chain) -> Iterator[ast.Expr]:
    for node in chain:
        if isinstance(node, ast.Choose):
            for case in node.cases:
                yield case.where
                yield from _whens(case.chain)
            if node.otherwise is not None:
                yield from _whens(node.otherwise)


def clauses(expr: ast.Expr) -> Iterator[ast.Comparison | ast.Membership | ast.Pattern | ast.Presence | ast.Reference]:
    """Every clause of a condition."""
    match expr:
        case ast.Both(terms=terms):
            for term in terms:
                yield from clauses(term)
        case ast.Negation(term=term):
            yield from clauses(term)
        case _:
            yield expr


def references(expr: ast.Expr) -> Iterator[ast.Name]:
    """Every named condition that a condition uses."""
    for clause in clauses(expr):
        if isinstance(clause, ast.Reference):
            yield clause.name


def ports(statements: Iterable[ast.Statement]) -> Iterator[tuple[str, ast.Value, bool]]:
    """Every port that is listened on: kind, number, and whether it is declared.

    A route may share the port of a listener, a listener may not.
    """
    for statement in statements:
        if isinstance(statement, ast.Declaration) and statement.kind == "listener" and statement.values:
            value = _after_port(statement.values)
            if value is not None:
                yield statement.values[0].text, value, True
        if isinstance(statement, ast.Route):
            source = statement.source
            if source.name.text == "port" and source.values and source.values[0].kind == "number":
                yield "dicom", source.values[0], False
            elif source.values and source.values[0].text == "port":
                value = _after_port(source.values)
                if value is not None:
                    yield source.name.text, value, False


def _after_port(values: tuple[ast.Value, ...]) -> ast.Value | None:
    for word, value in pairwise(values):
        if word.kind == "word" and word.text == "port" and value.kind == "number":
            return value
    return None
