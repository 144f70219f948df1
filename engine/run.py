"""The heart: what becomes of one object under one program. Read this first.

    run(plan, object, bench) → Outcome

A function of its arguments: it opens no socket, changes no folder and reads no clock. Rule tests, dry runs and the
console's "what would happen to this file?" call the same function as the appliance does, with another bench.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.condition import Condition, Reason, explain, holds
from engine.errors import Later, Never
from engine.index import Index, asks_unmatched, by_source
from engine.object import Object
from engine.program import Call, Chain, Choose, Program, Route
from engine.step import HOLD, Deliver, Drop, Hold, Step, Wait, Workbench
from engine.steps import STEPS
from engine.view import ObjectView


@dataclass(frozen=True, slots=True)
class Delivery:
    """A promise: this object, as it stood at that point of its route, to this outbox.

    The id follows from object, route, position and outbox, so promising twice is promising once. `awaits` are the
    deliveries whose outcome this one reports; `reports_to` the outboxes that want to hear of this one's. `gates`: the
    deliveries that must have been delivered before this one may go (`await`); `opens` are those that wait so for this
    one, each with its outbox. `reports`: it only tells of the object (mail), nobody has the object by it.
    """

    id: str
    outbox: str
    obj: Object
    route: str
    position: str
    place: tuple[str, ...] = ()
    note: Mapping[str, str] = field(default_factory=dict)
    awaits: tuple[str, ...] = ()
    reports_to: tuple[str, ...] = ()
    reports: bool = False
    gates: tuple[str, ...] = ()
    opens: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Passage:
    """How one route dealt with the object. `reason` is asked for by explanations only.

    Not taken, but failed: the object has a value that cannot be read, so that the condition has no answer.
    """

    route: Route
    taken: bool
    deliveries: tuple[Delivery, ...] = ()
    dropped: str | None = None
    failed: str | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the object: every route in file order, and the hold where nothing else takes it."""

    passages: tuple[Passage, ...]
    deliveries: tuple[Delivery, ...]

    @property
    def discarded(self) -> str | None:
        """Why the object ends here, if nothing was promised and a rule discarded it: the route and its words."""
        dropped = next((p for p in self.passages if p.dropped is not None), None)
        if self.deliveries or dropped is None:
            return None
        return f"{dropped.route.name}: {dropped.dropped}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A program made ready to run: each step with its arguments read, each source with its routes."""

    program: Program
    steps: Mapping[int, Step]
    """By identity of the Call, which the program keeps alive."""
    indexes: Mapping[str, Index]
    """By source."""
    catch_alls: frozenset[str]
    """The routes that take what no other takes."""
    untaken: Mapping[str, Passage]
    """For each route, that it does not take the object."""


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

    for route in program.routes:
        visit(route.chain)
        visit(route.failure or ())
    return Plan(
        program,
        steps,
        by_source(program.routes),
        frozenset(route.name for route in program.routes if asks_unmatched(route.where)),
        {route.name: Passage(route, False) for route in program.routes},
    )


def run(plan: Plan, obj: Object, bench: Workbench, *, with_reasons: bool = False) -> Outcome:
    """Take the object through every route that matches it. All promises of a route are made, or none."""
    listener = plan.program.listener_at(obj.origin.kind, obj.origin.port)
    index = plan.indexes.get(listener.name) if listener else None
    view = ObjectView(obj)
    candidates = index.candidates(view) if index else []
    taken: set[str] = set()
    unread: dict[str, str] = {}
    for wants_unmatched in (False, True):
        # What cannot be decided counts as a match here: a catch-all must not take what another route may be for.
        view = ObjectView(obj, bool(taken or unread))
        for route in candidates:
            if (route.name in plan.catch_alls) is wants_unmatched:
                try:
                    if route.where is None or holds(route.where, view):
                        taken.add(route.name)
                except Never as refusal:
                    unread[route.name] = refusal.reason
    passages = dict(plan.untaken)
    for route in candidates:
        if route.name in taken:
            passages[route.name] = _pass(plan, route, obj, bench)
        elif route.name in unread:
            passages[route.name] = Passage(route, False, failed=unread[route.name])
    if with_reasons:
        passages = {name: replace(p, reason=_reason(p.route.where, view)) for name, p in passages.items()}
    return _outcome(tuple(passages.values()), obj, bool(taken), next(iter(unread.values()), None))


