"""Review: what a person does with what waits in the hold for one (`review`). For commands and consoles.

Safe beside a running appliance, and for several people at once. Nothing here names a patient, except for the pictures
that `pictures` leads to, and the reasons that a person types.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from engine.approvals import KEY, Counted
from engine.cleaning import PIXELS, Cleaning
from engine.device import DEVICE, Known
from engine.entry import ID, Entry
from engine.previews import Pictures, pictures
from engine.spool import Spool
from engine.step import HOLD, REVIEW

__all__ = [
    "Counted",
    "Pictures",
    "Waiting",
    "again",
    "approve",
    "begin_anew",
    "cleaning_of",
    "devices",
    "pictures",
    "reject",
    "waiting",
]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One object that waits. id: by which it is approved; object: its number in the history; since: seconds since 1970.

    cleaning: how its pixels were cleaned, and who said where. sender: the calling AE title, where there was one.
    """

    id: str
    object: str
    since: float
    route: str
    sender: str
    cleaning: Cleaning


def waiting(spool: Spool) -> Iterator[Waiting]:
    """All that waits for a review, oldest first; only the names of all that is held are in memory. Raises OSError."""
    for entry in spool.outbox(HOLD).each():
        if entry.waits_for_review:
            sender = entry.origin.sender
            yield Waiting(entry.id, entry.object, entry.since, entry.route, sender, cleaning_of(entry))


def cleaning_of(entry: Entry) -> Cleaning:
    """How the pixels of something held were cleaned, or were to be; empty where its note does not say."""
    try:
        return Cleaning.of_text(entry.note[PIXELS])
    except (ValueError, KeyError, TypeError):
        return Cleaning()


def approve(spool: Spool, number: str, by: str = "") -> None:
    """Let it go on behind its `review`, and count it for its device. by: who says so, for the history.

    Durable when this returns. Raises KeyError where nothing of this id waits for a review, and OSError; it waits as
    before then, or goes on.
    """
    with spool.alone():
        entry = _waiting(spool, number)
        known = _known(entry)
        if known is not None:
            spool.approvals.add(known, number)
        spool.history.record("approved", entry.object, outbox=REVIEW, entry=number, by=by)
        spool.history.sync()
        spool.send_back(entry)


def reject(spool: Spool, number: str, why: str, by: str = "") -> None:
    """Leave it in the hold for good, as it was received, with this reason. Raises as `approve` does.

    Released afterwards, it goes through the rules that run then. What was approved of its device counts no longer.
    """
    with spool.alone():
        entry = _waiting(spool, number)
        known = _known(entry)
        if known is not None:
            spool.approvals.forget(known.key)
        spool.history.record("rejected", entry.object, outbox=REVIEW, entry=number, why=why, by=by)
        spool.history.sync()
        spool.keep_as_received(entry, f"rejected in the review: {why}")


def again(spool: Spool, number: str, by: str = "") -> None:
    """Take it through the rules that run now, as it was received: it is cleaned anew. Raises as `approve` does."""
    reject(spool, number, "to be cleaned anew", by)
    spool.release(number)


def devices(spool: Spool) -> Iterator[Counted]:
    """The devices of which images were approved, for `review first`. Raises OSError."""
    return spool.approvals.each()


def begin_anew(spool: Spool, device: str) -> bool:
    """Look at the first images of a device once more; whether any were counted. device: its key. Raises OSError."""
    with spool.alone():
        return bool(KEY.fullmatch(device)) and spool.approvals.forget(device)


def _known(entry: Entry) -> Known | None:
    """For which device its review counts; None where for none, or where its note does not say."""
    try:
        return Known.of_text(entry.note[DEVICE])
    except (ValueError, KeyError, TypeError):
        return None


def _waiting(spool: Spool, number: str) -> Entry:
    entry = spool.outbox(HOLD).entry(number) if ID.fullmatch(number) else None
    if entry is None or not entry.waits_for_review:
        raise KeyError(number)
    return entry
