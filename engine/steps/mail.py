"""mail: tell a contact what has become of a study."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Contacts, Text
from engine.step import MAIL, Deliver, Workbench, report_note, step


@step("mail CONTACTS [subject SUBJECT]")
@dataclass(frozen=True)
class Mail:
    """Tell a contact what has become of a study: one mail per study, after it has been quiet for a while.

    A mail reports: it waits until the steps before it have an outcome and says it (stored, forwarded, held and
    why). It names no patient unless the contact may see names.

        on port 11112 → store by PatientID → mail admin
        on port 11112 → forward PACS → mail admin subject "New ultrasound"
    """

    contacts: Contacts
    subject: Text = Text("")

    def apply(self, obj: Object, bench: Workbench) -> Deliver:
        """One promise for each contact, which waits for the outcomes of the chain so far."""
        note = {**report_note(obj), "subject": self.subject.text}
        return Deliver(obj, tuple(f"{name}{MAIL}" for name in self.contacts.names), (), note, reports=True)
