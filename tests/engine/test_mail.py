"""Mail against a real SMTP server: STARTTLS, TLS from the first byte, log-in, refusals; one mail per study."""

import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from engine.destinations.mail import Mailer
from engine.destinations.relay import Relay
from engine.program import Contact
from engine.pump import Pump
from engine.step import HOLD
from tests.engine.spool.crash_kit import Line, Pacs, program
from tests.ports import free_port

ADMIN = Contact("admin", ("it@praxis.example",))


class Inbox:
    """Keeps messages; answers RCPT with `reply` where it is set."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.recipients: list[str] = []
        self.reply = ""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: object) -> str:  # noqa: N802
        """aiosmtpd's name for it."""
        if self.reply:
            return self.reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """aiosmtpd's name for it."""
        content = envelope.content
        self.messages.append(content.decode() if isinstance(content, bytes) else str(content))
        self.recipients += envelope.rcpt_tos
        return "250 OK"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A certificate authority for this test."""
    return trustme.CA()


@pytest.fixture
def inbox() -> Inbox:
    """An empty inbox."""
    return Inbox()


@pytest.fixture
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """What a client must trust."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


@pytest.fixture
def plain(inbox: Inbox) -> Iterator[Relay]:
    """A relay without TLS."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield Relay("127.0.0.1", controller.port, "none", "stellwerk@praxis.example")
    controller.stop()


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, mail admin."""
    return Line(tmp_path / "line", program(), Pacs())


def pump(line: Line, relay: Relay, quiet: float = 60.0) -> Pump:
    """The pump of the admin's mail."""
    mailer = Mailer(ADMIN, relay, quiet, "en")
    return Pump(line.spool.outbox("admin.mail"), lambda: mailer, line.router.refuse)


def receive(line: Line, *uids: str) -> None:
    """Take in, route, store and send."""
    for uid in uids:
        line.receive(uid)
    line.turn(time.time())


def test_one_mail_tells_of_a_whole_study_and_names_nobody(line: Line, inbox: Inbox, plain: Relay) -> None:
    receive(line, "1.1", "1.2", "1.3")
    pump(line, plain).turn(time.time() + 61)
    [message] = inbox.messages
    assert inbox.recipients == ["it@praxis.example"]
    assert "Stored in archive: 3." in message
    assert "Forwarded to PACS: 3" in message
    assert "ller" not in message
    assert "4711" not in message


def test_no_mail_goes_while_the_study_still_grows(line: Line, inbox: Inbox, plain: Relay) -> None:
    receive(line, "1.1")
    pump(line, plain).turn(time.time() + 59)
    assert inbox.messages == []


def test_a_mail_waits_until_what_it_reports_has_an_outcome(line: Line, inbox: Inbox, plain: Relay) -> None:
    line.pacs.away = {"1.1"}
    receive(line, "1.1")
    pump(line, plain).turn(time.time() + 600)
    assert inbox.messages == []
    line.pacs.away = set()
    line.turn(time.time() + 3600)
    pump(line, plain).turn(time.time() + 3700)
    [message] = inbox.messages
    assert "could not be reached at first (it is away); it took up to 2 tries" in message


def test_a_mail_tells_what_is_held_and_why(line: Line, inbox: Inbox, plain: Relay) -> None:
    line.pacs.refuse = {"1.1"}
    receive(line, "1.1")
    pump(line, plain).turn(time.time() + 61)
    [message] = inbox.messages
    assert "HELD, not delivered to PACS: 1. Reason: it refuses" in message
    assert line.held() == ["1.1"]


def test_an_outcome_that_cannot_be_read_keeps_no_mail_back_and_the_mail_says_so(
    line: Line, inbox: Inbox, plain: Relay
) -> None:
    receive(line, "1.1", "1.2")
    torn = next(path for path in line.spool.outbox("admin.mail").receipts.iterdir() if b'"PACS"' in path.read_bytes())
    torn.write_bytes(b"\x00" * 40)
    pump(line, plain).turn(time.time() + 61)
    [message] = inbox.messages
    assert "Stored in archive: 2." in message
    assert "Forwarded to PACS: 1, " in message
    assert "NOT delivered to ?: 1. Reason: nobody knows: the note of its outcome" in message
    assert not list(line.spool.outbox("admin.mail").receipts.iterdir())


def test_a_sent_mail_leaves_nothing_behind(line: Line, plain: Relay) -> None:
    receive(line, "1.1")
    pump(line, plain).turn(time.time() + 61)
    left = [path for path in (line.root / "spool/outbox/admin.mail").rglob("*") if path.is_file()]
    assert left == []


def test_starttls_with_a_certificate_of_our_own_authority(
    line: Line, inbox: Inbox, server_context: ssl.SSLContext, ca_file: str
) -> None:
    controller = Controller(
        inbox, hostname="127.0.0.1", port=free_port(), tls_context=server_context, require_starttls=True
    )
    controller.start()
    try:
        relay = Relay("127.0.0.1", controller.port, "starttls", ca_file=ca_file)
        receive(line, "1.1")
        pump(line, relay).turn(time.time() + 61)
    finally:
        controller.stop()
    assert len(inbox.messages) == 1


def test_a_certificate_that_nobody_vouches_for_stops_the_mail_and_says_what_to_do(
    line: Line, inbox: Inbox, server_context: ssl.SSLContext
) -> None:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port(), tls_context=server_context)
    controller.start()
    try:
        receive(line, "1.1")
        one = pump(line, Relay("127.0.0.1", controller.port, "starttls"))
        one.turn(time.time() + 61)
    finally:
        controller.stop()
    assert inbox.messages == []
    assert "mail.ca_file" in one.trouble


def test_tls_from_the_first_byte_with_a_log_in(
    line: Line, inbox: Inbox, server_context: ssl.SSLContext, ca_file: str
) -> None:
    def check(_server: object, _session: object, _envelope: object, _how: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.login == b"praxis" and data.password == b"geheim", handled=False)

    controller = Controller(
        inbox,
        hostname="127.0.0.1",
        port=free_port(),
        ssl_context=server_context,
        authenticator=check,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        receive(line, "1.1")
        port = controller.port
        wrong = pump(line, Relay("127.0.0.1", port, "tls", user="praxis", password="falsch", ca_file=ca_file))
        wrong.turn(time.time() + 61)
        assert inbox.messages == []
        assert "user name or password" in wrong.trouble
        right = pump(line, Relay("127.0.0.1", port, "tls", user="praxis", password="geheim", ca_file=ca_file))
        right.turn(time.time() + 7200)
    finally:
        controller.stop()
    assert len(inbox.messages) == 1


def test_an_address_that_is_refused_for_good_ends_in_the_hold(line: Line, inbox: Inbox, plain: Relay) -> None:
    inbox.reply = "550 no such user"
    receive(line, "1.1")
    pump(line, plain).turn(time.time() + 61)
    [held] = line.spool.outbox(HOLD).all()
    assert held.why == "the mail relay refuses the address (SMTP 550)"


def test_an_address_that_is_refused_for_now_is_tried_again(line: Line, inbox: Inbox, plain: Relay) -> None:
    inbox.reply = "451 try later"
    receive(line, "1.1")
    pump(line, plain).turn(time.time() + 61)
    assert line.spool.outbox("admin.mail").count()["later"] == 1


def test_a_password_is_never_shown() -> None:
    assert "geheim" not in repr(Relay("host", 25, user="praxis", password="geheim"))
