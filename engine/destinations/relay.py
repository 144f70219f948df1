"""The mail relay: how a finished text goes out as a mail. SMTP (RFC 5321) through the standard library.

It must not know what a mail is about, nor who may see what.
"""

import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate

from engine.errors import Later, Never


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


def post(relay: Relay, to: Sequence[str], subject: str, body: str, known_by: str) -> Later | Never | None:
    """Send one mail; answers why it could not go, or None.

    known_by: the same for the same mail, so that one sent twice after a crash can be told.
    """
    message = EmailMessage()
    message["From"] = relay.sender
    message["To"] = ", ".join(to)
    message["Subject"] = subject
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = _message_id(known_by, relay.sender)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    message.set_content(body)
    try:
        with _connect(relay) as server:
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
    return None


def reach(relay: Relay) -> Later | Never | None:
    """Whether the relay is there, with TLS as it is set, and lets us in; no mail is sent. Why not, or None."""
    try:
        with _connect(relay) as server:
            server.noop()
    except smtplib.SMTPAuthenticationError:
        return Later("the mail relay refuses our user name or password")
    except ssl.SSLCertVerificationError:
        return Later("the mail relay's certificate cannot be verified; set mail.ca_file if it is your own")
    except (OSError, smtplib.SMTPException) as error:
        return Later(f"the mail relay cannot be reached ({type(error).__name__})")
    return None


def _connect(relay: Relay) -> smtplib.SMTP:
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


def _message_id(known_by: str, sender: str) -> str:
    digest = hashlib.blake2b(known_by.encode(), digest_size=12).hexdigest()
    return f"<{digest}@{sender.rpartition('@')[2]}>"
