"""A program made ready to run: each step with its arguments read, each source with its routes. Made once, then read."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.graph import sinks
from engine.index import Index, asks_unmatched, by_source
from engine.object import Origin
from engine.outcome import Passage
from engine.program import Call, Chain, Listener, Program, Route, calls
from engine.signature import Argument
from engine.step import TELLING, Step
from engine.steps import STEPS


@dataclass(frozen=True, slots=True)
class Plan:
    """A program made ready to run: each step with its arguments read, each source with its routes."""

    program: Program
    digest: str
    """The program's, computed once: every object asks for it."""
    steps: Mapping[int, Step]
    """By identity of the Call, which the program keeps alive."""
    indexes: Mapping[str, Index]
    """By source."""
    catch_alls: frozenset[str]
    """The routes that take what no other takes."""
    telling: frozenset[str]
    """The routes that mail."""
    untaken: Mapping[str, Passage]
    """For each route, that it does not take the object."""
    dated: bool
    """Whether what they say depends on the day on which an object is received."""
    unwritten: Mapping[str, Route]
    """By outbox: what becomes of what is put in its folder where no rule says it. It goes to that destination."""

    def listener(self, origin: Origin) -> Listener | None:
        """The listener that an object came by."""
        return self.program.listener_at(origin.kind, origin.port, origin.folder)

    def unwritten_for(self, origin: Origin) -> Route | None:
        """The route that nobody has written: an object from an outbox's folder that no rule speaks of."""
        return self.unwritten.get(origin.folder) if origin.kind == "outbox" else None


def prepare(program: Program) -> Plan:
    """Make a program ready. Raises KeyError or ValueError for a step that does not exist (never lowered by us)."""
    if len({route.name for route in program.routes}) < len(program.routes):
        # Promises are told apart by the name of their route: of two with one name, one would be lost.
        raise ValueError("two routes have the same name")
    steps: dict[int, Step] = {}

    def visit(chain: Chain) -> None:
        for node in chain:
            if isinstance(node, Call):
                steps[id(node)] = STEPS[node.step].of(node.arguments)
                continue
            for case in node.cases:
                visit(case.chain)
            visit(node.otherwise or ())

    unwritten = {one.name: _unwritten(one.name) for one in program.destinations if one.takes_objects}
    for listener in program.listeners:
        if listener.kind == "outbox":
            unwritten.pop(listener.folder, None)
    for route in (*program.routes, *unwritten.values()):
        visit(route.chain)
        visit(route.failure or ())
    return Plan(
        program,
        program.digest,
        steps,
        by_source(program.routes),
        frozenset(route.name for route in program.routes if asks_unmatched(route.where)),
        frozenset(route.name for route in program.routes if _tells(route)),
        {route.name: Passage(route, False) for route in program.routes},
        _asks_for_the_day(program.to_json()),
        unwritten,
    )


def _unwritten(outbox: str) -> Route:
    # A name with a slash: no route that somebody has written can have it, and be asked for its `on failure`.
    forward = Call("forward", {"destinations": Argument("word", outbox)})
    # Whoever puts something there again wants it sent again.
    return Route(f"outbox/{outbox}", f"outbox {outbox}", None, (forward,), None, "no rule", "keep")


def _asks_for_the_day(data: object) -> bool:
    """Whether `today` stands anywhere in a program's JSON."""
    if isinstance(data, Mapping):
        return data.get("kind") == "today" or any(_asks_for_the_day(value) for value in data.values())
    return isinstance(data, list) and any(_asks_for_the_day(value) for value in data)


def _tells(route: Route) -> bool:
    steps = (*calls(route.chain), *calls(route.failure or ()))
    return any(outbox.endswith(TELLING) for call in steps for outbox in sinks(call))
