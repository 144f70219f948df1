"""What a rule file says, as frozen data with the place where each thing stands.

Pure data. It must not know how the text was read, nor what any name means: `forward PACS` is a call with a value.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text. Lines and columns count from 1, columns in characters; the end column is one past the last."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def to(self, other: "Span") -> "Span":
        """From the start of this one to the end of the other."""
        return Span(self.file, self.line, self.column, other.end_line, other.end_column)


@dataclass(frozen=True, slots=True)
class Name:
    """A word, as a name or as text in quotes (then without the quotes)."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Field:
    """What a condition looks at: names or tag numbers joined by dots. `indexed` counts the parts that say `[2]`."""

    parts: tuple[Name, ...]
    text: str
    span: Span
    indexed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Operand:
    """A value in a condition. kind: text, number, date, clock, duration, today (text: `- 30 days` or empty)."""

    kind: str
    text: str
    span: Span
    quoted: bool = False


# --- conditions


@dataclass(frozen=True, slots=True)
class Both:
    """`a and b`, or with `every` false `a or b`."""

    every: bool
    terms: tuple["Expr", ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Negation:
    """`not a`."""

    term: "Expr"
    span: Span


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field = value`; operator: = != < <= > >=, contains, starts."""

    field: Field
    operator: str
    operand: Operand
    span: Span


@dataclass(frozen=True, slots=True)
class Membership:
    """`field in (a, b)`."""

    field: Field
    options: tuple[Operand, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Pattern:
    """`field matches /expression/`; `expression` is the text between the slashes."""

    field: Field
    expression: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Presence:
    """`field is present`, or `is missing`."""

    field: Field
    present: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Reference:
    """A named condition, or `unmatched`."""

    name: Name


Expr = Both | Negation | Comparison | Membership | Pattern | Presence | Reference


# --- chains


@dataclass(frozen=True, slots=True)
class Value:
    """One argument as written. kind: word, text, number, duration, date, clock, tag, network, path or list."""

    kind: str
    text: str
    span: Span
    items: tuple["Value", ...] = ()
    parts: tuple[Name, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A component's name with the values behind it: a step, a source, what follows `=` in a declaration."""

    name: Name
    values: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class When:
    """`when CONDITION → …`."""

    where: Expr
    chain: "Chain"


@dataclass(frozen=True, slots=True)
class Choose:
    """`choose when … otherwise … end`."""

    cases: tuple[When, ...]
    otherwise: "Chain | None"
    span: Span


Chain = tuple["Call | Choose", ...]


# --- statements


@dataclass(frozen=True, slots=True)
class Version:
    """`version 1`."""

    number: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Include:
    """`include "sites.rules"`."""

    path: Name
    span: Span


@dataclass(frozen=True, slots=True)
class Declaration:
    """`destination`, `listener`, `contact` or `schedule`, its name, and what it is."""

    kind: str
    name: Name
    values: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Condition:
    """`condition NAME = …`."""

    name: Name
    where: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Edge:
    """One number of a box; `side` is right, bottom or empty."""

    side: str
    number: Name


@dataclass(frozen=True, slots=True)
class Box:
    """`(x, y, width, height)`."""

    edges: tuple[Edge, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Regions:
    """`regions NAME for CONDITION blank (…), …` or `keep (…)`."""

    name: Name
    where: Expr | None
    keep: bool
    boxes: tuple[Box, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Steps:
    """`steps NAME = → …`."""

    name: Name
    chain: Chain
    span: Span


BARE = ("every", "trouble")
"""The sources that bring no objects."""


@dataclass(frozen=True, slots=True)
class Route:
    """`route NAME on SOURCE where CONDITION → … on failure → … on duplicate keep`."""

    label: Name | None
    source: Call
    where: Expr | None
    chain: Chain
    failure: Chain | None
    span: Span
    duplicate: Name | None = None

    @property
    def bare(self) -> bool:
        """Whether it takes no objects: `on every …`, `on trouble`."""
        return self.source.name.text in BARE


@dataclass(frozen=True, slots=True)
class Given:
    """`field = value` in a test."""

    field: Field
    operand: Operand


@dataclass(frozen=True, slots=True)
class Expect:
    """`expect forward PACS`, or `expect no …`."""

    wanted: bool
    call: Call


@dataclass(frozen=True, slots=True)
class Test:
    """An example that must stay true."""

    title: Name
    given: tuple[Given, ...]
    source: Call | None
    expects: tuple[Expect, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Broken:
    """A statement that could not be read. What it would declare, and the words in it, so that others stay quiet."""

    kind: str
    name: str
    words: frozenset[str]
    span: Span


Statement = Version | Include | Declaration | Condition | Regions | Steps | Route | Test | Broken


@dataclass(frozen=True, slots=True)
class Unread:
    """A place where reading stopped.

    kind: word (something else should stand there), end (the statement ends too early), arrow (an arrow is missing),
    quote (a quotation mark is missing), sign (a character without meaning), deep (too many brackets in each other).
    `could` are the words of the grammar that could stand there: keywords as written, others as names in capitals.
    """

    kind: str
    span: Span
    text: str
    could: frozenset[str]
    guess: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """One rule file, read."""

    name: str
    statements: tuple[Statement, ...]
    unread: tuple[Unread, ...]
