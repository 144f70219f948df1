"""Does a PACS answer for what it has taken? Asks for storage commitment (PS3.4 Annex J) when all has been sent.

Its answer is waited for on the association on which it was asked. A PACS may also answer on one of its own, to our
port: the appliance hears that, and where one runs here it passes it on. It must not know files.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from appliance.overheard import Overheard
from engine.dicom import Peer, Pool, commitment
from engine.dicom.commitment import Instance, Results
from engine.dicom.pdu import LostError, ViolationError
from engine.errors import Later

WAIT = 30.0
"""Seconds for which an answer is waited for."""
LOOK = 0.2
"""Seconds between two looks at what the appliance has heard."""
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


def ask(
    peer: Peer,
    instances: Sequence[Instance],
    stop: Callable[[], bool],
    wait: float = WAIT,
    overheard: Overheard | None = None,
) -> Committed:
    """Ask about all of these. Does not raise for what the peer does.

    overheard: what an appliance that runs here hears.
    """
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
                told.why = _ask(pool, some, answers, stop, wait, overheard)
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
    pool: Pool,
    instances: Sequence[Instance],
    answers: dict[str, Results | None],
    stop: Callable[[], bool],
    wait: float,
    overheard: Overheard | None,
) -> str:
    """One request; why there is no answer to it, or nothing."""
    # PS3.5 B.2. By chance, as nobody else must be able to name it: whoever does is believed.
    transaction = f"2.25.{secrets.randbits(122)}"
    answers[transaction] = None
    try:
        if overheard is not None:
            overheard.expect(transaction)
    except OSError:
        overheard = None

    def answered() -> bool:
        if overheard is not None and answers[transaction] is None:
            answers[transaction] = overheard.heard(transaction)
        return answers[transaction] is not None or stop()

    try:
        return _asked(pool, transaction, instances, answered, wait, elsewhere=overheard is not None)
    finally:
        if overheard is not None:
            overheard.forget(transaction)


def _asked(
    pool: Pool,
    transaction: str,
    instances: Sequence[Instance],
    answered: Callable[[], bool],
    wait: float,
    *,
    elsewhere: bool,
) -> str:
    why = f"{pool.peer} has not answered within {wait:.0f} s"
    end = time.monotonic() + wait
    try:
        association, _ = pool.take(commitment.PAIRS)
    except Later as away:
        return away.reason
    try:
        commitment.ask(association, transaction, instances)
        while not answered() and (left := end - time.monotonic()) > 0:
            association.listen(min(left, LOOK) if elsewhere else left, answered)
    except Later as refusal:
        pool.give(association)
        return refusal.reason
    except (LostError, ViolationError) as error:
        association.drop(error)
        why = f"{pool.peer}: the association was lost: {error}"
    else:
        pool.give(association)
    # The association may be gone, and word yet come to our port.
    while elsewhere and not answered() and time.monotonic() < end:
        time.sleep(LOOK)
    return "" if answered() else why if elsewhere else f"{why}; perhaps it answers to the appliance, later"
