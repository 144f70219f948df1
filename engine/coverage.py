"""What of the rules the tests have reached: routes taken, cases taken, and each clause true once and false once.

It follows an object a second time, with the answers that the steps gave the first time; so the run itself stays as it
is, and pays nothing for being watched. Failure chains are followed, but not asked for: few tests can make them happen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine.condition import All, Any, Condition, Named, Not, View, describe, holds
from engine.errors import Never
from engine.object import Object
from engine.outcome import Outcome, Passage
from engine.plan import Plan
from engine.program import Call, Chain, Choose
from engine.step import Answer, Deliver, Drop, Gather, Hold, Wait
from engine.view import ObjectView


@dataclass(slots=True)
class Footsteps:
    """The steps that were really done: those of a chain that failed are not among them."""

    done: list[Call] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gap:
    """What no test has tried.

    kind: route (never taken), case (never taken), otherwise (never taken), true or false (the clause never was).
    """

    kind: str
    route: str
    written: str
    text: str


class Coverage:
    """Grows with each object that is followed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._points: dict[tuple[str, str, str], Gap] = {}
        self._reached: set[tuple[str, str, str]] = set()
        for route in plan.program.routes:
            self._point("route", route.name, "", route.written, route.name)
            if route.where is not None:
                self._clauses(route.name, route.written, route.where, "where")
            self._cases(route.name, route.written, route.chain, "")

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What was not reached, in the order of the rules; of a route never taken, nothing but that."""
        untaken = {route for kind, route, _ in self._points.keys() - self._reached if kind == "route"}
        return tuple(
            gap
            for key, gap in self._points.items()
            if key not in self._reached and (gap.kind == "route" or gap.route not in untaken)
        )

    @property
    def reached(self) -> int:
        """How many of the points were reached."""
        return len(self._reached)

    @property
    def points(self) -> int:
        """How many there are."""
        return len(self._points)

    def follow(self, outcome: Outcome, obj: Object, answers: Mapping[int, list[Answer]]) -> Footsteps:
        """Follow one object through the routes of its listener. answers: of each step, by identity of its Call."""
        followed = _Follower(self, {call: list(given) for call, given in answers.items()})
        listener = self.plan.listener(obj.origin)
        taken = {passage.route.name for passage in outcome.passages if passage.taken}
        for passage in outcome.passages:
            route = passage.route
            if route is self.plan.unwritten_for(obj.origin):
                followed.passage(passage, obj)
            if listener is None or route.source != listener.name:
                continue
            if route.where is not None:
                self._meet(route.name, route.where, ObjectView(obj, bool(taken - {route.name})), "where")
            if passage.taken:
                self._reached.add(("route", route.name, ""))
                followed.passage(passage, obj)
        return followed.footsteps

    # --- the points

    def _point(self, kind: str, route: str, place: str, written: str, text: str) -> None:
        self._points.setdefault((kind, route, place), Gap(kind, route, written, text))

    def _clauses(self, route: str, written: str, where: Condition, place: str) -> None:
        for spot, clause in leaves(where, place):
            for kind in ("true", "false"):
                self._point(kind, route, spot, written, describe(clause))

    def _cases(self, route: str, written: str, chain: Chain, at: str) -> None:
        for number, node in enumerate(chain, 1):
            if isinstance(node, Call):
                continue
            for place, case in enumerate(node.cases, 1):
                spot = f"{at}.{number}.{place}"
                self._point("case", route, spot, written, f"when {describe(case.where)}")
                self._clauses(route, written, case.where, spot)
                self._cases(route, written, case.chain, spot)
            spot = f"{at}.{number}.0"
            self._point(
                "otherwise", route, spot, written, f"none of: {'; '.join(describe(c.where) for c in node.cases)}"
            )
            self._cases(route, written, node.otherwise or (), spot)

    def met_case(self, route: str, kind: str, spot: str) -> None:
        """A case, or `otherwise`, was taken."""
        self._reach((kind, route, spot))

    def meet(self, route: str, where: Condition, view: View, place: str) -> None:
        """A condition was asked."""
        self._meet(route, where, view, place)

    def _meet(self, route: str, where: Condition, view: View, place: str) -> None:
        for spot, clause in leaves(where, place):
            try:
                self._reach(("true" if holds(clause, view) else "false", route, spot))
            except Never:
                continue

    def _reach(self, key: tuple[str, str, str]) -> None:
        if key in self._points:
            self._reached.add(key)


def leaves(condition: Condition, place: str) -> Iterator[tuple[str, Condition]]:
    """Every clause with its place: what `and`, `or`, `not (…)` and names are made of."""
    match condition:
        case All(terms) | Any(terms):
            for number, term in enumerate(terms, 1):
                yield from leaves(term, f"{place}/{number}")
        case Not(term) if isinstance(term, All | Any | Named | Not):
            yield from leaves(term, f"{place}/n")
        case Named(_, term):
            yield from leaves(term, f"{place}/c")
        case _:
            yield place, condition


class _Follower:
    def __init__(self, coverage: Coverage, answers: dict[int, list[Answer]]) -> None:
        self.coverage = coverage
        self.answers = answers
        self.footsteps = Footsteps()
        self.failed = False
        self.done: list[Call] = []

    def passage(self, passage: Passage, obj: Object) -> None:
        """One route that took the object: its chain, then, where that failed, what is written for it."""
        route = passage.route
        self._chain(route.name, route.chain, obj, "")
        if passage.failed is not None:
            self.failed, self.done = False, []
            self._chain("", route.failure or (), obj, "")
        if not self.failed:
            self.footsteps.done += self.done
        self.failed, self.done = False, []

    def _chain(self, route: str, chain: Chain, obj: Object, at: str) -> Object | None:
        for number, node in enumerate(chain, 1):
            spot = f"{at}.{number}"
            after = self._choose(route, node, obj, spot) if isinstance(node, Choose) else self._step(node, obj)
            if after is None:
                return None
            obj = after
        return obj

    def _choose(self, route: str, node: Choose, obj: Object, at: str) -> Object | None:
        view = ObjectView(obj)
        for number, case in enumerate(node.cases, 1):
            spot = f"{at}.{number}"
            self.coverage.meet(route, case.where, view, spot)
            try:
                fits = holds(case.where, view)
            except Never:
                self.failed = True
                return None
            if fits:
                self.coverage.met_case(route, "case", spot)
                return self._chain(route, case.chain, obj, spot)
        self.coverage.met_case(route, "otherwise", f"{at}.0")
        return self._chain(route, node.otherwise or (), obj, f"{at}.0")

    def _step(self, call: Call, obj: Object) -> Object | None:
        given = self.answers.get(id(call))
        answer = given.pop(0) if given else None  # no answer: it broke
        if answer is None or isinstance(answer, Hold):
            self.failed = True
            return None
        self.done.append(call)
        if isinstance(answer, Gather):
            # What stands in front of a collect is done, whatever becomes of the rest.
            self.footsteps.done += self.done
            self.done = []
        if isinstance(answer, Drop):
            return None
        return obj if isinstance(answer, Deliver | Wait | Gather) else answer
