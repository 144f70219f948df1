"""The heart: what becomes of one object under one program. Read this first.

    run(plan, object, bench) → Outcome

A function of its arguments: it opens no socket, changes no folder and reads no clock. Rule tests, dry runs and the
console's "what would happen to this file?" call the same function as the appliance does, with another bench.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from engine.condition import Condition, Reason, explain, holds
from engine.duplicates import NEW, Seen, held_because, stored, verdict
from engine.errors import Never
from engine.object import Object
from engine.outcome import Collected, Delivery, Outcome, Passage, held, linked, with_hold
from engine.plan import Plan
from engine.program import Route
from engine.step import Workbench
from engine.view import ObjectView
from engine.walk import Walk


def run(
    plan: Plan,
    obj: Object,
    bench: Workbench,
    *,
    with_reasons: bool = False,
    through: bool = False,
    seen: Seen = NEW,
) -> Outcome:
    """Take the object through every route that matches it. All promises of a route are made, or none.

    through: pass each `collect` as if nothing more of the study were to come, for tests and explanations.
    seen: what is known of earlier arrivals of the same object.
    """
    if obj.origin.flaw:
        return Outcome(tuple(plan.untaken.values()), (held(obj, "", obj.origin.flaw),))
    listener = plan.listener(obj.origin)
    index = plan.indexes.get(listener.name) if listener else None
    view = ObjectView(obj)
    candidates = index.candidates(view) if index else []
    unwritten = plan.unwritten_for(obj.origin)
    if unwritten is not None:
        candidates = [unwritten]
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
            passages[route.name] = _pass(plan, route, obj, bench, through, seen)
        elif route.name in unread:
            passages[route.name] = Passage(route, False, failed=unread[route.name])
    if with_reasons:
        passages = {name: replace(p, reason=_reason(p.route.where, view)) for name, p in passages.items()}
    return _outcome(tuple(passages.values()), obj, bool(taken), next(iter(unread.values()), None), seen)


def _outcome(passages: tuple[Passage, ...], obj: Object, matched: bool, unread: str | None, seen: Seen) -> Outcome:
    """The promises of all passages, and the hold where nothing else has the object."""
    repeats = [passage for passage in passages if passage.taken and not passage.went]
    if seen.same and not seen.asked and len(repeats) == sum(passage.taken for passage in passages):
        # Every route drops it; or none took the first, and that is held for it.
        return Outcome(passages, (), seen.same)
    deliveries = tuple(delivery for passage in passages for delivery in passage.deliveries)
    dropped = any(passage.dropped is not None or not passage.went for passage in passages)
    if any(passage.failed is not None for passage in repeats):
        deliveries = with_hold(deliveries, held(obj, "", held_because(seen)))
    if unread is not None:
        deliveries = with_hold(deliveries, held(obj, "", unread))
    elif not dropped and all(delivery.reports for delivery in deliveries):
        why = "no case of its route takes it" if matched else "no route takes it"
        if deliveries:
            why = "its routes report it, but send and store it nowhere"
        deliveries = with_hold(deliveries, held(obj, "", why))
    return Outcome(passages, deliveries)


def fail(plan: Plan, route_name: str, received: Object, why: str, bench: Workbench) -> tuple[Delivery, ...] | None:
    """What a route's written `on failure` promises for the object as received; None where it has none.

    Nothing (an empty tuple) where it discards the object.
    """
    route = plan.program.route(route_name)
    if route is None or route.failure is None:
        return None
    return _failure(plan, route, received, why, bench).deliveries


def resume(
    plan: Plan, route_name: str, position: str, study: Sequence[Collected], bench: Workbench
) -> tuple[Outcome, ...]:
    """What becomes of each object of a study behind a `collect`: all of them go on, or none does."""
    route = plan.program.route(route_name)
    if route is None:
        return tuple(_instead(one, "", "the rules that collected it are gone") for one in study)
    walks = [
        Walk(
            *(plan, route, bench, one.why),
            earlier=one.earlier,
            kept=one.kept,
            policy=one.policy,
            complete=one.complete,
        )
        for one in study
    ]
    for walk, one in zip(walks, study, strict=True):
        walk.behind(position, one.obj)
    broken = next((walk.failed for walk in walks if walk.failed is not None), None)
    if broken is None:
        return tuple(_gone_on(walk, one) for walk, one in zip(walks, study, strict=True))
    outcomes = []
    for walk, one in zip(walks, study, strict=True):
        why = walk.failed or f"it goes on with all that was collected with it, or not at all, and of that: {broken}"
        if position.startswith("f"):
            outcomes.append(_instead(one, route.name, why))
        else:
            passage = _failure(plan, route, one.received, why, bench, walk.about)
            outcomes.append(Outcome((passage,), passage.deliveries))
    return tuple(outcomes)


def _gone_on(walk: Walk, one: Collected) -> Outcome:
    deliveries = walk.promised()
    if walk.dropped is None and not one.kept and all(delivery.reports for delivery in deliveries):
        why = "its routes report it, but send and store it nowhere" if deliveries else "no case of its route takes it"
        deliveries = with_hold(deliveries, held(one.received, walk.route.name, why))
    return Outcome((Passage(walk.route, True, deliveries, walk.dropped),), deliveries)


def _instead(one: Collected, route: str, why: str) -> Outcome:
    return Outcome((), (held(one.received, route, why),))


def _pass(plan: Plan, route: Route, obj: Object, bench: Workbench, through: bool, seen: Seen) -> Passage:
    found = verdict(route, seen)
    match found.what:
        case "drop":
            return Passage(route, True, went=False)
        case "discard":
            return Passage(route, True, dropped=found.why, went=False)
        case "hold":
            return Passage(route, True, failed=found.why, went=False)
    walk = Walk(plan, route, bench, through=through, policy=found.policy)
    walk.chain(route.chain, replace(obj, received=obj.header), "")
    if walk.failed is not None:
        failed = _failure(plan, route, obj, walk.failed, bench, walk.about)
        # What stands in front of a collect has gone by the time that the rest fails.
        return replace(failed, deliveries=(*linked(walk.deliveries[: walk.opened]), *failed.deliveries))
    return Passage(route, True, walk.promised(), dropped=walk.dropped)


def _failure(
    plan: Plan,
    route: Route,
    received: Object,
    why: str,
    bench: Workbench,
    about: Mapping[str, str] = MappingProxyType({}),
) -> Passage:
    """The written `on failure`, if it can be completed; the hold where it keeps the object nowhere (only mails)."""
    walk = Walk(plan, route, bench, why, policy=stored(route), about=about)
    walk.chain(route.failure or (), replace(received, received=received.header), "f")
    deliveries = walk.promised() if walk.failed is None else ()
    if walk.failed is not None or (walk.dropped is None and all(delivery.reports for delivery in deliveries)):
        return Passage(route, True, with_hold(deliveries, held(received, route.name, why, about)), failed=why)
    return Passage(route, True, deliveries, walk.dropped, why)


def _reason(where: Condition | None, view: ObjectView) -> Reason | None:
    """Why the condition holds or not; None where there is none, or where it asks for what cannot be read."""
    try:
        return None if where is None else explain(where, view)
    except Never:
        return None
