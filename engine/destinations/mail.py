"""Mail: one report per study and contact, after a quiet time, when all it tells of has an outcome.

SMTP (RFC 5321) through the standard library. A report names no patient unless the contact may see names: not in the
subject, not in the folder names it quotes, not in its headers.
"""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

from engine.destinations.letter import compose
from engine.entry import Entry, Receipt
from engine.errors import Later, Never
from engine.outbox import Outbox
from engine.program import Contact
from engine.pump import PATIENCE, Report, Sent


@dataclass(frozen=True, slots=True)
class Relay:
    """The mail server that takes our mail. security: `starttls`, `tls` (from the first byte) or `none`."""

    host: str
    port: int
    security: str = "starttls"
    sender: str = "stellwerk@localhost"
    user: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    """A file with the certificates to trust, where the relay's own is signed by no public authority."""


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
        message = EmailMessage()
        subject, body = compose(self._contact, group, receipts, self._language)
        message["From"] = self._relay.sender
        message["To"] = ", ".join(self._contact.addresses)
        message["Subject"] = subject
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = _message_id(group, self._relay.sender)
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
        message.set_content(body)
        try:
            with self._connect() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refusal:
            codes = {code for code, _ in refusal.recipients.values()}
            return _refused(min(codes, default=550), "the address")
        except smtplib.SMTPAuthenticationError:
            return Later("the mail relay refuses our user name or password")
        except smtplib.SMTPResponseException as refusal:
            return _refused(refusal.smtp_code, "the mail")
        except ssl.SSLCertVerificationError:
            return Later("the mail relay's certificate cannot be verified; set mail.ca_file if it is your own")
        except (OSError, smtplib.SMTPException) as error:
            return Later(f"the mail relay cannot be reached ({type(error).__name__})")
        return Sent(self._contact.name)

    def _connect(self) -> smtplib.SMTP:
        relay = self._relay
        context = ssl.create_default_context(cafile=relay.ca_file or None)
        server: smtplib.SMTP
        if relay.security == "tls":
            server = smtplib.SMTP_SSL(relay.host, relay.port, timeout=60, context=context)
        else:
            server = smtplib.SMTP(relay.host, relay.port, timeout=60)
        try:
            if relay.security == "starttls":
                server.starttls(context=context)
            if relay.user:
                server.login(relay.user, relay.password)
        except BaseException:
            server.close()
            raise
        return server


def _refused(code: int, what: str) -> Later | Never:
    """SMTP replies (RFC 5321 section 4.2.1): 4yz may pass, 5yz will not."""
    words = f"the mail relay refuses {what} (SMTP {code})"
    return Later(words) if code < 500 else Never(words)


def _studies(entries: Sequence[Entry]) -> list[list[Entry]]:
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        key = (entry.note.get("study", "") or entry.object, entry.route, entry.note.get("subject", ""))
        groups.setdefault(key, []).append(entry)
    return list(groups.values())


def _message_id(group: Sequence[Entry], sender: str) -> str:
    """The same for the same report, so that one sent twice after a crash can be told."""
    digest = hashlib.blake2b(" ".join(sorted(entry.id for entry in group)).encode(), digest_size=12).hexdigest()
    return f"<{digest}@{sender.rpartition('@')[2]}>"
