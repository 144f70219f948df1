"""What lay in another machine's spool: a history that was restored tells of it, and this machine does not have it.

One line for each in the history: from then on it counts as `elsewhere`, where the history tells no other end. So a
ledger does not call missing what was never here, and goes on calling missing what was. It must not know backups.
"""

from collections.abc import Iterable

from engine.history import History

ELSEWHERE = "elsewhere"


def tell_elsewhere(history: History, numbers: Iterable[str], made: str) -> None:
    """Note it of these objects, durably. made: when the history was copied, ISO 8601. Repeatable. Raises OSError."""
    why = f"it was on its way or held when the backup of {made} was made, and is not on this machine"
    history.record_all([(ELSEWHERE, number, {"why": why}) for number in numbers])
    history.sync()
