"""Can one value fulfil some clauses and deny others? The ground that dsl.reason stands on.

Pure. What each clause means is engine.condition's to say. False only for what is certain. Text is tried out on the few
texts that the clauses name; numbers, ages, dates and times on the points and gaps of a line.
"""

import re
from collections.abc import Iterable

from engine import values
from engine.condition import Among, Compare, Contains, Literal, Matches, Present, StartsWith, Unmatched

Clause = Compare | Among | Contains | StartsWith | Matches | Present | Unmatched
"""What can be asked of an object: the leaves of a condition."""
_ORDERED = ("number", "age", "date", "moment", "time")
_FOREVER = 10**9
"""Days; more than the calendar has."""


def possible_value(kind: str, positive: list[Clause], negative: list[Clause]) -> bool:
    """Whether one value can fulfil all the positive clauses and none of the negative ones."""
    if all(_of_empty(clause) for clause in positive) and not any(_of_empty(clause) for clause in negative):
        return True
    if any(isinstance(clause, Present) for clause in negative):
        return False
    positive = [clause for clause in positive if not isinstance(clause, Present)]
    if kind in _ORDERED:
        return _possible_order(kind, positive, negative)
    if kind == "name":
        return _possible_words(_words(positive, negative, Compare, Contains, StartsWith, Matches))
    texts = {_fold(option.text) for clause in (*positive, *negative) for option in _options(clause)}
    equal = [clause for clause in positive if isinstance(clause, Compare | Among)]
    patterns = _words(positive, negative, Matches)
    for text in texts:
        fits = all(_of_text(c, text) is not False for c in positive)
        if fits and not any(_of_text(c, text) for c in negative) and _possible_words(patterns):
            return True
    if equal:
        return False
    return _possible_words(_words(positive, negative, Contains, StartsWith, Matches))


def _of_empty(clause: Clause) -> bool:
    """Whether it is true of a value without any characters (of several values, some may be empty)."""
    match clause:
        case Contains(_, text) | StartsWith(_, text):
            return _fold(text) == ""
        case Matches(_, pattern):
            return re.search(pattern, "", re.IGNORECASE) is not None
        case _:
            return False


def _of_text(clause: Clause, text: str) -> bool | None:
    """Whether it is true of this text, which is folded; None where the letters themselves would decide."""
    match clause:
        case Compare() | Among():
            return any(_fold(option.text) == text for option in _options(clause))
        case Contains(_, part):
            return _fold(part) in text
        case StartsWith(_, part):
            return text.startswith(_fold(part))
        case _:
            return None


def _options(clause: Clause) -> tuple[Literal, ...]:
    match clause:
        case Among(_, options):
            return options
        case Compare(_, "=", value):
            return (value,)
        case _:
            return ()


# --- words in a value: what else is true of a text that contains, starts with or matches something


Word = tuple[str, str]
"""How something is asked of a text, and what for."""


def _words(positive: list[Clause], negative: list[Clause], *kinds: type) -> tuple[list[Word], list[Word]]:
    """What must be true of the text, and what must not."""
    return [_word(c) for c in positive if isinstance(c, kinds)], [_word(c) for c in negative if isinstance(c, kinds)]


def _word(clause: Clause) -> Word:
    match clause:
        case Contains(_, text):
            return "contains", _fold(text)
        case StartsWith(_, text):
            return "starts", _fold(text)
        case Matches(_, pattern):
            return "matches", pattern
        case Compare(_, operator, value):
            return operator, _fold(value.text)
        case _:
            return "other", repr(clause)


def _possible_words(words: tuple[list[Word], list[Word]]) -> bool:
    yes, no = words
    starts = [text for how, text in yes if how == "starts"]
    if any(not (a.startswith(b) or b.startswith(a)) for a in starts for b in starts):
        return False
    return not any(_includes(one, other) for one in yes for other in no)


def _includes(one: Word, other: Word) -> bool:
    """Whether every text for which the first is true has the second true as well."""
    (how, text), (also, part) = one, other
    if how in ("starts", "contains") and also == "contains":
        return part in text
    return one == other or (how == also == "starts" and text.startswith(part))


# --- order: the constants of the clauses cut the values into points and the gaps between them


def _possible_order(kind: str, positive: list[Clause], negative: list[Clause]) -> bool:
    if not _possible_words(_words(positive, negative, Contains, StartsWith, Matches)):
        return False
    # What counts from today and what names a day lie on two lines that nobody can compare beforehand.
    return all(
        _possible_line(
            [list(_bounds(kind, clause, relative)) for clause in positive if _is_of(clause, relative)],
            [bound for clause in negative for bound in _bounds(kind, clause, relative)],
        )
        for relative in (False, True)
    )


Bound = tuple[str, object]
"""An operator and a constant of the field's kind."""


def _is_of(clause: Clause, relative: bool) -> bool:
    """Whether all that the clause compares with lies on this line."""
    literals = (clause.value,) if isinstance(clause, Compare) else _options(clause)
    return bool(literals) and all((literal.kind == "today") is relative for literal in literals)


def _bounds(kind: str, clause: Clause, relative: bool) -> Iterable[Bound]:
    literals = (clause.value,) if isinstance(clause, Compare) else _options(clause)
    operator = clause.operator if isinstance(clause, Compare) else "="
    for literal in literals:
        constant = _constant(kind, literal)
        if (literal.kind == "today") is relative and constant is not None:
            yield operator, constant


def _possible_line(positive: list[list[Bound]], negative: list[Bound]) -> bool:
    """Whether a place on the line is inside one bound of each positive clause and outside all negative ones."""
    bounds = [bound for clause in positive for bound in clause] + negative
    # The type system cannot see that all constants of one field are of one ordered type.
    line = sorted({constant for _, constant in bounds})  # type: ignore[type-var]
    at = {constant: 2 * place + 1 for place, constant in enumerate(line)}
    for place in range(2 * len(line) + 1):
        inside = all(any(_holds(place, operator, at[constant]) for operator, constant in clause) for clause in positive)
        if inside and not any(_holds(place, operator, at[constant]) for operator, constant in negative):
            return True
    # A value that cannot be read fulfils no comparison, and so every denial.
    return not positive


def _holds(place: int, operator: str, constant: int) -> bool:
    return {
        "=": place == constant,
        "<": place < constant,
        "<=": place <= constant,
        ">": place > constant,
        ">=": place >= constant,
    }[operator]


def _constant(kind: str, literal: Literal) -> object:
    """The value that it names, as engine.condition compares it; days from today for what counts from there."""
    if kind == "number":
        return values.number(literal.text)
    if kind == "age":
        duration = literal.kind == "duration"
        return values.Duration.of(literal.text).days if duration else values.age_in_days(literal.text)
    if kind == "time":
        return values.clock(literal.text)
    if literal.kind != "today":
        return values.day(literal.text)
    if not literal.text:
        return 0
    try:
        days = values.Duration.of(literal.text.lstrip("+- ")).delta.days
    except OverflowError:
        days = _FOREVER
    return days if literal.text.startswith("+") else -days


def _fold(text: str) -> str:
    """Text as comparison sees it (engine.condition)."""
    return text.strip(" \0").casefold()
