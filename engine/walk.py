"""One walk along a chain: what it changes, promises and decides for one object. A part of engine.run, as pure as it."""

from collections.abc import Mapping
from types import MappingProxyType

from engine.condition import holds
from engine.errors import Later, Never
from engine.object import Object
from engine.outcome import Delivery, delivery_id, linked
from engine.plan import Plan
from engine.program import Call, Chain, Choose, Route
from engine.step import GATHERING, HOLD, Deliver, Drop, Gather, Hold, Wait, Workbench
from engine.view import ObjectView

_STORING = (".store", GATHERING)
"""Outboxes whose entries are, or will be, stored."""


class Walk:
    """One walk along a chain: what it has promised so far, and whether it has ended.

    why: why a failure chain is walked. earlier: what the chain has promised in front of a `collect`, for its reports;
    kept: whether that was anything.
    through: pass each `collect` as if nothing more were to come, for tests and explanations.
    policy: what the archive is to do where it has other bytes of this object. complete: why what was collected goes on.
    about: facts on what has failed, for whoever finds it in the hold.
    """

    def __init__(
        self,
        plan: Plan,
        route: Route,
        bench: Workbench,
        why: str = "",
        *,
        earlier: tuple[str, ...] = (),
        kept: bool = False,
        through: bool = False,
        policy: str = "",
        complete: Mapping[str, str] = MappingProxyType({}),
        about: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.plan, self.route, self.bench, self.why = plan, route, bench, why
        self.earlier, self.kept, self.through, self.policy = earlier, kept, through, policy
        self.complete, self.about = complete, about
        self.collected = ""
        self.opened = 0
        """The first promise that an `await` waits for: none in front of a `collect`."""
        self.deliveries: list[Delivery] = []
        self.gates: tuple[str, ...] = ()
        self.dropped: str | None = None
        self.failed: str | None = None

    def chain(self, chain: Chain, obj: Object, at: str, after: int = 0) -> Object | None:
        """Take the object along, from behind the node `after`; None when it ends here, or fails, or is collected."""
        for number, node in enumerate(chain[after:], after + 1):
            position = f"{at}.{number}".lstrip(".")
            answer = self._choose(node, obj, position) if isinstance(node, Choose) else self._step(node, obj, position)
            if answer is None:
                return None
            obj = answer
        return obj

    def behind(self, position: str, obj: Object) -> None:
        """Go on behind a step, of the route or of its failure chain."""
        failure = position.startswith("f")
        path = [int(number) for number in position.removeprefix("f.").split(".")]
        chain = (self.route.failure or ()) if failure else self.route.chain
        self._behind(chain, obj, "f" if failure else "", path)

    def _behind(self, chain: Chain, obj: Object, at: str, path: list[int]) -> Object | None:
        number, *inside = path
        node = chain[number - 1]
        if inside and isinstance(node, Choose):
            case, *deeper = inside
            branch = node.cases[case - 1].chain if case else node.otherwise or ()
            passed = self._behind(branch, obj, f"{at}.{number}.{case}".lstrip("."), deeper)
            if passed is None:
                return None
            obj = passed
        return self.chain(chain, obj, at, number)

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
            case Hold(why, about):
                self.failed, self.about = why, about
                return None
            case Drop(why):
                self.dropped = why
                return None
            case Deliver():
                self._promise(answer, position)
                return obj
            case Wait():
                # Nothing waits for a person: what is held by a rule goes through the rules again, when it is released.
                waited_for = self.deliveries[self.opened :]
                self.gates = tuple(d.id for d in waited_for if not d.reports and d.outbox != HOLD)
                return obj
            case Gather() if self.through:
                self.collected = " and its ".join(part for part in (self.collected, answer.words) if part)
                self.gates, self.opened = (), len(self.deliveries)
                return obj
            case Gather(unit, uid, quiet, _, more):
                earlier = (*self.earlier, *self._so_far())
                kept = "yes" if earlier or self.kept else ""
                note = {"uid": uid, "quiet": f"{quiet:g}", "kept": kept, **more}
                self._promise(Deliver(obj, (f"{unit}{GATHERING}",), (), note), position, earlier)
                return None
            case _:
                return answer

    def _promise(self, answer: Deliver, position: str, earlier: tuple[str, ...] = ()) -> None:
        awaits = (*self.earlier, *self._so_far()) if answer.reports else ()
        if earlier and self.route.name in self.plan.telling:
            awaits = earlier
        note = {**answer.note, **(self.complete if answer.reports else {})}
        if self.collected:
            note["collected"] = self.collected
        if self.why:
            note["why"] = note.get("why") or self.why
            note["failure"] = self.why
        for outbox in dict.fromkeys(answer.to):
            number = delivery_id(answer.obj.id, self.route.name, position, outbox)
            self.deliveries.append(
                Delivery(
                    number,
                    outbox,
                    answer.obj,
                    self.route.name,
                    position,
                    answer.place,
                    self._noted(note, outbox),
                    awaits,
                    (),
                    answer.reports,
                    () if outbox == HOLD else self.gates,
                )
            )

    def _noted(self, note: Mapping[str, str], outbox: str) -> Mapping[str, str]:
        if outbox == HOLD:
            return {**self.about, **note}
        return {**note, "duplicate": self.policy} if self.policy and outbox.endswith(_STORING) else note

    def _so_far(self) -> tuple[str, ...]:
        return tuple(delivery.id for delivery in self.deliveries if not delivery.reports)

    def promised(self) -> tuple[Delivery, ...]:
        """The promises, each told which outboxes want to hear of its outcome."""
        return linked(self.deliveries)
