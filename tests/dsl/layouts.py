"""Rule texts in every layout: statements word by word, and what may stand between the words."""

import dataclasses
import re
from itertools import pairwise

from hypothesis import strategies as st

from dsl import ast
from dsl.comments import leaves
from dsl.format import arrange, format_text, same
from dsl.parse import parse, parse_words, plain

NAMES = st.sampled_from(["a", "PACS_A", "größe", "us-top", "in", "by", "x1"])
FIELDS = st.sampled_from(
    [["Modality"], ["( 0040 , a730)"], ["A", ".", "B"], ["A", "[", "2", "]", ".", "B"], ['(0029, "A, 1",1f)']]
)
SCALARS = st.sampled_from(
    ["US", '"a # b"', "5", "-1.5", "18years", "3  weeks", "2026-01-01", "8:00", "1.2.3.4/8", "5x"]
)
COMMENTS = st.sampled_from(["# one", "#two  ", "#", '# "half', "# → hold", "#\tä", "# version 1"])


def joined(*parts: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.tuples(*parts).map(lambda found: [word for part in found for word in part])


def flat(parts: list[list[str]]) -> list[str]:
    return [word for part in parts for word in part]


def words(*some: str) -> st.SearchStrategy[list[str]]:
    return st.just(list(some))


def one(strategy: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return strategy.map(lambda word: [word])


def listed(item: st.SearchStrategy[list[str]], between: str, most: int = 4) -> st.SearchStrategy[list[str]]:
    def join(items: list[list[str]]) -> list[str]:
        return [*items[0], *(word for item in items[1:] for word in (between, *item))]

    return st.lists(item, min_size=1, max_size=most).map(join)


CLAUSES = st.one_of(
    joined(FIELDS, st.sampled_from([["="], ["!="], ["≠"], ["<="], ["≥"], [">"]]), one(SCALARS)),
    joined(FIELDS, words("in", "("), listed(one(SCALARS), ",", 9), words(")")),
    joined(FIELDS, words("is", "missing")),
    joined(FIELDS, words("starts", "with", '"long text in quotes, to make it long"')),
    joined(FIELDS, words("matches", "/a #b|c/")),
    joined(FIELDS, words(">", "today", "-", "30 days")),
    one(NAMES.filter(lambda name: name not in ("in", "by"))),
)
CONDITIONS = st.recursive(
    CLAUSES,
    lambda inner: st.one_of(
        joined(words("("), inner, words(")")), joined(words("not"), inner), listed(inner, "and"), listed(inner, "or")
    ),
    max_leaves=6,
)
VALUES = st.one_of(
    one(SCALARS), one(NAMES), listed(FIELDS, "/"), listed(one(SCALARS), "/", 3), listed(one(NAMES), ",", 9)
)
CALLS = joined(
    one(st.sampled_from(["hold", "forward", "anonymize-pixels"])),
    st.lists(VALUES, max_size=3).map(flat),
)
ARROWS = st.sampled_from([["→"], ["->"]])


def chains(step: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.lists(joined(ARROWS, step), min_size=1, max_size=4).map(flat)


def chooses(step: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    cases = st.lists(joined(words("when"), CONDITIONS, chains(step)), min_size=1, max_size=2).map(flat)
    otherwise = st.one_of(st.just([]), joined(words("otherwise"), chains(step)))
    return joined(words("choose"), cases, otherwise, words("end"))


STEPS = st.recursive(CALLS, chooses, max_leaves=4)
SOURCES = st.sampled_from([["port", "11112"], ["HOUSE"], ["every", "day", "at", "03:00"], ["trouble"]])
maybe = lambda strategy: st.one_of(st.just([]), strategy)  # noqa: E731
BOX = words("(", "right", "0", ",", "bottom", "60", ",", "800", ",", "60", ")")
STATEMENTS = st.one_of(
    joined(
        maybe(st.sampled_from([["route", "x"], ["route", '"Röntgen"']])),
        words("on"),
        SOURCES,
        maybe(joined(words("where"), CONDITIONS)),
        chains(STEPS),
        st.one_of(
            maybe(joined(words("on failure"), chains(CALLS))),
            joined(words("on failure"), chains(CALLS), words("on duplicate", "keep")),
            joined(words("on duplicate", "drop"), maybe(joined(words("on failure"), chains(CALLS)))),
        ),
    ),
    joined(words("steps", "s", "="), maybe(ARROWS), CALLS, maybe(chains(STEPS))),
    joined(words("condition", "c", "="), CONDITIONS),
    joined(st.sampled_from([["destination", "A", "="], ["contact", "long_name", "="]]), VALUES, maybe(VALUES)),
    joined(words("regions", "r"), maybe(joined(words("for"), CONDITIONS)), words("blank"), listed(BOX, ",", 6)),
    joined(
        words("test", '"what"', "given"),
        listed(joined(FIELDS, words("="), one(SCALARS)), ",", 9),
        words("on", "port", "1"),
        st.lists(joined(words("expect"), maybe(words("no")), CALLS), min_size=1, max_size=3).map(flat),
    ),
    st.sampled_from([["version", "1"], ["include", '"sites.rules"']]),
)
SPACES = st.sampled_from([" ", " ", " ", " ", "  ", "\n", "\n  ", "\t", "\r\n", "\n\n\n", " \n \n        ", "\n    "])
NOTED = st.lists(
    st.tuples(st.one_of(SPACES, st.just("")), COMMENTS).map(lambda g: f"{g[0]}{g[1]}\n"), min_size=1, max_size=4
)
GAPS = st.one_of(*[SPACES] * 4, st.tuples(NOTED, st.one_of(SPACES, st.just(""))).map(lambda g: "".join(g[0]) + g[1]))


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Statements with anything between their words."""
    found = flat(draw(st.lists(STATEMENTS, max_size=4)))
    return "".join(draw(GAPS) + word for word in found) + draw(st.one_of(st.just(""), GAPS))


@st.composite
def other_layouts(draw: st.DrawFn, text: str) -> str:
    """The words of a text without its comments, with other spaces and ends of lines between them."""
    nodes, unread = parse_words(plain(text), "")
    assert not unread
    found = []
    end = 0
    for node in nodes:
        for leaf in leaves(node):
            apart = leaf.start > end or leaf.start == 0
            found.append((draw(st.sampled_from([" ", "  ", "\n", "\n  ", "\t"])) if apart else "") + leaf.text)
            end = leaf.end
    return "".join(found)


def bare(part: object) -> object:
    """A piece of the AST without its places."""
    if isinstance(part, tuple):
        return tuple(bare(item) for item in part)
    if dataclasses.is_dataclass(part):
        values = [bare(getattr(part, field.name)) for field in dataclasses.fields(part)]
        return type(part).__name__, *(
            value for value in values if not isinstance(value, tuple) or value[:1] != ("Span",)
        )
    return part


def meaning(text: str) -> object:
    """What a text says, without its edition, its places and its layout."""
    file = parse(plain(text), "x")
    return tuple(bare(one) for one in file.statements if not isinstance(one, ast.Version))


def comments(text: str) -> list[str]:
    """The comments of a text that can be read, in order."""
    source = plain(text)
    nodes, _ = parse_words(source, "")
    outside = re.compile(r"#[^\n]*")
    ends = [(0, 0), *((leaf.start, leaf.end) for node in nodes for leaf in leaves(node)), (len(source), len(source))]
    found = [source[a[1] : b[0]] for a, b in pairwise(ends)]
    return [comment.rstrip() for gap in found for comment in outside.findall(gap)]


def holds(text: str) -> None:
    """All that is promised, for any text."""
    source = plain(text)
    nodes, unread = parse_words(source, "x.rules")
    result = format_text(text, name="x.rules")
    if unread:
        assert isinstance(result, tuple)
        assert result
        return
    assert isinstance(result, str)
    assert result == arrange(source, nodes)  # not the way out for a layout that would be read differently
    assert same(source, nodes, result)
    assert format_text(result, name="x.rules") == result
    assert meaning(result) == meaning(text)
    assert comments(result) == comments(text)
    assert result == "" or (result.endswith("\n") and not result.endswith("\n\n"))
    lines = result.split("\n")
    assert all(line == line.rstrip(" \t\r") for line in lines)
    assert not any(a == b == "" for a, b in pairwise(lines))
