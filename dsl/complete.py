"""What may be typed at a place of a text, finished or not: keywords, names, steps, tags, values.

Pure, and never raises. Keywords come from the grammar, words of a component from its signature; names are those that
the rules declare. It must not know an editor: the answer is words, and the stretch that they would replace.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dsl import ast, scan
from dsl.build import Places
from dsl.parse import following
from dsl.place import Place, arguments, place_at
from dsl.resolve import Rules
from dsl.symbols import said
from dsl.terms import COMMON, TERMS
from dsl.wanted import Wanted, signature_of, wanted
from engine.keeping import Kept, ValueTag
from engine.parameters import Late, Layout, Names, NumberTag, OutboxName, TagName, Time, Unit
from engine.signature import Parameter, Signature, Vocabulary
from engine.tags import ALIASES, FACTS, UnknownTag, all_names, path_of, tag_of, title_of, vr_of

MOST = 100
"""So many tags are offered at once; further letters choose among the rest."""
_ORDERED = ("number", "age", "date", "moment", "time")
_PHRASES = {
    "ON_FAILURE": "on failure",
    "ON_DUPLICATE": "on duplicate",
    "STARTS": "starts with",
    "IS": "is",
    "ARROW": "→",
    "LPAR": "(",
}
_POLICIES = {
    "keep": "every arrival is done in full",
    "replace": "other bytes take the place of the earlier ones",
    "drop": "the first wins",
}
_CHOICES: dict[type[Parameter], tuple[str, ...]] = {Unit: ("study", "series"), Late: ("again", "add", "hold")}
_UNITS = ("minutes", "hours", "days", "weeks", "months", "years")
_JOINTS = frozenset({"AND", "OR", "ARROW", "BLANK", "KEEP"})


@dataclass(frozen=True, slots=True)
class Offer:
    """One word that could stand there. kind: keyword, step, source, component, tag, fact, value, or what is declared.

    detail: a few words beside it; rank: the smaller, the likelier.
    """

    text: str
    kind: str
    detail: str = ""
    rank: int = 5


@dataclass(frozen=True, slots=True)
class Offers:
    """What could stand there, and the stretch of text it would replace. `all`: there are no more than these."""

    span: ast.Span
    words: tuple[Offer, ...] = ()
    all: bool = True


def complete(text: str, offset: int, *, rules: Rules, vocabulary: Vocabulary, name: str = "") -> Offers:
    """The offers at an offset of a `plain` text; `rules` are those that the text belongs to."""
    offset = max(0, min(offset, len(text)))
    nowhere = Places(name, text).span(offset, offset)
    line = list(scan.words(text, text.rfind("\n", 0, offset) + 1, offset))
    if _silent(text, offset, line):
        return Offers(nowhere)
    start, end = _word(text, offset, line)
    span = Places(name, text).span(start, end)
    if text[start:offset] in ("-", "->"):
        return Offers(span, (Offer("→", "keyword", "", 0),))
    begin, place = place_at(text, start)
    could = following(text, begin, start)
    asking = _Asking(rules, vocabulary, place, text[start:offset])
    units = tuple(asking.units(text[:start]))
    if units and could is None:
        return Offers(span, units)
    found = {offer.text: offer for offer in (*asking.keywords(could), *asking.names(), *units)}
    if place.kind == "source" and ("→" in text[:begin] or "->" in text[:begin]):
        found["failure"] = Offer("failure", "keyword", "what happens when the route cannot be completed", 4)
        found["duplicate"] = Offer("duplicate", "keyword", "what happens with what has come before", 4)
    opens = not text[text.rfind("\n", 0, start) + 1 : start]
    if place.kind != "statement" and opens and (could is None or "VERSION" in could):
        found |= {one.text: one for one in _statements(1)}
    elif place.kind != "statement" and could is not None and "VERSION" in could and asking.enough:
        found = {one.text: one for one in _statements(8)} | found
    words = sorted(found.values(), key=lambda one: (one.rank, one.text.casefold()))
    return Offers(span, tuple(words), asking.all)


def _silent(text: str, offset: int, line: list[scan.Word]) -> bool:
    """Inside a comment or a text in quotes, nothing is offered."""
    last = line[-1] if line else None
    begin = last.end if last is not None else text.rfind("\n", 0, offset) + 1
    if "#" in text[begin:offset]:
        return True
    return last is not None and last.kind == "string" and (len(last.text) == 1 or last.text[-1] != '"')


def _word(text: str, offset: int, line: list[scan.Word]) -> tuple[int, int]:
    """The word at the offset, from its start to its end."""
    last = line[-1] if line and line[-1].end == offset else None
    if (
        last is None
        or (last.kind == "sign" and last.text != "-")
        or last.kind not in ("name", "number", "arrow", "sign")
    ):
        return offset, offset
    if last.text == "→":
        return offset, offset
    if last.kind != "name":
        return last.start, offset
    whole = next(scan.words(text, last.start), last)
    return last.start, max(whole.end, offset)


def _statements(rank: int) -> list[Offer]:
    return [Offer(word, "keyword", "", rank) for word in scan.STATEMENTS]


class _Asking:
    def __init__(self, rules: Rules, vocabulary: Vocabulary, place: Place, typed: str) -> None:
        self.rules = rules
        self.vocabulary = vocabulary
        self.place = place
        self.typed = typed.casefold()
        self.all = True
        self._wanted = self._of_signature()
        self.enough = self._wanted is None or self._wanted.enough

    def _of_signature(self) -> Wanted | None:
        """What the component that is being called still takes; None where there is none, or none that is built."""
        what, name = self.place.call
        signature = signature_of(what, name, self.vocabulary)
        if self.place.kind != "value" or signature is None or not signature.built:
            return None
        given, more = arguments(self.place.values)
        return wanted(signature, given, more)

    # --- words of the language

    def keywords(self, could: frozenset[str] | None) -> Iterator[Offer]:
        """What the grammar takes there; where the statement cannot be read so far, nothing but the likeliest."""
        place = self.place
        if could is None:
            if place.kind == "statement":
                yield from _statements(2)
            could = frozenset(
                {"value": {"ARROW"}, "field": {"NOT", "LPAR"}, "joint": {"AND", "OR", "ARROW"}}.get(place.kind, ())
            )
            could |= (
                {"EQUALS", "COMPARE", "CONTAINS", "STARTS", "MATCHES", "IN", "IS"} if place.kind == "compare" else set()
            )
        if not self.enough and place.call[0] != "expect":
            could -= {"ARROW", "ON_FAILURE", "ON_DUPLICATE", "WHERE"}
        if place.kind == "step" and place.about:
            could -= {"CHOOSE"}
        if place.call[0] == "source" and place.call[1] in ast.BARE:
            could -= {"WHERE"}
        kind = _kind(place.about) if place.kind in ("compare", "operand") else ""
        if place.kind == "compare":
            could = could - _JOINTS if kind else could & _JOINTS
            yield from self._comparisons(could, kind)
        if place.kind == "operand" and "TODAY" in could and kind in ("date", "moment"):
            yield Offer("today", "keyword", "the day the object arrives", 1)
        if place.kind == "equals" and place.about == "regions":
            yield from (Offer(word, "keyword", "", 1) for word in ("for", "blank", "keep"))
        words = {word.upper(): word for word in (*scan.INNER, *scan.STATEMENTS)} | _PHRASES
        for terminal in could - {"STARTS", "IS", "IN", "CONTAINS", "MATCHES"}:
            word = words.get(terminal, "")
            begins = word in scan.STATEMENTS and not (word == "on" and "VERSION" not in could)
            if word and not (begins and place.kind != "statement"):
                yield Offer(word, "keyword", "", 4)

    def _comparisons(self, could: frozenset[str], kind: str) -> Iterator[Offer]:
        if "EQUALS" in could and kind not in ("items", "binary"):
            yield Offer("=", "keyword", "", 1)
            yield Offer("!=", "keyword", "also true where the tag is missing", 1)
        if "COMPARE" in could and kind in _ORDERED:
            yield from (Offer(sign, "keyword", "", 1) for sign in ("<", "<=", ">", ">="))
        if kind not in ("items", "binary"):
            for terminal, word in (
                ("IN", "in"),
                ("CONTAINS", "contains"),
                ("STARTS", "starts with"),
                ("MATCHES", "matches"),
            ):
                if terminal in could:
                    yield Offer(word, "keyword", "", 2)
        if "IS" in could:
            yield Offer("is present", "keyword", "", 2)
            yield Offer("is missing", "keyword", "", 2)

    def units(self, before: str) -> Iterator[Offer]:
        """After a number that needs one: of what."""
        number = re.search(r"(?:^|[^\w.])\d{1,9}\s+$", before)
        place = self.place
        signature = signature_of(*place.call, self.vocabulary) if place.kind == "value" else None
        timed = signature is not None and Time in signature.kinds.values()
        if number and (timed or (place.kind == "joint" and _kind(place.about) in ("age", "date", "moment"))):
            words = _UNITS if place.kind == "value" else [unit for unit in _UNITS if unit not in ("minutes", "hours")]
            yield from (Offer(word, "keyword", "", 1) for word in words)

    # --- names

    def names(self) -> Iterator[Offer]:
        """What a name may mean there."""
        place = self.place
        match place.kind:
            case "component":
                kinds = self.vocabulary.destinations if place.about == "destination" else self.vocabulary.listeners
                yield from self._components(kinds.values(), "component")
            case "source":
                yield from self._declared("listener", 1)
                fitting = [s for s in self.vocabulary.sources.values() if not (s.bare and place.about == "test")]
                yield from self._components(fitting, "source")
            case "policy":
                yield from (Offer(word, "keyword", detail, 1) for word, detail in _POLICIES.items())
            case "step" | "expect":
                if place.kind == "expect":
                    yield Offer("tag", "keyword", "a tag is there afterwards", 3)
                yield from self._declared("steps", 2)
                fitting = [s for s in self.vocabulary.steps.values() if _stands_behind(s, place.about)]
                yield from self._components(fitting, "step")
            case "value":
                yield from self._values()
            case "field":
                yield from self._fields()
            case "operand":
                yield from self._terms()

    def _components(self, signatures: Iterable[Signature], kind: str) -> Iterator[Offer]:
        for signature in signatures:
            if signature.built:
                yield Offer(signature.name, kind, signature.line, 2)

    def _declared(self, kind: str, rank: int) -> Iterator[Offer]:
        for name, statement in self.rules.declared(kind).items():
            yield Offer(name, kind, said(statement, self.rules), rank)

    def _values(self) -> Iterator[Offer]:
        if self.place.call == ("expect", "tag"):
            yield from self._tags()
        signature = signature_of(*self.place.call, self.vocabulary)
        if signature is None or self._wanted is None:
            return
        for word in self._wanted.words:
            yield Offer(word, "keyword", signature.line, 3)
        for parameter in self._wanted.parameters:
            kind = signature.kinds.get(parameter.lower())
            if kind is None:
                continue
            if issubclass(kind, Names | OutboxName):
                yield from self._declared(kind.declared, 1)
            elif kind in (Kept, Layout, NumberTag, TagName, ValueTag):
                yield from self._tags()
            words = getattr(kind, "choices", _CHOICES.get(kind, ()))
            yield from (Offer(word, "keyword", "", 1) for word in words)

    # --- tags and their values

    def _fields(self) -> Iterator[Offer]:
        if not self.place.about:
            yield from self._declared("condition", 1)
            yield Offer("unmatched", "keyword", "no other route takes the object", 4)
            for fact in FACTS:
                yield Offer(fact, "fact", "of the connection", 3)
        yield from self._tags()

    def _tags(self) -> Iterator[Offer]:
        typed = self.typed
        if not typed:
            self.all = False
            yield from (self._tag(word, 2) for word in (*COMMON, *ALIASES))
            return
        names = [name for name in all_names() if typed in name.casefold()]
        ranked = sorted((_rank(name, typed), name) for name in names)
        self.all = len(ranked) <= MOST
        yield from (self._tag(name, rank) for rank, name in ranked[:MOST])

    def _tag(self, word: str, rank: int) -> Offer:
        tag = tag_of(word)
        return Offer(word, "tag", f"{title_of(tag)} ({tag.group:04x},{tag.element:04x}) {vr_of(tag)}", rank)

    def _terms(self) -> Iterator[Offer]:
        about = ALIASES.get(self.place.about, self.place.about).rpartition(".")[2]
        for value, meaning in TERMS.get(about, {}).items():
            yield Offer(f'"{value}"' if value.isdigit() else value, "value", meaning, 1)


def _stands_behind(step: Signature, source: str) -> bool:
    """Whether a step may stand behind a source that brings no objects, or (empty) behind one that does."""
    return source in step.behind if source else not step.bare


def _rank(name: str, typed: str) -> int:
    """What begins with what is typed goes before what only has it somewhere, the common before the rare."""
    if not name.casefold().startswith(typed):
        return 6
    return 2 if name in COMMON or name in ALIASES else 3


def _kind(field: str) -> str:
    """How the values of a tag or fact compare; nothing where it is neither."""
    if field in FACTS:
        return "number" if FACTS[field] == "IS" else "text"
    try:
        return path_of(field).kind
    except UnknownTag:
        return ""
