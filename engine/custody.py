"""Custody: do we answer for an instance, so that its sender may delete it? Asked of the journal, by SOP instance UID.

We do once it has been routed and is owed or held here, kept in an archive, or was delivered to a destination. We do not
where a rule has discarded it, a person has deleted it, or its last copy was purged. Must not know networks.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.arriving import accepted
from engine.dicom import part10
from engine.dicom.commitment import CLASS_CONFLICT, NO_SUCH_INSTANCE, RESOURCE_LIMITATION, Instance
from engine.dicom.status import PROCESSING_FAILURE
from engine.journal import Journal, JournalTrouble
from engine.journal_search import copies
from engine.ledger import DELIVERED, Kept, families
from engine.step import TELLING

CopyThere = Callable[[str, str], bool]
"""Outbox of an archive and place in it → whether the copy is still there."""

LOOKS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Seconds before each look: senders ask right behind the last object, and its route may not have been decided yet."""

MOST = 10_000
"""Of so many in one request we say something; of the others, that it was too much at once (0213H)."""

_MOST_UNROUTED = 2000
"""Of so many at most it is found out whether they are what is asked for; the others are asked for again."""


def refused(
    spool: Path,
    instances: Sequence[Instance],
    copy_there: CopyThere,
    rest: Callable[[float], None] = time.sleep,
) -> Mapping[Instance, int]:
    """Those that we do not answer for, each with the failure reason of PS3.3 C.14.1.1."""
    beyond = dict.fromkeys(instances[MOST:], RESOURCE_LIMITATION)
    return {**beyond, **_refused(spool, instances[:MOST], copy_there, rest)}


def _refused(
    spool: Path, instances: Sequence[Instance], copy_there: CopyThere, rest: Callable[[float], None]
) -> Mapping[Instance, int]:
    reasons: dict[Instance, int] = dict.fromkeys(instances, NO_SUCH_INSTANCE)
    try:
        with Journal(spool) as journal:
            for seconds in LOOKS:
                rest(seconds)
                # First what is not routed, then the journal: what is routed in between is in the one or in the other.
                unrouted = _unrouted(spool)
                journal.catch_up()
                reasons = {one: why for one in reasons if (why := _reason(journal, one, copy_there)) is not None}
                on_its_way = {
                    one
                    for one, why in reasons.items()
                    if why == NO_SUCH_INSTANCE and (unrouted is None or one[1] in unrouted)
                }
                if not on_its_way:
                    return reasons
    except JournalTrouble:
        return dict.fromkeys(instances, PROCESSING_FAILURE)
    # Taken in and not decided yet: not now, rather than never.
    return reasons | dict.fromkeys(on_its_way, PROCESSING_FAILURE)


def _reason(journal: Journal, instance: Instance, copy_there: CopyThere) -> int | None:
    sop_class, sop_instance = instance
    rows = journal.db.execute("SELECT family, class FROM objects WHERE sop = ?", (sop_instance,)).fetchall()
    ours = [
        (str(family), str(found))
        for family, found in rows
        if any(
            _is_ours(journal, str(family), promise, copy_there)
            for _, members in families(journal, only=[str(family)])
            for member in members
            for promise in member.promises
        )
    ]
    if not ours:
        return NO_SUCH_INSTANCE
    return None if any(found in ("", sop_class) for _, found in ours) else CLASS_CONFLICT


def _is_ours(journal: Journal, family: str, promise: Kept, copy_there: CopyThere) -> bool:
    if promise.outbox.endswith(TELLING):
        return False  # a mail tells of the object; nobody has the object by it
    if not promise.ending:
        return True
    if promise.ending != DELIVERED:
        return False
    if not promise.outbox.endswith(".store"):
        return True
    return any(copy_there(outbox, place) for outbox, place in copies(journal, family) if outbox == promise.outbox)


def _unrouted(spool: Path) -> set[str] | None:
    """The SOP instances that wait to be routed; None where they are too many to know."""
    found: set[str] = set()
    for count, name in enumerate(name for _, name in accepted(spool / "incoming")):
        if count >= _MOST_UNROUTED:
            return None
        try:
            found.add(part10.read_meta(spool / "incoming" / name).sop_instance_uid)
        except (OSError, ValueError):
            continue  # routed meanwhile, or nothing that could be asked for
    return found
