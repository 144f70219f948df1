"""Conditions: the tree behind `where`, whether it holds for an object, and why.

Pure. A condition asks a `View` for values (the object's header and the facts of its connection) and never sees a
file, a clock or a dataset. Two-valued: a missing tag equals nothing, contains nothing and is neither smaller nor
larger; `!=` is `not =`. Comparison is by VR (docs/language.md, semantics 8 and 9).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Protocol

from engine import values
from engine.errors import Never
from engine.tags import FACTS, Path, path_of

Json = dict[str, object]


class View(Protocol):
    """What a condition may look at."""

    def values(self, path: Path) -> tuple[str, ...]:
        """Every value of the attribute as text, padding removed; empty where it is missing or empty."""

    def fact(self, name: str) -> str | None:
        """A fact of the connection (`sender`, `port` …), or None where it does not apply."""

    @property
    def today(self) -> date:
        """The day that `today` means."""

    @property
    def matched(self) -> bool:
        """Whether another route has taken the object (what `unmatched` denies)."""


@dataclass(frozen=True, slots=True)
class Field:
    """What is compared: a tag path, or a fact of the connection."""

    name: str

    @property
    def path(self) -> Path | None:
        """The attribute; None for a fact."""
        return None if self.name in FACTS else path_of(self.name)

    @property
    def kind(self) -> str:
        """How its values compare (see engine.tags.Path.kind)."""
        path = self.path
        if path is not None:
            return path.kind
        return "number" if FACTS[self.name] == "IS" else "text"

    def read(self, view: View) -> tuple[str, ...]:
        """Its values in this object."""
        path = self.path
        if path is not None:
            return view.values(path)
        found = view.fact(self.name)
        return () if found is None else (found,)


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as written. kind: text, number, date, clock, duration, or today (text: empty, or `- 30 days`)."""

    kind: str
    text: str

    def day(self, today: date) -> date | None:
        """The day it names, if it names one."""
        if self.kind != "today":
            return values.day(self.text)
        if not self.text:
            return today
        later = self.text.startswith("+")
        try:
            shift = values.Duration.of(self.text.lstrip("+- ")).delta
            return today + shift if later else today - shift
        except OverflowError:
            return date.max if later else date.min


@dataclass(frozen=True, slots=True)
class All:
    """`a and b`: every one holds."""

    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """`a or b`: at least one holds."""

    terms: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """`not a`, and what `!=` means."""

    term: "Condition"


@dataclass(frozen=True, slots=True)
class Named:
    """A condition that the rule file gave a name; the name is kept for people, the meaning stands beside it."""

    name: str
    term: "Condition"


@dataclass(frozen=True, slots=True)
class Compare:
    """`field = value`, `<`, `<=`, `>`, `>=`. Of several values one must fit."""

    field: Field
    operator: str
    value: Literal


