"""Does anything come here, and does anything come of it?

W302: steps behind a discard. W304: a route without any step that keeps, sends, tells or ends.
"""

from collections.abc import Iterator

from dsl import ast, walk
from dsl.finding import Also, Finding, finding
from dsl.flow import calls, ends
from dsl.resolve import Rules

IDLE = frozenset(
    {
        *("set", "remove", "map", "anonymize", "anonymize-pixels", "pseudonymize"),
        *("transcode", "compress", "decompress", "collect", "await", "review"),
    }
)
"""Steps that do something with an object, but bring it nowhere."""


def check(rules: Rules) -> Iterator[Finding]:
    """Every chain."""
    for statement in rules.statements:
        for chain in walk.chains(statement):
            yield from _behind(rules, chain)
        if isinstance(statement, ast.Route) and all(call.name.text in IDLE for call in calls(rules, statement.chain)):
            yield finding("W304", _place(statement.chain[-1]))


def _behind(rules: Rules, chain: ast.Chain) -> Iterator[Finding]:
    last = next((number for number, node in enumerate(chain) if ends(rules, node)), len(chain))
    behind = chain[last + 1 :]
    if behind:
        span = _place(behind[0]).to(_place(behind[-1]))
        note = "every case ends" if isinstance(chain[last], ast.Choose) else "ends here"
        yield finding("W302", span, also=(Also(_place(chain[last]), note),))
    for node in chain[: last + 1]:
        if isinstance(node, ast.Choose):
            for case in node.cases:
                yield from _behind(rules, case.chain)
            yield from _behind(rules, node.otherwise or ())


def _place(node: ast.Call | ast.Choose) -> ast.Span:
    """A step; of a choose its first word."""
    at = node.span
    if isinstance(node, ast.Call):
        return at
    return ast.Span(at.file, at.line, at.column, at.line, at.column + len("choose"))
