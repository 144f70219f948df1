"""Are webhooks told, and objects sent elsewhere? E107 where it is the other way round; E401 for names told outside."""

from collections.abc import Iterator

from dsl import ast, walk
from dsl.bind import argument
from dsl.finding import Finding, finding
from dsl.resolve import Rules
from engine.parameters import Destinations, Webhooks
from engine.program import Destination
from engine.signature import Vocabulary


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every webhook, and every step that names a destination."""
    webhooks = {}
    for name, declared in rules.declared("destination").items():
        if isinstance(declared, ast.Declaration) and declared.values[0].text in vocabulary.destinations:
            webhooks[name] = declared.values[0].text == "webhook"
    for statement in rules.statements:
        if isinstance(statement, ast.Declaration) and webhooks.get(statement.name.text):
            yield from _names_outside(statement, vocabulary)
        for chain in walk.chains(statement):
            for call in walk.calls(chain):
                yield from _call(call, vocabulary, webhooks)


def _call(call: ast.Call, vocabulary: Vocabulary, webhooks: dict[str, bool]) -> Iterator[Finding]:
    signature = vocabulary.steps.get(call.name.text)
    if signature is None:
        return
    bound, _ = signature.bind([argument(value) for value in call.values])
    for parameter, kind in signature.kinds.items():
        if kind not in (Destinations, Webhooks) or parameter not in bound:
            continue
        value = next(value for value in call.values if argument(value) == bound[parameter])
        for item in value.items or (value,):
            if webhooks.get(item.text) is (kind is Destinations):
                message = "E107/webhook" if kind is Destinations else "E107/no webhook"
                yield finding(message, item.span, word=item.text)


def _names_outside(statement: ast.Declaration, vocabulary: Vocabulary) -> Iterator[Finding]:
    kind, *options = statement.values
    bound, problem = vocabulary.destinations[kind.text].bind([argument(option) for option in options])
    declared = Destination(statement.name.text, kind.text, bound)
    if problem is None and declared.outside and "may" in bound:
        at = next(option.span for option in options if option.text == "may")
        yield finding("E401/webhook", at, word=declared.name)