def _outcome(passages: tuple[Passage, ...], obj: Object, matched: bool, unread: str | None) -> Outcome:
    """The promises of all passages, and the hold where nothing else has the object."""
    deliveries = tuple(delivery for passage in passages for delivery in passage.deliveries)
    dropped = any(passage.dropped is not None for passage in passages)
    if unread is not None:
        deliveries = _with_hold(deliveries, held(obj, "", unread))
    elif not dropped and all(delivery.reports for delivery in deliveries):
        why = "no case of its route takes it" if matched else "no route takes it"
        if deliveries:
            why = "its routes report it, but send and store it nowhere"
        deliveries = _with_hold(deliveries, held(obj, "", why))
    return Outcome(passages, deliveries)


def fail(plan: Plan, route_name: str, received: Object, why: str, bench: Workbench) -> tuple[Delivery, ...] | None:
    """What a route's written `on failure` promises for the object as received; None where it has none.

    Nothing (an empty tuple) where it discards the object.
    """
    route = plan.program.route(route_name)
    if route is None or route.failure is None:
        return None
    return _failure(plan, route, received, why, bench).deliveries


def _pass(plan: Plan, route: Route, obj: Object, bench: Workbench) -> Passage:
    walk = _Walk(plan, route, bench)
    walk.chain(route.chain, obj, "")
    if walk.failed is not None:
        return _failure(plan, route, obj, walk.failed, bench)
    return Passage(route, True, walk.promised(), dropped=walk.dropped)


def _failure(plan: Plan, route: Route, received: Object, why: str, bench: Workbench) -> Passage:
    """The written `on failure`, if it can be completed; the hold where it keeps the object nowhere (only mails)."""
    walk = _Walk(plan, route, bench, why)
    walk.chain(route.failure or (), received, "f")
    deliveries = walk.promised() if walk.failed is None else ()
    if walk.failed is not None or (walk.dropped is None and all(delivery.reports for delivery in deliveries)):
        return Passage(route, True, _with_hold(deliveries, held(received, route.name, why)), failed=why)
    return Passage(route, True, deliveries, walk.dropped, why)


