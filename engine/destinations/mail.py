"""Mail: one report per study and contact, after a quiet time, when all it tells of has an outcome.

A report names no patient unless the contact may see names: not in the subject, not in the folder names it quotes, not
in its headers.
"""

from collections.abc import Callable, Sequence

from engine.destinations.letter import compose
from engine.destinations.relay import Relay, post
from engine.entry import Entry, Receipt
from engine.errors import Later, Never
from engine.outbox import Outbox
from engine.program import Contact
from engine.pump import PATIENCE, Report, Sent


class Mailer:
    """One contact, as engine.pump.Sender."""

    outside = False
    every: float | None = None
    patience = PATIENCE
    connections = 1

    def __init__(self, contact: Contact, relay: Relay, quiet: float, language: str) -> None:
        self._contact, self._relay, self._quiet, self._language = contact, relay, quiet, language
        # Quiet is the absence of an event, and nobody can be woken by that.
        self.look_again = min(max(quiet / 4, 0.2), 10.0)
        self._home: Outbox | None = None

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
        """One mail per study. The receipts it told of go with it."""
        home = self._home
        if home is None:
            return
        for group in _studies(entries):
            if stopping():
                return
            receipts = [receipt for entry in group for number in entry.awaits if (receipt := home.receipt(number))]
            result = self._deliver(group, receipts)
            for entry in group:
                report(entry, result)
            if isinstance(result, Sent):
                for receipt in receipts:
                    home.forget_receipt(receipt.entry)

    def _deliver(self, group: Sequence[Entry], receipts: Sequence[Receipt]) -> Sent | Later | Never:
        subject, body = compose(self._contact, group, receipts, self._language)
        known_by = " ".join(sorted(entry.id for entry in group))
        return post(self._relay, self._contact.addresses, subject, body, known_by) or Sent(self._contact.name)


def _studies(entries: Sequence[Entry]) -> list[list[Entry]]:
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (entry.note.get("study", "") or entry.object, entry.route, entry.note.get("subject", ""))
        groups.setdefault(key, []).append(entry)
    return list(groups.values())
