"""May this leave the house? E401 names would, E402 text in the image would.

Follows what is not clean yet along every way through a route. A destination that is `outside` and not `trusted` must
not get any of it. What a step makes clean stands with its signature; nothing makes it unclean again: `set` and `map`
write what the rules or a table say, not what the object brought (engine.object keeps its word `cleared` likewise).
Which object takes which case is not asked: every case may be taken, and without `otherwise` none.

Not looked at: mail, for it names nobody unless its contact `may see names` (engine.destinations.letter); the release
of what was held, for that goes through all the rules again, or to the sender that refused it, who refuses it again.

What cannot be followed, a step that does not exist or a name that is not declared, is told by others and is taken for
clean here, so that one mistake is told once. Such rules never run. What does run is asked a second time for every
object, by engine.pump, whatever was concluded here.
"""

from collections.abc import Iterable, Iterator, Mapping

from dsl import ast
from dsl.bind import argument
from dsl.finding import Also, Finding, finding
from dsl.flow import ends, span_of
from dsl.parse import DEEPEST
from dsl.resolve import Rules
from dsl.suggest import nearest
from engine.parameters import Asked, Destinations, Text
from engine.program import CLEAN, Destination
from engine.signature import Vocabulary

Way = tuple[tuple[str, ...], ...]
"""The turns that were taken: keys of messages.STOPS with their facts."""

State = Mapping[str, Way]
"""What is not clean where an object stands, and a way on which it came here so."""

_MESSAGES = {"header": "E401", "pixels": "E402"}


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every destination of every forward; told once, for the first route and the first way that lead there."""
    walk = _Walk(rules, vocabulary)
    for statement in rules.statements:
        if isinstance(statement, ast.Route):
            walk.whole(statement)
    yield from walk.told.values()


class _Walk:
    def __init__(self, rules: Rules, vocabulary: Vocabulary) -> None:
        self.rules = rules
        self.vocabulary = vocabulary
        self.told: dict[tuple[ast.Span, str, str], Finding] = {}
        self.route: ast.Route
        self.open: list[str] = []
        self.depth = 0
        self.passed: dict[tuple[str, frozenset[str]], State | None] = {}

    def whole(self, route: ast.Route) -> None:
        """A route and its failure chain, which begins anew with the object as it was received."""
        self.route = route
        self.chain(route.chain, dict.fromkeys(CLEAN, ()))
        self.chain(route.failure or (), dict.fromkeys(CLEAN, (("failure",),)))

    def chain(self, chain: ast.Chain, state: State) -> State | None:
        """What is not clean behind the chain; None where no object comes out of it."""
        if self.depth > 2 * DEEPEST:
            return {}  # steps in steps in steps (E004)
        self.depth += 1
        after: State | None = state
        for node in chain:
            if after is not None:
                after = self._choose(node, after) if isinstance(node, ast.Choose) else self._call(node, after)
        self.depth -= 1
        return after

    def _choose(self, node: ast.Choose, state: State) -> State | None:
        found = [self.chain(case.chain, _past(state, "case", self._line(span_of(case.where)))) for case in node.cases]
        if node.otherwise is None:
            found.append(_past(state, "no case", self._line(node.span)))
        else:
            found.append(self.chain(node.otherwise, _past(state, "otherwise", self._line(node.otherwise[0].span))))
        out = [one for one in found if one is not None]
        if not out:
            return None
        unclean: dict[str, Way] = {}
        for thing, before in state.items():
            ways = [one[thing] for one in out if thing in one]
            if ways:
                # Where no case cleans it, the choose is no part of the story.
                unclean[thing] = before if len(ways) == len(out) else ways[0]
        return unclean

    def _call(self, call: ast.Call, state: State) -> State | None:
        name = call.name.text
        declared = self.rules.declared("steps").get(name)
        if isinstance(declared, ast.Steps):
            return {} if self._hides_a_step(call.values) else self._steps(declared, call, state)
        signature = self.vocabulary.steps.get(name)
        if declared is not None or signature is None:
            return {}
        given = [argument(value) for value in call.values]
        bound, problem = signature.bind(given)
        texts = []
        for value, as_given in zip(call.values, given, strict=True):
            kind = next((signature.kinds.get(name) for name, one in bound.items() if one is as_given), None)
            if kind is Destinations:
                for item in value.items or (value,):
                    self._sink(call, item, state)
            if kind is Asked and self._outside(value.text):
                key = (call.span, value.text, "asked")
                self.told.setdefault(key, finding("E401/ask", value.span, word=value.text))
            if kind is Text:
                texts.append(value)
        if ends(self.rules, call):
            return None
        if self._hides_a_step(texts if problem is None else call.values):
            return {}
        return {thing: way for thing, way in state.items() if thing not in signature.clears}

    def _steps(self, declared: ast.Steps, call: ast.Call, state: State) -> State | None:
        """A named piece of chain. Walked once for each state that comes to it: a second time would tell nothing new."""
        name = declared.name.text
        if name in self.open:
            return {}
        entered = _past(state, "steps", name, self._line(call.span))
        key = (name, frozenset(state))
        if key not in self.passed:
            self.open.append(name)
            after = self.chain(declared.chain, entered)
            self.open.pop()
            turns = None if after is None else {thing: way[len(entered[thing]) :] for thing, way in after.items()}
            self.passed[key] = turns
        passed = self.passed[key]
        if passed is None:
            return None
        return {thing: (*entered[thing], *turns) if turns else state[thing] for thing, turns in passed.items()}

    def _hides_a_step(self, values: Iterable[ast.Value]) -> bool:
        """Whether an arrow is missing (E106), so that the name of a step stands among the words of another."""
        words = [value.text for value in values if value.kind == "word"]
        return any(word in self.vocabulary.steps or self.rules.knows("steps", word) for word in words)

    def _sink(self, call: ast.Call, item: ast.Value, state: State) -> None:
        if not state or not self._outside(item.text):
            return
        for thing, way in state.items():
            key = (call.span, item.text, thing)
            if key in self.told:
                continue
            steps = [signature for signature in self.vocabulary.steps.values() if thing in signature.clears]
            step = next((signature.name for signature in steps if signature.built), "…")
            also = (self._way(way, f"{call.name.text} {item.text}"),) if way else ()
            self.told[key] = finding(_MESSAGES[thing], item.span, also=also, word=item.text, step=step)

    def _outside(self, name: str) -> bool:
        declared = self.rules.declared("destination").get(name)
        if not isinstance(declared, ast.Declaration):
            return False
        kind, *options = declared.values
        signature = self.vocabulary.destinations.get(kind.text)
        if signature is not None:
            bound, problem = signature.bind([argument(option) for option in options])
            if problem is None:
                return Destination(name, kind.text, bound).outside
        words = [option.text for option in options if option.kind == "word"]
        return "outside" in words and not any(nearest(word, ["trusted"]) for word in words)

    def _way(self, way: Way, last: str) -> Also:
        route = self.route
        source = " ".join([route.source.name.text, *(value.text for value in route.source.values)])
        first = source if route.label is None else f"route {route.label.text}"
        return Also(route.source.span, "the way", (("as written", first), *way, ("as written", last)))

    def _line(self, span: ast.Span) -> str:
        here = span.file == self.route.span.file
        return str(span.line) if here else f"{span.line} in {span.file}"


def _past(state: State, stop: str, *facts: str) -> State:
    """The same state, one stop further."""
    return {thing: (*way, (stop, *facts)) for thing, way in state.items()}
