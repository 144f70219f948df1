"""Signatures: one line says which words a step, a source or a destination takes, and binds what was written.

    store [in FOLDER] by LAYOUT

Lower case is a word as written, UPPER CASE a parameter, `[…]` may be left out; groups may come in any order.
From this line derive the binder, the documentation, the console's form, completion and the advice in findings.
Pure: it knows neither positions in a text nor what a step does. A user's mistake is a `Problem`, never an exception.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from engine.tags import UnknownTag


@dataclass(frozen=True, slots=True)
class Argument:
    """One value as written.

    kind: word, text, number, duration, date, clock, tag, network, path (parts joined by /) or list (by commas).
    """

    kind: str
    text: str = ""
    items: tuple["Argument", ...] = ()

    def __str__(self) -> str:
        if self.kind == "text":
            return f'"{self.text}"'
        return {"path": "/", "list": ", "}.get(self.kind, "").join(map(str, self.items)) or self.text

    def to_json(self) -> object:
        """As JSON values."""
        if self.items:
            return {self.kind: [item.to_json() for item in self.items]}
        return {self.kind: self.text}

    @classmethod
    def from_json(cls, data: object) -> "Argument":
        """What `to_json` wrote. Raises ValueError."""
        if not isinstance(data, Mapping) or len(data) != 1:
            raise ValueError("not an argument")
        [(kind, value)] = data.items()
        if isinstance(value, list):
            return cls(str(kind), "", tuple(cls.from_json(item) for item in value))
        return cls(str(kind), str(value))


class Misfit(ValueError):
    """An argument of the wrong kind. `expected` says in words what fits, with an example; `argument` is at fault."""

    def __init__(self, argument: Argument, expected: str) -> None:
        super().__init__(f"{argument} does not fit: {expected}")
        self.argument = argument
        self.expected = expected


class Parameter(Protocol):
    """A kind of value that steps take: reads it from an argument and says in words what it is."""

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Read the argument. Raises Misfit, or UnknownTag for a tag that no dictionary has."""


@dataclass(frozen=True, slots=True)
class Anything:
    """A value that nothing reads yet: the step it belongs to is not built."""

    argument: Argument

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """Whatever stands there."""
        return cls(argument)


@dataclass(frozen=True, slots=True)
class Group:
    """Words and parameters that belong together; a positional group is a single parameter without a word."""

    items: tuple[str, ...]
    optional: bool

    @property
    def word(self) -> str:
        """The word that opens the group; empty for a positional one."""
        return self.items[0] if self.items[0].islower() else ""

    def __str__(self) -> str:
        return " ".join(self.items)


