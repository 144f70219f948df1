"""What does a route cost? One object against 1, 100 and 1,000 routes, with the index and by asking each."""

import time
from collections.abc import Callable

from engine.condition import All, holds
from engine.object import Object
from engine.plan import prepare
from engine.program import Program, Route
from engine.run import run
from engine.view import ObjectView
from tests.benchmarks.__main__ import say
from tests.data.make import FakeBench, equals, obj, program, route, store


def main() -> None:
    """Print microseconds an object, the lower of five rounds, and how much more than with one route that is."""
    base: dict[str, float] = {}
    for count in (1, 100, 1000):
        some = program(*(_route(number) for number in range(count)))
        for name, work in (("route, indexed", _indexed(some)), ("ask every route", _linear(some))):
            micro = _microseconds(work)
            first = base.setdefault(name, micro)
            say(f"{count:5} routes, {name:16} {micro:9.1f} µs an object, {micro / first:7.2f} times one route")


def _route(number: int) -> Route:
    where = All((equals("Modality", "US"), equals("InstitutionName", f"Praxis {number}")))
    return route(f"r{number}", store(), where=where)


def _indexed(some: Program) -> Callable[[], object]:
    plan, bench = prepare(some), FakeBench(some)
    return lambda: run(plan, _object(), bench)


def _linear(some: Program) -> Callable[[], object]:
    """Only the matching, without what then becomes of the object: a lower bound of what it would cost."""

    def ask() -> list[Route]:
        view = ObjectView(_object())
        return [one for one in some.routes if one.where is None or holds(one.where, view)]

    return ask


def _object() -> Object:
    return obj({"Modality": "US", "InstitutionName": "Praxis 0", "PatientID": "4711", "SOPInstanceUID": "1.2.3"})


def _microseconds(work: Callable[[], object], seconds: float = 0.2) -> float:
    rounds = []
    for _ in range(5):
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            work()
            done += 1
        rounds.append((time.perf_counter() - start) / done)
    return min(rounds) * 1e6
