"""Journey: the ways of a program that objects have really gone, drawn on its graph. Pure.

Where an object was promised to somebody is known by the id of the promise, which follows from the object, the route,
the place in it and the outbox (engine.outcome.delivery_id). The steps in front of that place it has passed. The way
through a `choose` in which nothing was promised is known where only one case promises nothing; else it is left open.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from engine.graph import Edge, Graph, graph, sinks
from engine.outcome import delivery_id
from engine.program import Call, Chain, Choose, Program, Route, calls
from engine.step import GATHERING, HOLD, REVIEW

PASSED = "passed"
WORST = (
    "missing",
    "held",
    "failed",
    "waiting",
    "left out",
    "elsewhere",
    "deleted",
    "delivered",
    "discarded",
    PASSED,
    "",
)
"""States of an edge or node, that which a person should see first. Empty: nothing has come this way."""


@dataclass(frozen=True, slots=True)
class Promised:
    """One promise of an object: its id, to whom, and how it stands (one of WORST)."""

    entry: str
    outbox: str
    route: str
    state: str


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of an object through the rules, under one number. way: by which way it came, as the history says it."""

    number: str
    way: str
    promises: tuple[Promised, ...] = ()
    discarded: str = ""
    """Why a rule discarded it, as the history says: `route: words`; empty where none did."""


@dataclass(frozen=True, slots=True)
class DrawnNode:
    """A node of the program, how many came to it, and the worst that happened there."""

    id: str
    label: str
    kind: str
    state: str
    count: int


@dataclass(frozen=True, slots=True)
class DrawnEdge:
    """A way from node to node, and how many went it. id: by what it is asked for."""

    id: str
    start: str
    end: str
    label: str
    count: int
    state: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """What is to be drawn."""

    nodes: tuple[DrawnNode, ...]
    edges: tuple[DrawnEdge, ...]


@dataclass(slots=True)
class Trace:
    """Who went where, by edge and by node: the numbers of the passes, each with the state it is in there."""

    graph: Graph
    edges: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    added: list[Edge] = field(default_factory=list)
    """Ways that are no part of the rules: into the hold, where no route took it or one failed."""

    def go(self, start: str, end: str, number: str, state: str = PASSED) -> None:
        """It went from here to there."""
        here = self.edges.setdefault((start, end), {})
        here[number] = worst((here.get(number, ""), state))
        self.stop(start, number)
        self.stop(end, number, state)

    def stop(self, node: str, number: str, state: str = PASSED) -> None:
        """It came to this node."""
        here = self.nodes.setdefault(node, {})
        here[number] = worst((here.get(number, ""), state))

    def drawing(self) -> Drawing:
        """As it is drawn: every node and edge of the program, and what was added."""
        labels = {node: (one.label, one.kind) for node, one in self.graph.nodes.items()}
        for edge in self.added:
            labels.setdefault(edge.start, (edge.start, "source"))
            labels.setdefault(edge.end, (edge.end, "outbox"))
        nodes = [
            DrawnNode(node, label, kind, worst(self.nodes.get(node, {}).values()), len(self.nodes.get(node, {})))
            for node, (label, kind) in labels.items()
        ]
        edges = []
        for edge in dict.fromkeys((*self.graph.edges, *self.added)):
            went = self.edges.get((edge.start, edge.end), {})
            name = edge_id(edge.start, edge.end)
            edges.append(DrawnEdge(name, edge.start, edge.end, edge.label, len(went), worst(went.values())))
        return Drawing(tuple(nodes), tuple(edges))


def edge_id(start: str, end: str) -> str:
    """By what an edge is asked for."""
    return f"{start} → {end}"


def worst(states: Iterable[str]) -> str:
    """What a person should see first."""
    return min(states, key=lambda one: WORST.index(one) if one in WORST else len(WORST), default="")


def trace(program: Program, clears: Mapping[str, frozenset[str]], passes: Sequence[Pass]) -> Trace:
    """The ways of these. clears: as for engine.graph.graph."""
    found = Trace(graph(program, clears))
    finder = _Finder(program)
    for one in passes:
        _draw(found, program, finder, one)
    return found


class _Finder:
    """Finds where in a program something was promised."""

    def __init__(self, program: Program) -> None:
        self._places: dict[tuple[str, str], list[str]] = {}
        for route in program.routes:
            for position, call in _calls_of(route):
                for outbox in (*sinks(call), *_gathers(call)):
                    self._places.setdefault((route.name, outbox), []).append(position)

    def position(self, number: str, promised: Promised) -> str | None:
        """Where; None where the program has no such place (`hold` without a step: a route that failed)."""
        for position in self._places.get((promised.route, promised.outbox), ()):
            if delivery_id(number, promised.route, position, promised.outbox) == promised.entry:
                return position
        return None


