"""What has become of some objects, as the ledger says it, without a look at all the others."""

import time
from collections.abc import Callable, Iterator, Sequence

from engine.journal import Journal
from engine.ledger import DELIVERED, MISSING, Member, families, standing
from engine.whereabouts import Whereabouts, look_for

LOOKS = (0.0, 0.05, 0.2, 0.5)
"""Seconds before each look at what seems to be missing: beside a running appliance it may just be moving."""


def states(journal: Journal, chosen: Sequence[str], rest: Callable[[float], None] = time.sleep) -> dict[str, str]:
    """One of the ledger's words for each of these objects, by the number that each had first."""
    found: dict[str, str] = {}
    left = list(chosen)
    for seconds in LOOKS if left else ():
        if seconds:
            rest(seconds)
            journal.catch_up()
        some = dict(families(journal, only=left))
        there = lying(journal, [member for members in some.values() for member in members])
        found |= {family: standing(members, there) for family, members in some.items()}
        left = [family for family in some if found[family] == MISSING]
        if not left:
            break
    # Of these nothing but the files told: a copy in the archive, or what lies in the spool.
    return {family: found.get(family, DELIVERED) for family in chosen}


def open_promises(journal: Journal, chosen: Sequence[str]) -> Iterator[tuple[str, str, str, str]]:
    """What is owed of these objects, or held: object, entry, outbox, and `waiting` or `held`.

    Of one that is not promised to anybody yet, entry and outbox are empty.
    """
    some = dict(families(journal, only=chosen))
    there = lying(journal, [member for members in some.values() for member in members])
    for family, members in some.items():
        for member in members:
            if not member.promises and member.number in there.objects:
                yield family, "", "", there.objects[member.number]
            for one in member.promises:
                if one.entry in there.promises:
                    yield family, one.entry, one.outbox, there.promises[one.entry]


def lying(journal: Journal, members: Sequence[Member]) -> Whereabouts:
    """Where that lies which is not known to have ended."""
    owed = [(p.entry, p.outbox) for member in members for p in member.promises if p.ending in ("", "released")]
    waiting = [member.number for member in members if not member.promises and not member.ending]
    # What is promised meanwhile lies under the name of a promise that the journal does not know yet.
    return look_for(journal.root, owed, waiting)