class _Walk:
    """One walk along a chain: what it has promised so far, and whether it has ended."""

    def __init__(self, plan: Plan, route: Route, bench: Workbench, why: str = "") -> None:
        self.plan, self.route, self.bench, self.why = plan, route, bench, why
        self.deliveries: list[Delivery] = []
        self.gates: tuple[str, ...] = ()
        self.dropped: str | None = None
        self.failed: str | None = None

    def chain(self, chain: Chain, obj: Object, at: str) -> Object | None:
        """Take the object along; None when it ends here, by `discard` or by failure."""
        for number, node in enumerate(chain, 1):
            position = f"{at}.{number}".lstrip(".")
            answer = self._choose(node, obj, position) if isinstance(node, Choose) else self._step(node, obj, position)
            if answer is None:
                return None
            obj = answer
        return obj

    def _choose(self, node: Choose, obj: Object, position: str) -> Object | None:
        view = ObjectView(obj)
        for number, case in enumerate(node.cases, 1):
            try:
                fits = holds(case.where, view)
            except Never as refusal:
                self.failed = refusal.reason
                return None
            if fits:
                return self.chain(case.chain, obj, f"{position}.{number}")
        return self.chain(node.otherwise or (), obj, f"{position}.0")

    def _step(self, call: Call, obj: Object, position: str) -> Object | None:
        try:
            answer = self.plan.steps[id(call)].apply(obj, self.bench)
            if isinstance(answer, Deliver) and answer.obj.changes:
                # A value that the object cannot hold is this route's failure, so it must show before any promise.
                answer.obj.header.check()
        except (OSError, MemoryError, Later):
            # The machine's trouble, not the object's: the whole object is tried again, nothing was promised yet.
            raise
        except Never as refusal:
            self.failed = refusal.reason
            return None
        except Exception as error:
            # A mistake in a step holds this object; the text of the exception may quote its values, so only its
            # type is told.
            self.failed = f"the step {call.step} broke ({type(error).__name__}); this is a fault of the software"
            return None
        match answer:
            case Hold(why):
                self.failed = why
                return None
            case Drop(why):
                self.dropped = why
                return None
            case Deliver():
                self._promise(answer, position)
                return obj
            case Wait():
                # Nothing waits for a person: what is held by a rule goes through the rules again, when it is released.
                held = {delivery.id for delivery in self.deliveries if delivery.outbox == HOLD}
                self.gates = tuple(number for number in self._so_far() if number not in held)
                return obj
            case _:
                return answer

    def _promise(self, answer: Deliver, position: str) -> None:
        awaits = self._so_far() if answer.reports else ()
        note = dict(answer.note)
        if self.why:
            note["why"] = note.get("why") or self.why
            note["failure"] = self.why
        for outbox in dict.fromkeys(answer.to):
            number = _delivery_id(answer.obj.id, self.route.name, position, outbox)
            self.deliveries.append(
                Delivery(
                    number,
                    outbox,
                    answer.obj,
                    self.route.name,
                    position,
                    answer.place,
                    note,
                    awaits,
                    (),
                    answer.reports,
                    () if outbox == HOLD else self.gates,
                )
            )

    def _so_far(self) -> tuple[str, ...]:
        return tuple(delivery.id for delivery in self.deliveries if not delivery.reports)

    def promised(self) -> tuple[Delivery, ...]:
        """The promises, each told which outboxes want to hear of its outcome."""
        return _linked(self.deliveries)


def _linked(deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """The same, each told which outboxes want to hear of its outcome, and which deliveries wait for it."""
    listeners: dict[str, dict[str, None]] = {}
    opens: dict[str, list[tuple[str, str]]] = {}
    for delivery in deliveries:
        for awaited in delivery.awaits:
            listeners.setdefault(awaited, {})[delivery.outbox] = None
        for awaited in delivery.gates:
            opens.setdefault(awaited, []).append((delivery.outbox, delivery.id))
    return tuple(
        replace(d, reports_to=tuple(listeners.get(d.id, ())), opens=tuple(opens.get(d.id, ()))) for d in deliveries
    )


def _with_hold(deliveries: Sequence[Delivery], hold: Delivery) -> tuple[Delivery, ...]:
    """The deliveries and the hold, of which every report among them tells that has nothing else to tell."""
    told = [replace(d, awaits=(hold.id,)) if d.reports and not d.awaits else d for d in deliveries]
    return _linked([*told, hold])


def _reason(where: Condition | None, view: ObjectView) -> Reason | None:
    """Why the condition holds or not; None where there is none, or where it asks for what cannot be read."""
    try:
        return None if where is None else explain(where, view)
    except Never:
        return None


def held(obj: Object, route: str, why: str) -> Delivery:
    """The promise that nothing is lost: into the hold, with the reason."""
    return Delivery(_delivery_id(obj.id, route, "hold", HOLD), HOLD, obj, route, "hold", note={"why": why})


def _delivery_id(obj: str, route: str, position: str, outbox: str) -> str:
    """Object id first, so that entries sort by arrival; then a digest of where in the program it was promised."""
    digest = hashlib.blake2b("\0".join((obj, route, position, outbox)).encode(), digest_size=6).hexdigest()
    return f"{obj}-{digest}"
