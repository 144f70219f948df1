"""Reports: one for each study, after a quiet time, when all it tells of has an outcome.

What mails and webhooks have in common: which promises make one report, and when it may go. It must not know what a
report says, nor how it travels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from engine.destinations.exchange import Unreachable
from engine.entry import Entry, Receipt
from engine.errors import Later, Never
from engine.outbox import Outbox
from engine.pump import PATIENCE, Report, Sent


class Reporter(ABC):
    """Whoever is told, as engine.pump.Sender. quiet: seconds without anything new of the study."""

    outside = False  # no object goes there: what may be told, whoever tells it decides
    every: float | None = None
    patience: float = PATIENCE
    connections = 1

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        # Quiet is the absence of an event, and nobody can be woken by that.
        self.look_again = min(max(quiet / 4, 0.2), 10.0)
        self._home: Outbox | None = None

    @abstractmethod
    def tell(self, group: Sequence[Entry], receipts: Sequence[Receipt]) -> Sent | Later | Never:
        """Tell of one study: its entries here, and the outcomes that they have waited for."""

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim whole studies that have been quiet long enough and whose deliveries all have an outcome."""
        self._home = outbox
        picked: list[Entry] = []
        for group in _studies(outbox.owed()):
            quiet = max(entry.since for entry in group) + self._quiet <= now
            if quiet and all(outbox.receipt(number) for entry in group for number in entry.awaits):
                picked += group
        return outbox.claim_these(picked)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """One report per study. The receipts it told of go with it."""
        home = self._home
        if home is None:
            return
        for group in _studies(entries):
            if stopping():
                return
            receipts = [receipt for entry in group for number in entry.awaits if (receipt := home.receipt(number))]
            result = self.tell(group, receipts)
            for entry in group:
                report(entry, result)
            if isinstance(result, Unreachable):
                return  # the others would fare no better
            if isinstance(result, Sent):
                for receipt in receipts:
                    home.forget_receipt(receipt.entry)


def known_by(group: Sequence[Entry]) -> str:
    """The same for the same report, so that one that goes twice after a crash can be told."""
    return " ".join(sorted(entry.id for entry in group))


def _studies(entries: Sequence[Entry]) -> list[list[Entry]]:
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (entry.note.get("study", "") or entry.object, entry.route, entry.note.get("subject", ""))
        groups.setdefault(key, []).append(entry)
    return list(groups.values())
