"""Mail: one report per study and contact, after a quiet time, when all it tells of has an outcome.

A report names no patient unless the contact may see names: not in the subject, not in the folder names it quotes, not
in its headers.
"""

from collections.abc import Sequence

from engine.destinations.letter import compose
from engine.destinations.relay import Relay, post
from engine.destinations.reports import Reporter, known_by
from engine.entry import Entry, Receipt
from engine.errors import Later, Never
from engine.program import Contact
from engine.pump import Sent


class Mailer(Reporter):
    """One contact."""

    def __init__(self, contact: Contact, relay: Relay, quiet: float, language: str) -> None:
        super().__init__(quiet)
        self._contact, self._relay, self._language = contact, relay, language

    def tell(self, group: Sequence[Entry], receipts: Sequence[Receipt]) -> Sent | Later | Never:
        """One mail to all its addresses."""
        subject, body = compose(self._contact, group, receipts, self._language)
        refusal = post(self._relay, self._contact.addresses, subject, body, known_by(group))
        return refusal or Sent(self._contact.name)
