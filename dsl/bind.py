"""Calls and the signatures of the vocabulary: every step, source and declaration with its arguments by name.

Pure. Every problem that a signature has with what was written becomes a finding at the right place. It must not know
any step: what one takes, it learns from its signature.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from dsl import ast, scan, walk
from dsl.ast import Span
from dsl.finding import Finding, finding
from dsl.phrases import fitting
from dsl.resolve import Rules
from dsl.samples import choices, example
from dsl.suggest import nearest, nearest_tag
from dsl.worth import value_of
from engine import trial
from engine.parameters import Destinations, Names, NumberTag, TagName, Text, Webhooks
from engine.schedule import SIGNATURE as SCHEDULE
from engine.signature import Argument, Signature, Vocabulary
from engine.tags import UnknownTag, path_of, tag_of
from engine.trial import loose

PLANNED_WORDS = {"anonymize-pixels": frozenset({"keep"})}
"""Words of docs/language.md that a built step does not take yet."""

TAG = Signature.of(trial.TAG, {"tag": TagName, "value": Text, "destinations": Destinations})

Arguments = Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class Bound:
    """What all calls and declarations take, by the place they stand at; those with findings are left out."""

    arguments: Mapping[Span, Arguments]
    findings: tuple[Finding, ...]


def bind(rules: Rules, vocabulary: Vocabulary) -> Bound:
    """Bind everything that is written in the rules."""
    binding = _Binding(rules, vocabulary)
    for statement in rules.statements:
        if isinstance(statement, ast.Declaration):
            binding.declaration(statement)
        if isinstance(statement, ast.Route):
            binding.source(statement.source)
        if isinstance(statement, ast.Test):
            binding.test(statement)
        for chain in walk.chains(statement):
            for call in walk.calls(chain):
                binding.step(call)
    return Bound(binding.arguments, tuple(binding.findings))


def argument(value: ast.Value) -> Argument:
    """A value as the engine keeps it."""
    if value.items:
        return Argument(value.kind, "", tuple(argument(item) for item in value.items))
    if value.kind == "tag" and len(value.parts) > 1 and not value.text.startswith("("):
        return Argument("tag", value.text)
    return Argument(value.kind, value.text)


class _Binding:
    def __init__(self, rules: Rules, vocabulary: Vocabulary) -> None:
        self.rules = rules
        self.vocabulary = vocabulary
        self.arguments: dict[Span, Arguments] = {}
        self.findings: list[Finding] = []

    # --- what is called

    def step(self, call: ast.Call) -> None:
        name = call.name
        if self.rules.knows("steps", name.text):
            if call.values:
                self.findings.append(self._own_step_with_words(call))
            return
        signature = self.vocabulary.steps.get(name.text)
        if signature is None:
            known = [*self.vocabulary.steps, *self.rules.declared("steps")]
            guess = nearest(name.text, known)
            advice = "guess" if guess else ""
            built = [step for step, s in self.vocabulary.steps.items() if s.built]
            self._tell("E103", name.span, advice, word=name.text, guess=guess, known=", ".join(built))
            return
        self._bind(signature, name, call.values, call.span)

    def _own_step_with_words(self, call: ast.Call) -> Finding:
        first = call.values[0]
        if first.kind == "word" and self._is_step(first.text):
            return finding("E106", first.span, word=first.text)
        return finding("E105/alone", first.span, name=call.name.text)

    def source(self, call: ast.Call) -> None:
        name = call.name
        signature = self.vocabulary.sources.get(name.text)
        if signature is not None:
            self._bind(signature, name, call.values, call.span)
            return
        if name.text in scan.CLAUSES:
            self._tell("E001/clause", name.span, word=name.text)
        elif not self.rules.knows("listener", name.text):
            known = [*self.rules.declared("listener"), *self.vocabulary.sources, *scan.CLAUSES]
            self._undeclared("listener", name.text, name.span, known)
            return
        if call.values:
            first = call.values[0]
            if first.kind == "word" and self._is_step(first.text):
                self._tell("E106", first.span, word=first.text)
            else:
                line, sample = f"on {name.text}", f"on {name.text} → hold"
                self._tell("E105/surplus", first.span, name=name.text, word=_said(first), line=line, example=sample)

    def declaration(self, statement: ast.Declaration) -> None:
        values = statement.values
        if statement.kind == "schedule":
            name = ast.Name(statement.name.text, statement.name.span)
            self._bind(SCHEDULE, name, values, statement.name.span)
            return
        if statement.kind == "contact":
            name = ast.Name(statement.name.text, statement.name.span)
            self._bind(self.vocabulary.contact, name, values, statement.name.span)
            return
        kinds = self.vocabulary.destinations if statement.kind == "destination" else self.vocabulary.listeners
        first = values[0]
        if first.kind != "word" or first.text not in kinds:
            guess = nearest(first.text, kinds) if first.kind == "word" else ""
            declared = next(iter(kinds.values()))
            declaration = f"{statement.kind} {statement.name.text} = {example(declared)}"
            advice = "guess" if guess else ""
            kind = f"@{statement.kind} kind"
            self._tell("E104", first.span, advice, kind=kind, word=_said(first), guess=guess, declaration=declaration)
            return
        kind_name = ast.Name(first.text, first.span)
        self._bind(kinds[first.text], kind_name, values[1:], statement.name.span)

    def test(self, statement: ast.Test) -> None:
        """A test names steps and destinations as routes do, but need not say all that a step takes."""
        if statement.source is not None:
            self.source(statement.source)
        for expect in statement.expects:
            call = expect.call
            signature = TAG if call.name.text == TAG.name else self.vocabulary.steps.get(call.name.text)
            if signature is None or self.rules.knows("steps", call.name.text):
                self.step(call)
            else:
                self._bind(signature if signature is TAG else loose(signature), call.name, call.values, call.span)

    # --- one call and its signature

    def _bind(self, signature: Signature, name: ast.Name, values: tuple[ast.Value, ...], at: Span) -> None:
        if not signature.built:
            self._tell("E108", name.span, word=name.text)
            return
        before = len(self.findings)
        rest = list(values)
        given = [argument(value) for value in rest]
        bound, problem = signature.bind(given)
        while problem is not None and problem.kind in ("later", "tag"):
            value = rest[problem.at]
            if problem.kind == "later":
                self._tell("E108", value.span, word=problem.words)
                size = next((len(g.items) for g in signature.groups if g.word == problem.words), 1)
                del rest[problem.at : problem.at + size]
                given = [argument(value) for value in rest]
            else:
                # Where words may stand beside tags, those are not unknown.
                self._unknown_tags(value, [word for kind in signature.kinds.values() for word in choices(kind)])
                known = "InstanceNumber" if NumberTag in signature.kinds.values() else "PatientName"
                given[problem.at] = Argument("word", known)
            bound, problem = signature.bind(given)
        if problem is not None:
            self._problem(signature, name, rest, problem.kind, problem.at, problem.words, problem.argument)
        for parameter, kind in signature.kinds.items():
            written = next((v for v, g in zip(rest, given, strict=True) if bound.get(parameter) is g), None)
            if written is None:
                continue
            if issubclass(kind, Names):
                self._names(kind, written)
            if parameter == "value" and signature.kinds.get("tag") is TagName and "tag" in bound:
                self._given(bound["tag"], written)
            if kind is Text and written.kind == "word" and self._is_step(written.text) and problem is None:
                self._tell("E106", written.span, "arrow or quotes", word=written.text)
        if len(self.findings) == before:
            self.arguments[at] = bound

    def _given(self, tag: Argument, value: ast.Value) -> None:
        """A value that a tag is to get must be one that it can have; an empty one is."""
        if value.text and not value.items:
            kind = "text" if value.kind in ("word", "text") else value.kind
            operand = ast.Operand(kind, value.text, value.span, quoted=value.kind == "text")
            self.findings += value_of(ast.Field((), tag.text, value.span), "to", operand)

    def _problem(
        self,
        signature: Signature,
        name: ast.Name,
        values: list[ast.Value],
        kind: str,
        at: int,
        words: str,
        culprit: Argument | None,
    ) -> None:
        opens = next((i for i, v in enumerate(values) if v.kind == "word" and self._is_step(v.text)), len(values))
        if opens <= max(at, 0) and opens < len(values):
            lost, rest = values[opens], values[opens + 1 :]
            self._tell("E106", lost.span, word=lost.text)
            self._bind(signature, name, tuple(values[:opens]), name.span)
            self.step(ast.Call(ast.Name(lost.text, lost.span), tuple(rest), lost.span))
            return
        line = signature.line
        if signature.name in ("contact", "schedule"):
            line = line.replace(signature.name, f"{signature.name} NAME =", 1)
        written = frozenset(value.text for value in values if value.kind == "word")
        facts = {"name": name.text, "line": line, "example": example(signature, written)}
        value = values[at] if 0 <= at < len(values) else None
        if kind == "surplus" and value is not None:
            if value.text in PLANNED_WORDS.get(signature.name, ()):
                self._tell("E108", value.span, word=value.text)
                return
            lacks = next((g.word for g in signature.groups if not g.optional and g.word not in {*written, ""}), None)
            if lacks is not None:
                self._tell("E105/instead", value.span, word=lacks, **facts)
                return
            options = [group.word for group in signature.groups if group.word]
            guess = nearest(value.text, options) if value.kind == "word" else ""
            advice = "guess" if guess else ""
            self._tell("E105/surplus", value.span, advice, word=_said(value), guess=guess, **facts)
        elif kind == "misfit" and value is not None:
            item = next((i for i in value.items if argument(i) == culprit), value)
            self._tell("E107", item.span, word=_said(item), expected=fitting(words), **facts)
        elif kind == "needs" and culprit is not None and value is not None:
            guess = nearest(value.text, [words]) if value.kind == "word" else ""
            self._tell("E105/instead", value.span, "guess" if guess else "", word=words, guess=guess, **facts)
        elif kind == "needs":
            self._tell("E105/needs", name.span if value is None else value.span, word=words, **facts)
        else:
            self._tell("E105/missing", name.span, word=words, **facts)

    def _names(self, kind: type[Names], value: ast.Value) -> None:
        for item in value.items or (value,):
            if item.text not in kind.given and not self.rules.knows(kind.declared, item.text):
                known = self.rules.declared(kind.declared)
                self._undeclared(kind.declared, item.text, item.span, known, like="webhook" if kind is Webhooks else "")

    def _undeclared(
        self, kind: str, word: str, at: Span, known: "Mapping[str, object] | list[str]", like: str = ""
    ) -> None:
        guess = nearest(word, known)
        declaration = DECLARATIONS[like or kind].format(word)
        self._tell(
            "E104", at, "guess" if guess else "", kind=f"@{kind}", word=word, guess=guess, declaration=declaration
        )

    def _unknown_tags(self, value: ast.Value, besides: Collection[str]) -> None:
        for item in value.items or (value,):
            if item.kind in ("word", "tag") and item.text not in besides:
                self.findings += unknown_parts(item.parts, item.text)

    def _is_step(self, word: str) -> bool:
        return word in self.vocabulary.steps or self.rules.knows("steps", word)

    def _tell(self, message: str, at: Span, advice: str = "", **words: str) -> None:
        self.findings.append(finding(message, at, advice, (), **words))


DECLARATIONS = {
    "destination": 'destination {} = dicom "AET@host:port"',
    "webhook": 'destination {} = webhook "https://host.example/path"',
    "contact": 'contact {} = "name@praxis.example"',
    "listener": "listener {} = dicom port 11112",
    "regions": "regions {} for Modality = US blank (0, 0, 1024, 60)",
    "schedule": "schedule {} = 20:00 until 06:00",
    "condition": "condition {} = Modality = US",
}


def unknown_parts(parts: tuple[ast.Name, ...], text: str) -> Iterator[Finding]:
    """A finding for each part of a tag path that is in no dictionary."""
    found = False
    for part in parts:
        try:
            tag_of(part.text)
        except UnknownTag:
            found = True
            guess = nearest_tag(part.text)
            yield finding("E101", part.span, "guess" if guess else "", word=part.text, guess=guess)
    if not found and parts:
        try:
            path_of(text)
        except UnknownTag as unknown:
            yield finding("E101", parts[0].span.to(parts[-1].span), word=unknown.word)


def _said(value: ast.Value) -> str:
    return str(argument(value))
