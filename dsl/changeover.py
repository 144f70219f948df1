"""May these rules take over from those that run? E501 somebody is still owed something, W502 a port closes, W503 opens.

Pure: what runs and what is owed are given. Asked at reload and by `stellwerk diff`, not of a file by itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from dsl import ast
from dsl.compile import Compiled
from dsl.finding import Finding, finding
from engine.program import Destination, Listener, Program

RESTRICTIONS = frozenset({"callers", "networks"})
"""What a listener may say of who may send to it."""


def changeover(new: Compiled, old: Program, owed: Mapping[str, int]) -> Compiled:
    """The compiled rules with what is found; no program where they must not take over.

    owed: how many objects still wait for each destination, by name.
    """
    if new.program is None:
        return new
    found = (*_owed(new, new.program, old, owed), *_ports(new, new.program, old))
    broken = any(one.is_error for one in found)
    return replace(new, program=None if broken else new.program, findings=(*new.findings, *found))


def _owed(new: Compiled, program: Program, old: Program, owed: Mapping[str, int]) -> Iterator[Finding]:
    for gone in old.destinations:
        count = owed.get(gone.name, 0)
        if not count or program.destination(gone.name) is not None:
            continue
        # With another name and the same address it has been renamed, most likely.
        heir = next((one for one in program.destinations if not old.destination(one.name) and _same(one, gone)), None)
        message = "E501" if heir is None else "E501/renamed"
        place = _top(new) if heir is None else _place(new, "destination", heir.name)
        yield finding(message, place, word=gone.name, count=str(count))


def _ports(new: Compiled, program: Program, old: Program) -> Iterator[Finding]:
    for was in old.listeners:
        now = next((one for one in program.listeners if one.port == was.port), None)
        if now is None:
            moved = any(one.name == was.name for one in program.listeners)
            place = _place(new, "listener", was.name) if moved else _top(new)
            yield finding("W502", place, word=str(was.port))
        elif _restricted(was) and not _restricted(now):
            yield finding("W503", _place(new, "listener", now.name), word=str(was.port))


def _same(one: Destination, other: Destination) -> bool:
    return str(one.arguments.get("address")) == str(other.arguments.get("address"))


def _restricted(listener: Listener) -> bool:
    return bool(RESTRICTIONS & set(listener.arguments))


def _top(new: Compiled) -> ast.Span:
    """Where something is missing: the beginning of the first file."""
    return ast.Span(new.files[0] if new.files else "", 1, 1, 1, 1)


def _place(new: Compiled, kind: str, name: str) -> ast.Span:
    """Where a name is declared; of a port that is not, the first route that listens on it."""
    for statement in new.statements:
        if isinstance(statement, ast.Declaration) and (statement.kind, statement.name.text) == (kind, name):
            return statement.name.span
    routes = (statement for statement in new.statements if isinstance(statement, ast.Route) and not statement.bare)
    lowered = new.program.routes if new.program else ()
    found = (written.source.span for written, route in zip(routes, lowered, strict=True) if route.source == name)
    return next(found, _top(new))