@dataclass(frozen=True, slots=True)
class Among:
    """`field in (a, b)`: equal to one of them."""

    field: Field
    options: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """`field contains "text"`, in any of its values."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class StartsWith:
    """`field starts with "text"`, in any of its values."""

    field: Field
    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """`field matches /regular expression/`, searched, without regard to case."""

    field: Field
    pattern: str


@dataclass(frozen=True, slots=True)
class Present:
    """`field is present`: the attribute is there and has a value. `is missing` is its negation."""

    field: Field


@dataclass(frozen=True, slots=True)
class Unmatched:
    """`unmatched`: no other route takes the object."""


Condition = All | Any | Not | Named | Compare | Among | Contains | StartsWith | Matches | Present | Unmatched


def holds(condition: Condition, view: View) -> bool:
    """Whether the condition is true of what the view shows.

    Raises Never for a value that cannot be read, unless the other clauses settle the answer without it; so the answer
    does not depend on the order in which they are written.
    """
    match condition:
        case All(terms):
            return _settled(terms, view, by=False)
        case Any(terms):
            return _settled(terms, view, by=True)
        case Not(term) | Named(_, term):
            return holds(term, view) is not isinstance(condition, Not)
        case Compare(field, operator, value):
            return any(_compare(field.kind, text, operator, value, view.today) for text in field.read(view))
        case Among(field, options):
            found = field.read(view)
            return any(_compare(field.kind, text, "=", option, view.today) for text in found for option in options)
        case Contains(field, text):
            return any(folded(text) in folded(found) for found in field.read(view))
        case StartsWith(field, text):
            return any(folded(found).startswith(folded(text)) for found in field.read(view))
        case Matches(field, pattern):
            return any(_regex(pattern).search(found) for found in field.read(view))
        case Present(field):
            return any(text != "" for text in field.read(view))
        case Unmatched():
            return not view.matched


def _settled(terms: tuple["Condition", ...], view: View, by: bool) -> bool:
    """`by` as soon as one term is that; its opposite when all are; Never when one that counts cannot be read."""
    refusal: Never | None = None
    for term in terms:
        try:
            if holds(term, view) is by:
                return by
        except Never as unread:
            refusal = refusal or unread
    if refusal is not None:
        raise refusal
    return not by


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a condition was true or false: the same tree, each clause with its truth and the values it met."""

    condition: Condition
    true: bool
    found: tuple[str, ...] = ()
    parts: tuple["Reason", ...] = ()


def explain(condition: Condition, view: View) -> Reason:
    """Like `holds`, but every clause is looked at and its values are told. For people: it may show patient data."""
    true = holds(condition, view)
    match condition:
        case All(terms) | Any(terms):
            return Reason(condition, true, parts=tuple(explain(term, view) for term in terms))
        case Not(term) | Named(_, term):
            return Reason(condition, true, parts=(explain(term, view),))
        case Unmatched():
            return Reason(condition, true)
        case _:
            return Reason(condition, true, found=condition.field.read(view))


def folded(text: str) -> str:
    """Text as it is compared: without padding (PS3.5 section 6.2) and without regard to case."""
    return text.strip(" \0").casefold()


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _compare(kind: str, found: str, operator: str, value: Literal, today: date) -> bool:
    if found == "":
        return False
    if kind == "number":
        return _ordered(values.number(found), operator, values.number(value.text))
    if kind == "age":
        wanted = values.Duration.of(value.text).days if value.kind == "duration" else values.age_in_days(value.text)
        return _ordered(values.age_in_days(found), operator, wanted)
    if kind in ("date", "moment"):
        return _ordered(values.day(found), operator, value.day(today))
    if kind == "time":
        return _ordered(values.clock(found), operator, values.clock(value.text))
    if operator != "=":
        return False
    if kind == "name":
        return _same_name(found, value.text)
    return folded(found) == folded(value.text)


def _ordered(found: object, operator: str, wanted: object) -> bool:
    """Compare two values of one kind; None (unreadable) compares to nothing."""
    if found is None or wanted is None:
        return False
    # Both are of the same ordered type here, which the type system cannot see through `object`.
    less, equal = bool(found < wanted), found == wanted  # type: ignore[operator]
    return {"=": equal, "<": less, "<=": less or equal, ">": not less and not equal, ">=": not less}[operator]


def _same_name(found: str, wanted: str) -> bool:
    """Person names (PS3.5 section 6.2.1): equal to one component group, trailing empty components aside."""

    def parts(group: str) -> list[str]:
        components = [folded(component) for component in group.split("^")]
        while components and not components[-1]:
            components.pop()
        return components

    groups = [group for group in map(parts, found.split("=")) if group]
    return parts(wanted) in groups or folded(found) == folded(wanted)


