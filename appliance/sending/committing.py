"""Does a PACS answer for what it has taken? Asks for storage commitment (PS3.4 Annex J) when all has been sent.

Its answer is waited for on the association on which it was asked. A PACS may also answer on one of its own, to our
listener: whoever sends by hand has none, and only the appliance hears that. It must not know files.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from engine.dicom import Peer, Pool, commitment
from engine.dicom.commitment import Instance, Results
from engine.dicom.pdu import LostError, ViolationError
from engine.errors import Later

WAIT = 30.0
"""Seconds for which an answer is waited for."""
AT_ONCE = 500
"""Objects in one request."""


@dataclass
class Committed:
    """What it has said."""

    committed: set[Instance] = field(default_factory=set)
    failed: dict[Instance, str] = field(default_factory=dict)
    """Why it does not answer for these."""
    silent: int = 0
    """Of so many it has said nothing, and `why`."""
    why: str = ""


def ask(peer: Peer, instances: Sequence[Instance], stop: Callable[[], bool], wait: float = WAIT) -> Committed:
    """Ask about all of these. Does not raise for what the peer does."""
    told = Committed()
    answers: dict[str, Results | None] = {}

    def hear(results: Results) -> bool:
        asked = results.transaction in answers
        if asked:
            answers[results.transaction] = results
        return asked

    pool = Pool(peer, event=commitment.hearing(hear))
    try:
        for start in range(0, len(instances), AT_ONCE):
            some = instances[start : start + AT_ONCE]
            if not told.why and not stop():
                told.why = _ask(pool, some, answers, stop, wait)
            results = next(reversed(answers.values()), None) if not told.why else None
            if results is None:
                told.silent += len(some)
                continue
            told.committed |= set(results.committed) & set(some)
            for one in some:
                if one not in results.committed:
                    reason = results.failed.get(one)
                    told.failed[one] = (
                        "its answer does not mention it"
                        if reason is None
                        else commitment.outcome(reason, str(peer)).reason
                    )
    finally:
        pool.close()
    return told


def _ask(
    pool: Pool, instances: Sequence[Instance], answers: dict[str, Results | None], stop: Callable[[], bool], wait: float
) -> str:
    """One request; why there is no answer to it, or nothing."""
    # PS3.5 B.2. By chance, as nobody else must be able to name it: whoever does is believed.
    transaction = f"2.25.{secrets.randbits(122)}"
    answers[transaction] = None
    try:
        association, _ = pool.take(commitment.PAIRS)
    except Later as away:
        return away.reason
    try:
        commitment.ask(association, transaction, instances)
        association.listen(wait, lambda: answers[transaction] is not None or stop())
    except Later as refusal:
        pool.give(association)
        return refusal.reason
    except (LostError, ViolationError) as error:
        association.drop(error)
        if answers[transaction] is None:
            return f"{pool.peer}: the association was lost: {error}"
        return ""
    pool.give(association)
    if answers[transaction] is None:
        return f"{pool.peer} has not answered within {wait:.0f} s; perhaps it answers to the appliance, later"
    return ""
