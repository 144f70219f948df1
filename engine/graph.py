"""The program as a graph: what leads where, and what is known to be clean on the way. Pure; for checks and drawings.

Nodes are sources, steps and outboxes; edges are the ways an object can take, each with the condition on it. A node's
id is its position in the program, the same as in the deliveries that engine.run promises.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from engine.condition import describe
from engine.parameters import Contacts, Destinations, Webhooks
from engine.program import Call, Chain, Choose, Chore, Program, Route


@dataclass(frozen=True, slots=True)
class Node:
    """kind: source, step, choose or outbox. `clean` is what is known to be clean when an object leaves the node."""

    id: str
    kind: str
    label: str
    clean: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from node to node; `label` is the condition on it, empty where every object goes."""

    start: str
    end: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by id, and the edges between them."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]

    def reachable(self, start: str) -> frozenset[str]:
        """Every node that can be reached from this one, itself included."""
        found: set[str] = set()
        todo = [start]
        while todo:
            node = todo.pop()
            if node not in found:
                found.add(node)
                todo += [edge.end for edge in self.edges if edge.start == node]
        return frozenset(found)

    def mermaid(self) -> str:
        """The graph as a Mermaid flowchart."""
        names = {node: f"n{number}" for number, node in enumerate(self.nodes)}
        shapes = {"source": "([{}])", "outbox": "[({})]", "choose": "{{{}}}", "step": "[{}]"}
        lines = ["flowchart LR"]
        for node in self.nodes.values():
            lines.append(f"    {names[node.id]}{shapes[node.kind].format(_quoted(node.label))}")
        for edge in self.edges:
            label = f"|{_quoted(edge.label)}|" if edge.label else ""
            lines.append(f"    {names[edge.start]} -->{label} {names[edge.end]}")
        return "\n".join(lines) + "\n"


def graph(program: Program, clears: Mapping[str, frozenset[str]]) -> Graph:
    """The graph of a whole program; `clears` says what each step makes clean (engine.signature.Vocabulary)."""
    builder = _Builder(clears)
    for route in program.routes:
        builder.route(route)
    for chore in program.chores:
        builder.chore(chore)
    return Graph(builder.nodes, tuple(builder.edges))


def sinks(call: Call) -> tuple[str, ...]:
    """The outboxes that a step promises to."""
    match call.step:
        case "forward":
            return Destinations.of(call.arguments["destinations"]).names
        case "mail":
            return tuple(f"{name}.mail" for name in Contacts.of(call.arguments["contacts"]).names)
        case "notify":
            return tuple(f"{name}.notify" for name in Webhooks.of(call.arguments["webhooks"]).names)
        case "store":
            folder = call.arguments.get("folder")
            return (f"{folder.text if folder else 'archive'}.store",)
        case "hold":
            return ("hold",)
    return ()


def _quoted(label: str) -> str:
    """A label as Mermaid takes it: in quotes, with entities for those inside, and for what it would take as HTML."""
    for sign, entity in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        label = label.replace(sign, entity)
    return f'"{label}"'


@dataclass(frozen=True, slots=True)
class _End:
    """A loose end of the drawing: where the next step is joined on, under which condition, and how clean."""

    node: str
    label: str
    clean: frozenset[str]


class _Builder:
    def __init__(self, clears: Mapping[str, frozenset[str]]) -> None:
        self.clears = clears
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []

    def route(self, route: Route) -> None:
        source = f"on {route.source}"
        self._node(Node(source, "source", source))
        condition = describe(route.where) if route.where else ""
        self._chain(route.chain, route.name, "", [_End(source, condition, frozenset())])
        if route.failure is not None:
            start = f"{route.name}/failure"
            self._node(Node(start, "source", f"{route.name}: on failure"))
            self._chain(route.failure, route.name, "f", [_End(start, "", frozenset())])

    def chore(self, chore: Chore) -> None:
        source = f"on {chore.when.in_words()}"
        self._node(Node(source, "source", source))
        self._chain(chore.chain, chore.name, "", [_End(source, "", frozenset())])

    def _chain(self, chain: Chain, route: str, at: str, ends: list[_End]) -> list[_End]:
        for number, node in enumerate(chain, 1):
            position = f"{at}.{number}".lstrip(".")
            if isinstance(node, Choose):
                ends = self._choose(node, route, position, ends)
            else:
                ends = list(self._step(node, route, position, ends))
        return ends

    def _choose(self, node: Choose, route: str, position: str, ends: list[_End]) -> list[_End]:
        name = f"{route}/{position}"
        clean = self._join(Node(name, "choose", "choose"), ends)
        after: list[_End] = []
        for number, case in enumerate(node.cases, 1):
            start = [_End(name, describe(case.where), clean)]
            after += self._chain(case.chain, route, f"{position}.{number}", start)
        return after + self._chain(node.otherwise or (), route, f"{position}.0", [_End(name, "otherwise", clean)])

    def _step(self, call: Call, route: str, position: str, ends: list[_End]) -> Iterator[_End]:
        name = f"{route}/{position}"
        clean = self._join(Node(name, "step", str(call)), ends)
        if call.step in self.clears:
            clean |= self.clears[call.step]
            self.nodes[name] = Node(name, "step", str(call), clean)
        for outbox in sinks(call):
            self._node(Node(outbox, "outbox", outbox))
            self.edges.append(Edge(name, outbox))
        if call.step != "discard":
            yield _End(name, "", clean)

    def _join(self, node: Node, ends: list[_End]) -> frozenset[str]:
        """Add a node behind the loose ends; what is clean behind it is what is clean on every way to it."""
        clean = frozenset.intersection(*(end.clean for end in ends)) if ends else frozenset()
        self._node(Node(node.id, node.kind, node.label, clean))
        self.edges += [Edge(end.node, node.id, end.label) for end in ends]
        return clean

    def _node(self, node: Node) -> None:
        self.nodes.setdefault(node.id, node)