def describe(condition: Condition) -> str:
    """The condition in the rule language, for explanations, drawings and the ledger."""
    match condition:
        case All(terms):
            return " and ".join(_nested(term, Any) for term in terms)
        case Any(terms):
            return " or ".join(describe(term) for term in terms)
        case Not(Present(field)):
            return f"{field.name} is missing"
        case Not(Compare(field, "=", value)):
            return f"{field.name} != {_quoted(value)}"
        case Not(term):
            return f"not {_nested(term, (All, Any))}"
        case Named(name, _):
            return name
        case Compare(field, operator, value):
            return f"{field.name} {operator} {_quoted(value)}"
        case Among(field, options):
            return f"{field.name} in ({', '.join(_quoted(option) for option in options)})"
        case Contains(field, text):
            return f'{field.name} contains "{text}"'
        case StartsWith(field, text):
            return f'{field.name} starts with "{text}"'
        case Matches(field, pattern):
            return f"{field.name} matches /{pattern}/"
        case Present(field):
            return f"{field.name} is present"
        case Unmatched():
            return "unmatched"


def _nested(term: Condition, weaker: type | tuple[type, ...]) -> str:
    return f"({describe(term)})" if isinstance(term, weaker) else describe(term)


_WORD = re.compile(
    r"(?!(and|or|not|in|is|contains|starts|with|matches|present|missing|today|when|otherwise|end|on)$)"
    r"[^\W\d]\w*(-\w+)*"
)
"""A value that needs no quotes: a name that is no word of the language."""


def _quoted(value: Literal) -> str:
    if value.kind == "today":
        return f"today {value.text[:1]} {value.text[1:].strip()}" if value.text else "today"
    if value.kind == "text" and not _WORD.fullmatch(value.text):
        return f'"{value.text}"'
    return value.text


def to_json(condition: Condition) -> Json:
    """The tree as JSON values: `{"is": "compare", "field": "Modality", "operator": "=", "value": {…}}`."""
    match condition:
        case All(terms) | Any(terms):
            return {"is": type(condition).__name__.lower(), "terms": [to_json(term) for term in terms]}
        case Not(term):
            return {"is": "not", "term": to_json(term)}
        case Named(name, term):
            return {"is": "named", "name": name, "term": to_json(term)}
        case Compare(field, operator, value):
            return {"is": "compare", "field": field.name, "operator": operator, "value": _literal_json(value)}
        case Among(field, options):
            return {"is": "among", "field": field.name, "options": [_literal_json(option) for option in options]}
        case Contains(field, text):
            return {"is": "contains", "field": field.name, "text": text}
        case StartsWith(field, text):
            return {"is": "starts", "field": field.name, "text": text}
        case Matches(field, pattern):
            return {"is": "matches", "field": field.name, "pattern": pattern}
        case Present(field):
            return {"is": "present", "field": field.name}
        case Unmatched():
            return {"is": "unmatched"}


def from_json(data: Mapping[str, object]) -> Condition:
    """The tree that `to_json` wrote. Raises KeyError or ValueError on anything else."""
    kind = data["is"]
    if kind in ("all", "any"):
        terms = tuple(from_json(_mapping(term)) for term in _items(data["terms"]))
        return All(terms) if kind == "all" else Any(terms)
    if kind == "not":
        return Not(from_json(_mapping(data["term"])))
    if kind == "named":
        return Named(str(data["name"]), from_json(_mapping(data["term"])))
    if kind == "unmatched":
        return Unmatched()
    field = Field(str(data["field"]))
    if kind == "compare":
        return Compare(field, str(data["operator"]), _literal(data["value"]))
    if kind == "among":
        return Among(field, tuple(_literal(option) for option in _items(data["options"])))
    if kind == "contains":
        return Contains(field, str(data["text"]))
    if kind == "starts":
        return StartsWith(field, str(data["text"]))
    if kind == "matches":
        return Matches(field, str(data["pattern"]))
    if kind == "present":
        return Present(field)
    raise ValueError(f"not a condition: {kind}")


def _literal_json(value: Literal) -> Json:
    return {"kind": value.kind, "text": value.text}


def _literal(data: object) -> Literal:
    mapping = _mapping(data)
    return Literal(str(mapping["kind"]), str(mapping["text"]))


def _mapping(data: object) -> Mapping[str, object]:
    if not isinstance(data, Mapping):
        raise ValueError("expected an object")
    return data


def _items(data: object) -> list[object]:
    if not isinstance(data, list):
        raise ValueError("expected a list")
    return data
