"""What rules would do with an object, in words. Pure. The words may hold values of the object: for its admin's eyes."""

from engine.outcome import Delivery, Outcome
from engine.step import MAIL, NOTICE


def effect(delivery: Delivery, *, places: bool = True) -> str:
    """One promise, to follow `would`. places: with the folders of an archive, which are called after patients."""
    changed = f", with {', '.join(delivery.obj.changes)} changed" if delivery.obj.changes else ""
    cleared = f", {' and '.join(sorted(delivery.obj.cleared))} cleared" if delivery.obj.cleared else ""
    if delivery.obj.cleaning is not None and delivery.obj.cleaning.brief:
        cleared += f" ({delivery.obj.cleaning.brief})"
    complete = delivery.note.get("collected", "")
    collected = f", once its {complete}" if complete else ""
    gated = ", once all before it is delivered" if delivery.gates else ""
    return _effect(delivery, cleared, changed, places) + collected + gated


def _effect(delivery: Delivery, cleared: str, changed: str, places: bool) -> str:
    if delivery.outbox.endswith(".store"):
        place = f"/{'/'.join(delivery.place)}" if places else ""
        return f"store in {delivery.outbox.removesuffix('.store')}{place}{cleared}{changed}"
    if delivery.outbox.endswith(MAIL):
        return f"mail {delivery.outbox.removesuffix(MAIL)}"
    if delivery.outbox.endswith(NOTICE):
        return f"notify {delivery.outbox.removesuffix(NOTICE)}"
    if delivery.outbox == "hold":
        return f"hold it: {delivery.note.get('why', '') or 'the rule says so'}"
    return f"forward to {delivery.outbox}{cleared}{changed}"


def effects(outcome: Outcome, *, places: bool = True) -> tuple[str, ...]:
    """Everything that would become of an object, each once, in an order of its own. places: as for `effect`."""
    said = {effect(delivery, places=places) for delivery in outcome.deliveries}
    if outcome.discarded is not None:
        said.add(f"discard it: {outcome.discarded}")
    return tuple(sorted(said))
