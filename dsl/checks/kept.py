"""What a rule keeps when the header is cleaned, and who sees it then: W403.

Follows what `anonymize … keep` and `pseudonymize … keep` leave as it was, along every way through a route, to the names
of folders, to mails and webhooks that may name patients, and, where a rule names the tag itself, out of the house. What
is set, mapped or removed afterwards is no longer what the object brought. Pure; asked for rules without errors only.
"""

from collections.abc import Iterable, Iterator, Mapping

from dsl import ast
from dsl.bind import argument
from dsl.finding import Also, Finding, finding
from dsl.flow import ends
from dsl.resolve import Rules
from engine.keeping import AS_THEY_ARE, Kept, ValueTag
from engine.parameters import Contacts, Destinations, Layout, TagName, Webhooks
from engine.program import Destination
from engine.signature import Argument, Parameter, Vocabulary
from engine.tags import path_of

State = Mapping[str, ast.Value]
"""Which attributes an object has as it brought them, by spelling, and the word of the rule that keeps each."""

NAMED = ("PatientName", "PatientID", "PatientBirthDate", "StudyDate")
"""What a mail or a webhook tells of, where it may see names (engine.step.report_note)."""


def check(rules: Rules, vocabulary: Vocabulary) -> Iterator[Finding]:
    """Every route and its failure chain, which begins anew with the object as it was received."""
    walk = _Walk(rules, vocabulary)
    for statement in rules.statements:
        if isinstance(statement, ast.Route):
            walk.chain(statement.chain, {})
            walk.chain(statement.failure or (), {})
    yield from walk.told.values()


class _Walk:
    def __init__(self, rules: Rules, vocabulary: Vocabulary) -> None:
        self.rules, self.vocabulary = rules, vocabulary
        self.told: dict[tuple[ast.Span, str], Finding] = {}

    def chain(self, chain: ast.Chain, state: State) -> State:
        for node in chain:
            if isinstance(node, ast.Choose):
                state = self._choose(node, state)
            else:
                declared = self.rules.declared("steps").get(node.name.text)
                state = (
                    self.chain(declared.chain, state) if isinstance(declared, ast.Steps) else self._call(node, state)
                )
        return state

    def _choose(self, node: ast.Choose, state: State) -> State:
        branches = [*(case.chain for case in node.cases), node.otherwise or ()]
        after: dict[str, ast.Value] = {}
        for branch in branches:
            found = self.chain(branch, state)
            if not any(ends(self.rules, inner) for inner in branch):
                after |= found
        return after

    def _call(self, call: ast.Call, state: State) -> State:
        signature = self.vocabulary.steps.get(call.name.text)
        if signature is None:
            return state
        bound, _ = signature.bind([argument(value) for value in call.values])
        for name, kind in signature.kinds.items():
            value = _written(call.values, bound.get(name))
            if value is not None:
                self._shown(kind, value, state)
        if "header" in signature.clears:
            kept = next((bound[name] for name, kind in signature.kinds.items() if kind is Kept and name in bound), None)
            value = _written(call.values, kept)
            return {} if value is None else dict(self._kept(value))
        changed = [
            bound[name] for name, kind in signature.kinds.items() if kind in (TagName, ValueTag) and name in bound
        ]
        gone = {str(path_of(one.text)) for one in changed}
        return {tag: value for tag, value in state.items() if tag not in gone}

    def _kept(self, value: ast.Value) -> Iterator[tuple[str, ast.Value]]:
        """The attributes that stay as they are, each with its word."""
        profiled = self.vocabulary.profiled
        for item in value.items or (value,):
            if item.text in Kept.choices:
                if item.text in AS_THEY_ARE:
                    yield from ((tag, item) for tag in self.vocabulary.retained.get(item.text, ()))
            elif str((path := path_of(item.text)).last) in profiled:
                yield str(path), item

    def _shown(self, kind: type[Parameter], value: ast.Value, state: State) -> None:
        """Whoever or whatever this argument of a step names: does it show anything of what is kept?"""
        items = value.items or (value,)
        if kind is Layout:
            for item in items:
                self._tell("W403", item, _tags_of([item]) & state.keys(), state)
        elif kind is Contacts:
            for item in items:
                if self._may_see("contact", item.text):
                    self._tell("W403/mail", item, state.keys() & {*NAMED}, state)
        elif kind is Webhooks:
            for item in items:
                if self._may_see("destination", item.text):
                    self._tell("W403/webhook", item, state.keys() & {*NAMED, "StudyInstanceUID"}, state)
        elif kind is Destinations:
            for item in items:
                layout, outside = self._destination(item.text)
                self._tell("W403/folder", item, layout & state.keys(), state)
                named = {tag for tag, word in state.items() if word.text not in Kept.choices}
                self._tell("W403/outside", item, named if outside else (), state)

    def _may_see(self, kind: str, name: str) -> bool:
        declared = self.rules.declared(kind).get(name)
        return isinstance(declared, ast.Declaration) and any(value.text == "may" for value in declared.values)

    def _destination(self, name: str) -> tuple[set[str], bool]:
        """The tags after which a destination names its folders, and whether it is outside the house."""
        declared = self.rules.declared("destination").get(name)
        if not isinstance(declared, ast.Declaration) or declared.values[0].text not in self.vocabulary.destinations:
            return set(), False
        kind, *options = declared.values
        signature = self.vocabulary.destinations[kind.text]
        bound, _ = signature.bind([argument(option) for option in options])
        layouts = [_written(options, bound.get(name)) for name, one in signature.kinds.items() if one is Layout]
        tags = _tags_of([item for value in layouts if value is not None for item in value.items or (value,)])
        return tags, Destination(name, kind.text, bound).outside

    def _tell(self, message: str, at: ast.Value, tags: Iterable[str], state: State) -> None:
        for tag in sorted(tags):
            key = (at.span, tag)
            also = (Also(state[tag].span, "kept here"),)
            self.told.setdefault(key, finding(message, at.span, also=also, tag=tag, word=at.text))


def _written(values: Iterable[ast.Value], bound: Argument | None) -> ast.Value | None:
    """The value of a rule that was bound to a parameter."""
    return next((value for value in values if bound is not None and argument(value) == bound), None)


def _tags_of(items: Iterable[ast.Value]) -> set[str]:
    """The tags that stand among the parts of a layout; of one inside a sequence, also by itself, as it may be kept."""
    paths = [path_of(item.text) for item in items if item.kind in ("word", "tag")]
    return {str(path) for path in paths} | {str(path.last) for path in paths}