def _draw(found: Trace, program: Program, finder: _Finder, one: Pass) -> None:
    reached: dict[str, set[str]] = {}
    failed: set[str] = set()
    for promised in one.promises:
        position = finder.position(one.number, promised)
        route = program.route(promised.route)
        if position is not None and route is not None:
            reached.setdefault(route.name, set()).add(position)
            if promised.outbox.endswith(GATHERING):
                found.stop(f"{route.name}/{position}", one.number, promised.state)
            else:
                found.go(f"{route.name}/{position}", promised.outbox, one.number, promised.state)
        elif promised.outbox == HOLD:
            # No step has promised this: nobody took it, or the route that did came to no end.
            start = f"on {route.source}" if route is not None else _source(program, one.way)
            if start:
                found.added.append(Edge(start, HOLD, "on failure" if route is not None else "no route takes it"))
                found.go(start, HOLD, one.number, promised.state)
            if route is not None:
                failed.add(route.name)
    if one.discarded:
        _discard(found, program, one, reached)
    for route in program.routes:
        if route.name in reached:
            _pass(found, route, reached[route.name], one.number)
        elif route.name in failed and route.chain:
            found.go(f"on {route.source}", f"{route.name}/1", one.number, "failed")


def _source(program: Program, way: str) -> str:
    """The node at which it came in; nothing where nobody knows. way: `dicom 26131`, `folder /srv/export` …"""
    kind, _, where = way.partition(" ")
    port = int(where) if where.isdecimal() else None
    listener = program.listener_at(kind, port, "" if port is not None else where)
    if listener is not None:
        return f"on {listener.name}"
    return f"on {f'port {port}' if kind == 'dicom' else way}" if way else ""


def _discard(found: Trace, program: Program, one: Pass, reached: dict[str, set[str]]) -> None:
    name, _, words = one.discarded.partition(": ")
    route = program.route(name)
    if route is None:
        return
    steps = [
        position
        for position, call in _calls_of(route)
        if call.step == "discard" and call.arguments["why"].text == words
    ]
    if len(steps) == 1:
        reached.setdefault(name, set()).add(steps[0])
        found.stop(f"{name}/{steps[0]}", one.number, "discarded")
    elif route.chain:
        found.go(f"on {route.source}", f"{name}/1", one.number)


def _pass(found: Trace, route: Route, reached: set[str], number: str) -> None:
    """Draw the way of one object along one route, to the last place that it is known to have come to."""
    failure = {position for position in reached if position.startswith("f")}
    walker = _Walker(found, route.name, number)
    if reached - failure:
        walker.walk(route.chain, "", (f"on {route.source}",), reached - failure, through=False)
    if failure:
        walker.walk(route.failure or (), "f", (f"{route.name}/failure",), failure, through=False)
        if not reached - failure and route.chain:
            found.go(f"on {route.source}", f"{route.name}/1", number, "failed")


@dataclass(frozen=True, slots=True)
class _Walker:
    found: Trace
    route: str
    number: str

    def walk(
        self, chain: Chain, at: str, front: tuple[str, ...], reached: set[str], *, through: bool
    ) -> tuple[str, ...]:
        """Along a chain; answers the nodes from which it goes on, none where nobody knows.

        front: those it comes from. through: it is known to have come to the end.
        """
        positions = [f"{at}.{number}".lstrip(".") for number in range(1, len(chain) + 1)]
        came_to = [number for number, position in enumerate(positions) if _is_in(position, reached)]
        last = len(chain) if through else max(came_to, default=-1) + 1
        for number, (node, position) in enumerate(zip(chain[:last], positions, strict=False)):
            name = f"{self.route}/{position}"
            self.found.stop(name, self.number)
            for before in front:
                self.found.go(before, name, self.number)
            goes_on = through or number + 1 < last
            front = (name,) if isinstance(node, Call) else self._case(node, position, reached, through=goes_on)
        return front

    def _case(self, node: Choose, position: str, reached: set[str], *, through: bool) -> tuple[str, ...]:
        cases = {number: case.chain for number, case in enumerate(node.cases, 1)} | {0: node.otherwise or ()}
        taken = [number for number in cases if _is_in(f"{position}.{number}", reached)]
        if not taken and through:
            silent = [number for number, chain in cases.items() if not _tells(chain)]
            taken = silent if len(silent) == 1 else []
        if not taken:
            return ()
        [number, *_] = taken
        start = (f"{self.route}/{position}",)
        return self.walk(cases[number], f"{position}.{number}", start, reached, through=through)


def _is_in(position: str, reached: set[str]) -> bool:
    return position in reached or any(one.startswith(f"{position}.") for one in reached)


def _tells(chain: Chain) -> bool:
    """Whether whoever goes this way leaves word of it; of `review one of 20` most do not."""
    return any(
        sinks(call) or (_gathers(call) and "count" not in call.arguments) or call.step == "discard"
        for call in calls(chain)
    )


def _gathers(call: Call) -> tuple[str, ...]:
    if call.step == "review":
        return (REVIEW,)
    return tuple(f"{unit}{GATHERING}" for unit in ("study", "series")) if call.step == "collect" else ()


def _calls_of(route: Route) -> Iterator[tuple[str, Call]]:
    """Every step of a route with its position."""
    yield from _placed(route.chain, "")
    yield from _placed(route.failure or (), "f")


def _placed(chain: Chain, at: str) -> Iterator[tuple[str, Call]]:
    for number, node in enumerate(chain, 1):
        position = f"{at}.{number}".lstrip(".")
        if isinstance(node, Call):
            yield position, node
            continue
        for case_number, case in enumerate(node.cases, 1):
            yield from _placed(case.chain, f"{position}.{case_number}")
        yield from _placed(node.otherwise or (), f"{position}.0")
