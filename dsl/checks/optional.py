"""Does `!=` let more through than meant? W210: it is also true where the tag is missing, and then the object goes on.

Only where the objects are stored or sent without being cleaned first, and only for tags that an image may lack.
"""

from collections.abc import Iterator

from dsl import ast
from dsl.finding import Finding, finding
from dsl.flow import scenes
from dsl.lower import meaning
from dsl.reason import Fact, Term, key_of, terms
from dsl.resolve import Rules
from engine.condition import All, Among, Any, Compare, Condition, Field, Named, Not, Present, Unmatched
from engine.tags import FACTS

ALWAYS = frozenset({"Modality", "SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", *FACTS})
"""What every image has (PS3.3 sections C.7.2.1, C.7.3.1 and C.12.1, all type 1), and what the connection tells."""


def check(rules: Rules) -> Iterator[Finding]:
    """Every route's `where`, and every case."""
    for statement in rules.statements:
        if isinstance(statement, ast.Route) and statement.where is not None and _exposes(rules, statement.chain):
            yield from _careless(rules, statement.where, ())
    for scene in scenes(rules):
        if _exposes(rules, scene.case.chain):
            denied = (Not(one.condition) for one in scene.earlier)
            yield from _careless(rules, scene.case.where, (*(one.condition for one in scene.known), *denied))


def _careless(rules: Rules, where: ast.Expr, known: tuple[Condition, ...]) -> Iterator[Finding]:
    condition = meaning(rules, where)
    asked = {key for one in (condition, *known) for key in _asked(one)}
    ways = terms(All((condition, *known)))
    told: set[str] = set()
    for field, span in _unequal(rules, where, True):
        key = key_of(Field(field.text))
        if key in ALWAYS or key in asked or key in told or not any(_lets_missing_in(way, key) for way in ways or ()):
            continue
        told.add(key)
        yield finding("W210", span, tag=field.text)


def _unequal(rules: Rules, expr: ast.Expr, true: bool) -> Iterator[tuple[ast.Field, ast.Span]]:
    """Each `!=` and `not … =`, with its place; what a named condition says is told at its name."""
    match expr:
        case ast.Both(terms=parts):
            for part in parts:
                yield from _unequal(rules, part, true)
        case ast.Negation(term=term):
            yield from _unequal(rules, term, not true)
        case ast.Comparison(field=field, operator=("=" | "!=") as operator, span=span):
            if (operator == "!=") is true:
                yield field, span
        case ast.Membership(field=field, span=span) if not true:
            yield field, span
        case ast.Reference(name=name):
            declared = rules.declared("condition").get(name.text)
            if isinstance(declared, ast.Condition):
                for field, _ in _unequal(rules, declared.where, true):
                    yield field, name.span


def _lets_missing_in(way: Term, key: str) -> bool:
    facts = [fact for fact in way if fact.key == key]
    return any(_denies(fact) for fact in facts) and not any(fact.true for fact in facts)


def _denies(fact: Fact) -> bool:
    return not fact.true and (
        isinstance(fact.clause, Among) or (isinstance(fact.clause, Compare) and fact.clause.operator == "=")
    )


def _asked(condition: Condition) -> Iterator[str]:
    """The fields that it asks for by `is present` or `is missing`: somebody has thought of them."""
    match condition:
        case All(parts) | Any(parts):
            for part in parts:
                yield from _asked(part)
        case Not(term) | Named(_, term):
            yield from _asked(term)
        case Present(field):
            yield key_of(field)
        case Unmatched():
            return


def _exposes(rules: Rules, chain: ast.Chain) -> bool:
    """Whether something is stored or sent on some way along the chain, and not cleaned before."""
    return _walk(rules, chain)[0]


def _walk(rules: Rules, chain: ast.Chain) -> tuple[bool, bool]:
    """Whether it exposes, and whether what comes out at its end is cleaned or nothing."""
    for node in chain:
        if isinstance(node, ast.Choose):
            branches = [_walk(rules, case.chain) for case in node.cases] + [_walk(rules, node.otherwise or ())]
            if any(exposes for exposes, _ in branches):
                return True, False
            if all(done for _, done in branches):
                return False, True
            continue
        named = rules.declared("steps").get(node.name.text)
        if isinstance(named, ast.Steps):
            exposes, done = _walk(rules, named.chain)
            if exposes or done:
                return exposes, done
        elif node.name.text in ("store", "forward"):
            return True, False
        elif node.name.text in ("anonymize", "anonymize-pixels", "pseudonymize", "discard"):
            return False, True
    return False, False
