"""report: tell a contact, at a time of day, what has happened since the last such mail."""

from dataclasses import dataclass

from engine.parameters import Contacts
from engine.step import Caretaker, chore


@chore("report to CONTACTS")
@dataclass(frozen=True)
class Report:
    """Mail to a contact what has happened since the last such mail, and how things stand.

    What was received, delivered, discarded, what waits and since when, what is held and why, how much disk is free,
    what does not work. It tells numbers, destinations and reasons, and names no patient. It comes on quiet days too:
    a mail that fails to come says that something is wrong.

        on every day at 07:00 → report to admin
        on every day at 18:00 on fridays → report to admin
    """

    contacts: Contacts

    def work(self, caretaker: Caretaker) -> str:
        """To whom it went."""
        return caretaker.report(self.contacts.names)
