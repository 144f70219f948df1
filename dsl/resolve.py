"""Names and files: every include in its place, every declared name with its declaration.

Pure but for the given `read`. It must not know what a declaration says.
"""

import posixpath
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from dsl import ast, walk
from dsl.finding import Also, Finding, finding
from dsl.parse import DEEPEST, parse, plain

Declared = ast.Declaration | ast.Condition | ast.Regions | ast.Steps | ast.Broken


@dataclass(frozen=True, slots=True)
class Rules:
    """All statements of all files in the order they take effect, and what their names stand for.

    names: kind (destination, contact, listener, schedule, condition, regions, steps) → name → first declaration.
    own: the files that were asked for, not those they include.
    """

    statements: tuple[ast.Statement, ...]
    unread: tuple[ast.Unread, ...]
    names: Mapping[str, Mapping[str, Declared]]
    own: frozenset[str]
    files: tuple[str, ...]
    sources: Mapping[str, str]

    def declared(self, kind: str) -> Mapping[str, Declared]:
        """The declarations of one kind."""
        return self.names.get(kind, {})

    def knows(self, kind: str, name: str) -> bool:
        """Whether a name of that kind is declared."""
        return name in self.declared(kind)


def kind_of(statement: ast.Statement) -> str:
    """What a statement declares; empty where it declares nothing."""
    match statement:
        case ast.Declaration(kind=kind) | ast.Broken(kind=kind):
            return kind
        case ast.Condition() | ast.Regions() | ast.Steps():
            return type(statement).__name__.lower()
    return ""


def name_of(statement: Declared) -> ast.Name:
    """The name that it declares, with its place."""
    if isinstance(statement, ast.Broken):
        return ast.Name(statement.name, statement.span)
    return statement.name


@dataclass
class _Reading:
    """One run through the files."""

    read: Callable[[str], str]
    steps: Collection[str]
    statements: list[ast.Statement] = field(default_factory=list)
    unread: list[ast.Unread] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)

    def file(self, name: str, text: str) -> None:
        self.sources[name] = plain(text)
        self.open.append(name)
        parsed = parse(self.sources[name], name, self.steps)
        self.unread += parsed.unread
        for statement in parsed.statements:
            if isinstance(statement, ast.Include):
                self.include(name, statement)
            else:
                self.statements.append(statement)
        self.open.pop()

    def include(self, within: str, statement: ast.Include) -> None:
        path = statement.path
        name = posixpath.normpath(posixpath.join(posixpath.dirname(within), path.text))
        if name in self.open:
            way = " → ".join([*self.open[self.open.index(name) :], name])
            self.findings.append(finding("E110/include", path.span, word=name, way=way))
        elif name not in self.sources:
            try:
                if not path.text.strip() or "\0" in name:
                    raise OSError
                text = self.read(name)
            except (OSError, ValueError):
                self.findings.append(finding("E111", path.span, word=name, reason="@not found"))
                return
            self.file(name, text)


def resolve(
    given: Mapping[str, str], read: Callable[[str], str], steps: Collection[str]
) -> tuple[Rules, tuple[Finding, ...]]:
    """Read the given texts by name and everything they include; each file once."""
    reading = _Reading(read, steps)
    normal = {posixpath.normpath(name) if name else name: text for name, text in given.items()}
    for name, text in normal.items():
        if name not in reading.sources:
            # What a later given file says is known already: it need not be read again for an include.
            reading.read = lambda path: normal[path] if path in normal else read(path)
            reading.file(name, text)
    names: dict[str, dict[str, Declared]] = {}
    for statement in reading.statements:
        kind = kind_of(statement)
        if kind and not isinstance(statement, ast.Version | ast.Include | ast.Route | ast.Test):
            known = names.setdefault(kind, {})
            new = name_of(statement)
            first = known.setdefault(new.text, statement)
            if first is not statement and not isinstance(statement, ast.Broken):
                also = () if isinstance(first, ast.Broken) else (Also(name_of(first).span, "first"),)
                reading.findings.append(finding("E109", new.span, also=also, word=new.text))
    rules = Rules(
        tuple(reading.statements),
        tuple(reading.unread),
        names,
        frozenset(normal),
        tuple(reading.sources),
        reading.sources,
    )
    circles = tuple(_circles(rules))
    return rules, (*reading.findings, *_routes_twice(rules), *(circles or _too_deep(rules)))


def _routes_twice(rules: Rules) -> Iterator[Finding]:
    known: dict[str, ast.Name] = {}
    for statement in rules.statements:
        if isinstance(statement, ast.Route) and statement.label is not None:
            first = known.setdefault(statement.label.text, statement.label)
            if first is not statement.label:
                also = (Also(first.span, "first"),)
                yield finding("E109", statement.label.span, also=also, word=statement.label.text)


def _circles(rules: Rules) -> Iterator[Finding]:
    """Conditions and steps that lead back to themselves; each circle is told once, at its first name."""
    uses: dict[str, dict[str, list[ast.Name]]] = {"condition": {}, "steps": {}}
    for name, declared in rules.declared("condition").items():
        if isinstance(declared, ast.Condition):
            uses["condition"][name] = list(walk.references(declared.where))
    for name, declared in rules.declared("steps").items():
        if isinstance(declared, ast.Steps):
            uses["steps"][name] = [call.name for call in walk.calls(declared.chain)]
    for kind, graph in uses.items():
        told: set[str] = set()
        for name in graph:
            way = None if name in told else _way_back(graph, name)
            if way is not None:
                told.update(way)
                at = next(used.span for used in graph[name] if used.text == way[0])
                yield finding(f"E110/{kind}", at, word=name, way=" → ".join([name, *way]))


def _too_deep(rules: Rules) -> Iterator[Finding]:
    """Names that lead through more others, chooses and brackets in each other than anything can follow.

    Asked only where there is no circle: that is deeper than anything.
    """
    uses: list[tuple[Declared, list[tuple[str, int]]]] = []
    for declared in rules.declared("condition").values():
        if isinstance(declared, ast.Condition):
            uses.append((declared, list(walk.depths_of_references(declared.where))))
    for declared in rules.declared("steps").values():
        if isinstance(declared, ast.Steps):
            uses.append((declared, list(walk.depths_of_calls(declared.chain))))
    for kind in (ast.Condition, ast.Steps):
        depth = {name_of(declared).text: 0 for declared, _ in uses if isinstance(declared, kind)}
        grows = True
        while grows:
            grows = False
            for declared, used in uses:
                name = name_of(declared)
                deeper = max((level + 1 + depth.get(one, 0) for one, level in used), default=0)
                if isinstance(declared, kind) and deeper > depth[name.text]:
                    if deeper > DEEPEST:
                        yield finding("E004/names", name.span, word=name.text, number=str(DEEPEST))
                        return
                    depth[name.text] = deeper
                    grows = True


def _way_back(graph: Mapping[str, list[ast.Name]], name: str) -> list[str] | None:
    """The names from one back to itself, without the first; None if there is no way."""
    came: dict[str, str] = {}
    todo = [name]
    while todo:
        here = todo.pop(0)
        for used in graph.get(here, []):
            if used.text == name:
                way = [name]
                while here != name:
                    way.insert(0, here)
                    here = came[here]
                return way
            if used.text in graph and used.text not in came:
                came[used.text] = here
                todo.append(used.text)
    return None
