"""Do folders clash? E204 watched one in another, or one in two ways; E206 one that the appliance writes to itself; E202
one that is watched and is a destination; W207 the outbox of nobody whose name is nearly a destination's.

Pure: a path is compared as it is written. What a link makes of it is asked when the folder is watched.
"""

import posixpath
from collections.abc import Iterator, Sequence

from dsl import ast
from dsl.finding import Also, Finding, finding
from dsl.resolve import Rules
from dsl.suggest import nearest

Written = tuple[str, ast.Value, bool, bool]
"""The path, where it stands, whether it is declared, and whether its files are deleted."""


def check(rules: Rules) -> Iterator[Finding]:
    """Every watched folder of the rules."""
    watched: dict[str, Written] = {}
    for one in sorted(_folders(rules.statements), key=lambda folder: not folder[2]):
        path, value, declared, deletes = one
        first = watched.setdefault(path, one)
        # What is declared may be named by its path alone; two that are not must say the same.
        differs = deletes != first[3] and not (first[2] and not deletes)
        if first is not one and (declared or differs):
            also = (Also(first[1].span, "first folder"),)
            yield finding("E204/twice", value.span, also=also, word=f'"{path}"')
    for path, (_, value, _, _) in watched.items():
        outer = next((other for other in watched if _lies_in(path, other)), None)
        if outer is not None:
            also = (Also(watched[outer][1].span, "first folder"),)
            yield finding("E204", value.span, also=also, word=f'"{path}"', other=f'"{outer}"')
    for name, path, value in _destinations(rules.statements):
        same = next((one for one in watched if one == path or _lies_in(path, one) or _lies_in(one, path)), None)
        if same is not None:
            also = (Also(watched[same][1].span, "first folder"),)
            yield finding("E202/folder", value.span, also=also, word=name)
    for statement in rules.statements:
        if isinstance(statement, ast.Route) and statement.source.name.text == "outbox":
            yield from _nearly(statement.source.values[:1], rules)


def _nearly(names: Sequence[ast.Value], rules: Rules) -> Iterator[Finding]:
    """What is put into the destination's own folder would go there past the rule that was meant for it."""
    for name in names:
        guess = nearest(name.text, rules.declared("destination"))
        if guess and not rules.knows("destination", name.text):
            yield finding("W207", name.span, word=name.text, guess=guess)


def own_folders(statements: Sequence[ast.Statement], own: Sequence[str]) -> Iterator[Finding]:
    """Those that are, hold or lie in a folder that the appliance writes to. own: their paths, from the root on."""
    watched = [("E206", path, value) for path, value, _, _ in _folders(statements)]
    written = [("E206/destination", path, value) for _, path, value in _destinations(statements)]
    for code, path, value in (*watched, *written):
        mine = next((one for one in own if one == path or _lies_in(path, one) or _lies_in(one, path)), None)
        if mine is not None:
            yield finding(code, value.span, word=f'"{path}"', own=mine)


def _destinations(statements: Sequence[ast.Statement]) -> Iterator[tuple[str, str, ast.Value]]:
    """The destinations that are folders: name, path, and where that stands."""
    for statement in statements:
        if isinstance(statement, ast.Declaration) and statement.kind == "destination":
            kind, *values = statement.values
            for path, value, _, _ in _folder(kind.text, values[:1], True):
                yield statement.name.text, path, value


def _folders(statements: Sequence[ast.Statement]) -> Iterator[Written]:
    for statement in statements:
        if isinstance(statement, ast.Declaration) and statement.kind == "listener":
            kind, *values = statement.values
            yield from _folder(kind.text, values, True)
        if isinstance(statement, ast.Route):
            yield from _folder(statement.source.name.text, statement.source.values, False)


def _folder(kind: str, values: Sequence[ast.Value], declared: bool) -> Iterator[Written]:
    path = next((value for value in values if value.kind == "text"), None)
    if kind == "folder" and path is not None and path.text.startswith("/") and path.text.strip("/."):
        words = {value.text for value in values if value.kind == "word"}
        yield "/" + posixpath.normpath(path.text).lstrip("/"), path, declared, "delete" in words


def _lies_in(path: str, other: str) -> bool:
    return path.startswith(other.rstrip("/") + "/")
