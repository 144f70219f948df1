"""What most ways out have in common: what is declared of tries and connections, and one image after the other.

It must not know how anything is sent.
"""

from collections.abc import Callable, Sequence

from engine.destinations.exchange import Unreachable
from engine.enough import Enough
from engine.entry import Entry
from engine.errors import Later, Never
from engine.parameters import Connections, Time
from engine.program import Destination
from engine.pump import PATIENCE, Report, Sent


def retrying(declared: Destination) -> tuple[float | None, float]:
    """`retry every D for D`: seconds between two tries (None: longer and longer), and until it is given up."""
    if "every" not in declared.arguments:
        return None, PATIENCE
    every, patience = declared.arguments["every"], declared.arguments["patience"]
    return Time.of(every).duration.seconds, Time.of(patience).duration.seconds


def connections(declared: Destination) -> int:
    """`connections N`, or one."""
    said = declared.arguments.get("connections")
    return 1 if said is None else Connections.of(said).number


def one_by_one(
    entries: Sequence[Entry], deliver: Callable[[Entry], None], report: Report, stopping: Callable[[], bool], name: str
) -> None:
    """Deliver one after the other; each raises Later or Never where it is not taken. `name`: where they go.

    A peer that is away, or takes nothing, is not asked for each of them.
    """
    enough = Enough()
    for entry in entries:
        if stopping() or enough.reached:
            return
        outcome: Sent | Later | Never = Sent(name)
        try:
            deliver(entry)
        except Unreachable as away:
            report(entry, away)
            return
        except (Later, Never) as refusal:
            outcome = refusal
        enough.note(outcome)
        report(entry, outcome)
