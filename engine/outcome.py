"""What the rules have decided of one object: promises, the passage along each route, the outcome of all of them.

Pure data, and how promises hang together. It must not know how a decision comes about, nor who keeps a promise.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from engine.condition import Reason
from engine.object import Object
from engine.program import Route
from engine.step import HOLD


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
    went: it has really been taken along, not dropped or held as a duplicate.
    """

    route: Route
    taken: bool
    deliveries: tuple[Delivery, ...] = ()
    dropped: str | None = None
    failed: str | None = None
    reason: Reason | None = None
    went: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the object: every route in file order, and the hold where nothing else takes it.

    duplicate: the object that it repeats, where it is dropped for that.
    """

    passages: tuple[Passage, ...]
    deliveries: tuple[Delivery, ...]
    duplicate: str = ""

    @property
    def discarded(self) -> str | None:
        """Why the object ends here, if nobody gets it and a rule discarded it: the route and its words.

        A report of it may be promised all the same: by that nobody has the object.
        """
        dropped = self._dropped
        return None if self._is_kept or dropped is None else f"{dropped.route.name}: {dropped.dropped}"

    @property
    def discarded_by(self) -> str:
        """Where the route stands that discards it: file and line; empty where none does."""
        return "" if self._is_kept or self._dropped is None else self._dropped.route.written

    @property
    def _is_kept(self) -> bool:
        return any(not delivery.reports for delivery in self.deliveries)

    @property
    def _dropped(self) -> Passage | None:
        return next((passage for passage in self.passages if passage.dropped is not None), None)

    @property
    def taken(self) -> tuple[str, ...]:
        """The routes that have taken it along."""
        return tuple(p.route.name for p in self.passages if p.taken and p.went)


@dataclass(frozen=True, slots=True)
class Collected:
    """An object of a study that is complete: as it stands behind `collect`, and as it was received.

    earlier: the deliveries in front, as far as a report behind wants to tell of them; kept: whether there are any.
    why: what had failed, where the chain is a failure chain. policy: what is done where it is stored and known.
    complete: why the study goes on, as facts for a report.
    """

    obj: Object
    received: Object
    earlier: tuple[str, ...] = ()
    kept: bool = False
    why: str = ""
    policy: str = ""
    complete: Mapping[str, str] = field(default_factory=dict)


def linked(deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """The same, each told which outboxes want to hear of its outcome, and which deliveries wait for it."""
    listeners: dict[str, dict[str, None]] = {}
    opens: dict[str, list[tuple[str, str]]] = {}
    for delivery in deliveries:
        for awaited in delivery.awaits:
            listeners.setdefault(awaited, {})[delivery.outbox] = None
        for awaited in delivery.gates:
            opens.setdefault(awaited, []).append((delivery.outbox, delivery.id))
    told: list[Delivery] = []
    for one in deliveries:
        reports_to, opened = tuple(listeners.get(one.id, ())), tuple(opens.get(one.id, ()))
        same = (one.reports_to, one.opens) == (reports_to, opened)
        told.append(one if same else replace(one, reports_to=reports_to, opens=opened))
    return tuple(told)


def with_hold(deliveries: Sequence[Delivery], hold: Delivery) -> tuple[Delivery, ...]:
    """The deliveries and the hold, of which every report among them tells that has nothing else to tell."""
    told = [replace(d, awaits=(hold.id,)) if d.reports and not d.awaits else d for d in deliveries]
    return linked([*told, hold])


def held(obj: Object, route: str, why: str, about: Mapping[str, str] = MappingProxyType({})) -> Delivery:
    """The promise that nothing is lost: into the hold, with the reason, and facts about it."""
    note = {**about, "why": why}
    return Delivery(delivery_id(obj.id, route, "hold", HOLD), HOLD, obj, route, "hold", note=note)


def delivery_id(obj: str, route: str, position: str, outbox: str) -> str:
    """Object id first, so that entries sort by arrival; then a digest of where in the program it was promised."""
    digest = hashlib.blake2b("\0".join((obj, route, position, outbox)).encode(), digest_size=6).hexdigest()
    return f"{obj}-{digest}"
