"""May these rules take over from those that run, and run here? E501 somebody is still owed something, W502 a port
closes, W503 opens, W505 a folder is no longer watched; E206 a watched folder is the appliance's own.

Pure: what runs, what is owed and which folders are whose are given. Asked where rules are to run, not of a text alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dsl import ast
from dsl.checks.folders import own_folders
from dsl.compile import Compiled
from dsl.finding import Finding, finding
from engine.program import Destination, Listener, Program

RESTRICTIONS = frozenset({"callers", "networks", "users", "require"})
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


def at_home(new: Compiled, own: Sequence[str]) -> Compiled:
    """The same with E206 for each watched folder that the appliance writes to; without a program where there is one."""
    found = tuple(own_folders(new.statements, own))
    return replace(new, program=None, findings=(*new.findings, *found), trials=()) if found else new


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
        now = program.listener_at(was.kind, was.port, was.folder)
        if was.folder:
            if now is None and not (was.kind == "outbox" and program.destination(was.folder)):
                yield finding("W505", _top(new), word=f"{was.kind} {was.folder}")
        elif now is None:
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
