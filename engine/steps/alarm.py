"""alarm: tell a contact what does not work, or who has not sent."""

from dataclasses import dataclass

from engine.parameters import AETitles, Contacts
from engine.schedule import Since
from engine.step import Caretaker, chore


@chore("alarm CONTACTS [unless SENDERS sent since SINCE]", behind=("every", "trouble"))
@dataclass(frozen=True)
class Alarm:
    """Mail to a contact that something does not work, and again when it does.

    Behind `on trouble` it goes when trouble has lasted for a while. At a time of day it goes only where something does
    not work then, or, with `unless`, where one of these senders (calling AE titles) has been silent for too long; then
    a second mail tells when it sends again. Nothing to tell means no mail.

        on trouble lasting 15 minutes → alarm admin
        on every day at 10:00 on weekdays → alarm admin unless CT1, CT2 sent since 06:00
        on every day at 08:00 on saturdays → alarm admin unless MAMMO sent since monday
    """

    contacts: Contacts
    senders: AETitles = AETitles(())
    since: Since = Since()

    def work(self, caretaker: Caretaker) -> str:
        """What was found."""
        if self.senders.titles:
            return caretaker.alarm_unless(self.contacts.names, self.senders.titles, self.since)
        return caretaker.alarm(self.contacts.names)
