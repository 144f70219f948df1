"""A program narrowed to one destination: what it would do, as far as that one gets something by it. Pure.

For a replay to a destination that has lost what it had: nobody else gets anything a second time. The object goes
through the same conditions and the same steps in front; what comes behind the last promise is left out, so that it
cannot fail. A route that never leads there discards.
"""

from dataclasses import replace

from engine.graph import sinks
from engine.program import Call, Case, Chain, Choose, Program, Route, calls
from engine.signature import Argument
from engine.step import HOLD

NOT_THERE = Call(
    "discard", {"why": Argument("text", "it was replayed to one destination, and this route leads to others")}
)


def narrowed(program: Program, destination: str) -> Program:
    """The same rules with this destination alone."""
    return replace(program, routes=tuple(_route(route, destination) for route in program.routes), chores=())


def leads_to(chain: Chain, destination: str) -> bool:
    """Whether one of its steps promises to this outbox."""
    return any(destination in sinks(call) for call in calls(chain))


def _route(route: Route, destination: str) -> Route:
    failure = route.failure
    if failure is not None:
        # Where it does not lead there, the hold: what has failed must be seen.
        failure = _chain(failure, destination) if leads_to(failure, destination) else None
    return replace(route, chain=_chain(route.chain, destination), failure=failure)


def _chain(chain: Chain, destination: str, goes_on: bool = False) -> Chain:
    """The chain without other promises; goes_on: the destination gets something behind its end as well."""
    leading = [number for number, node in enumerate(chain, 1) if leads_to((node,), destination)]
    if not leading and not goes_on:
        return (NOT_THERE,)
    end = len(chain) if goes_on else leading[-1]
    kept: list[Call | Choose] = []
    for number, node in enumerate(chain[:end], 1):
        if isinstance(node, Choose):
            behind = goes_on or number < end
            cases = tuple(Case(case.where, _chain(case.chain, destination, behind)) for case in node.cases)
            kept.append(Choose(cases, _chain(node.otherwise or (), destination, behind)))
        elif destination in sinks(node):
            kept.append(Call(node.step, {**node.arguments, "destinations": Argument("word", destination)}))
        elif not sinks(node) or sinks(node) == (HOLD,):
            kept.append(node)
    return tuple(kept)