@dataclass(frozen=True, slots=True)
class Problem:
    """What does not fit; `at` counts arguments (-1: the component's own name).

    kind: surplus (`words` is not taken), missing (a group), needs (a word or parameter should stand there), misfit
    (`words` says what fits), tag (`words` is in no dictionary), later (the word is known but not built yet).
    """

    kind: str
    at: int
    words: str
    argument: Argument | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A component's line, taken apart. `kinds` maps each parameter to the class that reads its value."""

    line: str
    name: str
    groups: tuple[Group, ...]
    kinds: Mapping[str, type[Parameter]] = field(default_factory=dict, hash=False)
    built: bool = True
    later: frozenset[str] = frozenset()
    clears: frozenset[str] = frozenset()
    """What a step makes clean (engine.program.CLEAN), on every object that comes past it."""
    bare: bool = False
    """It works without an object: a step that does, or a source whose steps do."""
    behind: frozenset[str] = frozenset()
    """Of such a step: the names of the sources behind which it may stand."""
    needs: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Words of groups that mean something only beside another group, and the word of that."""

    lacks: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Words that need libraries which this machine lacks, and the extra of stellwerk that brings them."""

    @classmethod
    def of(
        cls,
        line: str,
        kinds: Mapping[str, type[Parameter]] | None = None,
        *,
        built: bool = True,
        later: Sequence[str] = (),
        clears: Sequence[str] = (),
        bare: bool = False,
        behind: Sequence[str] = (),
        needs: Mapping[str, str] | None = None,
        lacks: Mapping[str, str] | None = None,
    ) -> Self:
        """Take a line apart; `later` are the words of groups that are not built yet. ValueError if it is no line."""
        name, _, rest = line.partition(" ")
        groups = []
        for part in re.findall(r"\[[^\]]*\]|(?:[a-z-]+ )*[A-Z]+|[a-z-]+(?: [a-z-]+)*", rest):
            items = tuple(part.strip("[]").split())
            if not items or any(not (item.islower() or item.isupper()) for item in items):
                raise ValueError(f"not a signature: {line}")
            groups.append(Group(items, part.startswith("[")))
        return cls(
            line,
            name,
            tuple(groups),
            kinds or {},
            built,
            frozenset(later),
            frozenset(clears),
            bare or bool(behind),
            frozenset(behind),
            needs or {},
            lacks or {},
        )

    def bind(self, arguments: Sequence[Argument]) -> tuple[dict[str, Argument], Problem | None]:
        """Give each parameter its argument, by name; a group without parameters is bound to its own word."""
        bound: dict[str, Argument] = {}
        open_groups = list(self.groups)
        at = 0
        while at < len(arguments):
            argument = arguments[at]
            group = next(
                (g for g in open_groups if g.word and argument.kind == "word" and g.word == argument.text),
                None,
            ) or next((g for g in open_groups if not g.word), None)
            if group is None:
                return bound, Problem("surplus", at, str(argument), argument)
            if group.word in self.later:
                return bound, Problem("later", at, group.word, argument)
            open_groups.remove(group)
            for item in group.items:
                if at >= len(arguments):
                    return bound, Problem("needs", at - 1, item)
                argument = arguments[at]
                if item.islower() and (argument.kind != "word" or argument.text != item):
                    return bound, Problem("needs", at, item, argument)
                if item.isupper():
                    try:
                        self.kinds.get(item.lower(), Anything).of(argument)
                    except Misfit as misfit:
                        return bound, Problem("misfit", at, misfit.expected, misfit.argument)
                    except UnknownTag as unknown:
                        return bound, Problem("tag", at, unknown.word, argument)
                    bound[item.lower()] = argument
                at += 1
            if all(item.islower() for item in group.items):
                bound[group.word] = Argument("word", group.word)
        missing = next((g for g in open_groups if not g.optional), None)
        if missing is not None:
            return bound, Problem("missing", len(arguments) - 1, str(missing))
        still_open = {g.word for g in open_groups}
        lacks = next(
            (other for word, other in self.needs.items() if word not in still_open and other in still_open), ""
        )
        if lacks:
            return bound, Problem("missing", len(arguments) - 1, lacks)
        return bound, None

    def read(self, bound: Mapping[str, Argument]) -> dict[str, object]:
        """The values of bound arguments, ready for the component's fields; a bare word is True."""
        values: dict[str, object] = {}
        for name, argument in bound.items():
            kind = self.kinds.get(name)
            values[name] = kind.of(argument) if kind is not None else True
        return values


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Every component there is, by kind and name: what the compiler may accept and suggest."""

    steps: Mapping[str, Signature]
    sources: Mapping[str, Signature]
    listeners: Mapping[str, Signature]
    destinations: Mapping[str, Signature]
    contact: Signature
    profiled: frozenset[str] = frozenset()
    """The attributes that cleaning a header removes or changes, by spelling."""
    retained: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Of each word behind `keep` under which attributes stay as they are: which ones."""

    @property
    def clears(self) -> Mapping[str, frozenset[str]]:
        """What each step makes clean, by its name; the steps that clean nothing are left out."""
        return {name: signature.clears for name, signature in self.steps.items() if signature.clears}
