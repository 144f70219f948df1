"""What contacts are told by the clock and on trouble, against a real SMTP server: once, and when it is over."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_string, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from appliance.chores import Caretaker, timetable
from appliance.settings import Settings
from appliance.telling import Telling
from dsl.compile import compile_text
from engine.destinations.relay import Relay
from engine.errors import Later
from engine.heard import Heard
from engine.object import Origin
from engine.program import Program
from engine.schedule import OnTrouble
from engine.sources.every import Timetable
from engine.spool import Spool
from engine.trouble import Trouble
from engine.vocabulary import vocabulary
from tests.engine.spool.crash_kit import disk, new_uid, write_instance
from tests.engine.test_mail import Inbox
from tests.ports import free_port

PEOPLE = 'contact admin = "it@praxis.example"\ncontact doctor = "dr@praxis.example" may see names\n'
AWAY = {"PACS": Trouble("it does not answer")}


class Desk:
    """The rules without an object of an appliance whose clock is set by hand."""

    def __init__(self, root: Path, rules: str, inbox: Inbox) -> None:
        self.root, self.inbox = root, inbox
        compiled = compile_text(PEOPLE + rules, name="a.rules", vocabulary=vocabulary(), read=Path.read_text)
        assert compiled.program is not None, compiled.findings
        self.program: Program = compiled.program
        self.now = datetime.now().replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
        self.there: dict[str, Trouble] = {}
        self.controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
        self.controller.start()
        self.start()

    def start(self) -> None:
        """As after a start: nothing is known but what lies in the spool."""
        relay = Relay("127.0.0.1", self.controller.port, "none", "stellwerk@praxis.example")
        self.spool = Spool(self.root / "spool")
        self.heard = Heard(self.root / "spool/heard", self.seconds)
        self.telling = Telling(
            self.spool,
            self.heard,
            relay,
            "en",
            lambda: self.program,
            self,
            self.seconds,
        )
        self.caretaker = Caretaker(Settings(data=self.root), self.telling, lambda: False, self.seconds)
        self.table: Timetable = timetable(self.spool, self.caretaker, lambda: self.now)
        self.table.use(self.program.chores)
        self.table.turn()

    def trouble(self) -> dict[str, Trouble]:
        """What does not work now."""
        return self.there

    def free(self) -> dict[str, int]:
        """Megabytes."""
        return {"spool": 4711}

    def seconds(self) -> float:
        """The same clock in seconds."""
        return self.now.timestamp()

    def at(self, hour: int, minute: int = 0, days: int = 0) -> list[EmailMessage]:
        """The mails that come at this moment."""
        self.now = self.now.replace(hour=hour, minute=minute) + timedelta(days=days)
        self.table.turn()
        return self.mails()

    def ring(self, minutes: int = 0) -> list[EmailMessage]:
        """The mails that come of a look at what is in trouble, so much later."""
        self.now += timedelta(minutes=minutes)
        for chore in self.program.chores:
            for call in chore.chain if isinstance(chore.when, OnTrouble) else ():
                self.caretaker.work(chore, call, self.now)
        self.telling.all_clear()
        return self.mails()

    def mails(self) -> list[EmailMessage]:
        """What has come since the last look."""
        found = [message_from_string(text, policy=policy.default) for text in self.inbox.messages]
        self.inbox.messages.clear()
        return [one for one in found if isinstance(one, EmailMessage)]


def text(mail: EmailMessage) -> str:
    """Subject and body."""
    return f"{mail['Subject']}\n{mail.get_content()}"


@pytest.fixture
def desks() -> Iterator[list[Desk]]:
    """Every desk of the test, so that no server outlives it."""
    made: list[Desk] = []
    yield made
    for desk in made:
        desk.controller.stop()


def desk_of(desks: list[Desk], root: Path, rules: str) -> Desk:
    desks.append(Desk(root, rules, Inbox()))
    return desks[-1]


def receive(desk: Desk, sender: str = "CT1") -> None:
    """Accept one image of a patient, as a listener does."""
    file = desk.spool.new_work_file()
    write_instance(file, new_uid())
    desk.spool.accept(file, Origin("dicom", 11112, sender, "STELLWERK", "10.0.0.1", ""), "")
    desk.heard.note(sender, 11112)


# --- report to --------------------------------------------------------------------------------------------------------


def test_a_report_comes_every_day_though_nothing_has_happened(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, "on every day at 07:00 → report to admin\n")
    assert desk.at(6, 59, 1) == []
    [mail] = desk.at(7)
    assert mail["To"] == "it@praxis.example"
    assert "all is well; 0 received" in text(mail)
    assert "spool: 4711 MB free" in text(mail)
    assert desk.at(7, 1) == []
    assert len(desk.at(7, 0, 1)) == 1


def test_two_reports_tell_each_thing_once_and_name_no_patient(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, "on every day at 07:00 → report to admin\n")
    desk.now = datetime.now() - timedelta(seconds=2)
    for _ in range(3):
        receive(desk)
    time.sleep(0.01)
    due = datetime.now() + timedelta(hours=1)
    desk.now = due
    assert desk.telling.report(["admin", "doctor"], due) == "mailed admin, doctor"
    mails = desk.mails()
    assert [mail["To"] for mail in mails] == ["it@praxis.example", "dr@praxis.example"]
    for mail in mails:
        assert "3 received" in text(mail)
        assert "Accepted and not yet routed: 3" in text(mail)
        for secret in ("Müller", "ller", "4711^", "1.2.3"):
            assert secret not in text(mail)
    desk.now = due + timedelta(days=1)
    assert desk.telling.report(["admin"], desk.now) == "mailed admin"
    assert "0 received" in text(desk.mails()[0])


def test_one_report_for_each_occasion_however_often_it_is_asked_for(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, "on every day at 07:00 → report to admin\n")
    assert len(desk.at(7, 0, 1)) == 1
    for note in (tmp_path / "spool/every").iterdir():
        note.write_text((desk.now - timedelta(days=3)).isoformat())  # as if a crash had come before the note
    desk.start()
    assert desk.at(7, 1) == []


def test_a_relay_that_is_away_is_tried_again_and_who_has_had_his_gets_no_second(
    tmp_path: Path, desks: list[Desk]
) -> None:
    desk = desk_of(desks, tmp_path, "on every day at 07:00 → report to doctor, admin\n")
    original = desk.inbox.handle_RCPT

    async def refuses(server, session, envelope, address, options):  # type: ignore[no-untyped-def]  # aiosmtpd's
        if address.startswith("it@"):
            return "451 try later"
        return await original(server, session, envelope, address, options)

    desk.inbox.handle_RCPT = refuses  # type: ignore[method-assign]
    assert [mail["To"] for mail in desk.at(7, 0, 1)] == ["dr@praxis.example"]
    assert "SMTP 451" in desk.table.trouble
    assert desk.at(7, 4) == []
    desk.inbox.handle_RCPT = original  # type: ignore[method-assign]
    assert [mail["To"] for mail in desk.at(7, 5)] == ["it@praxis.example"]
    assert desk.table.trouble == ""


def test_without_a_relay_it_says_which_setting_is_missing(tmp_path: Path) -> None:
    telling = Telling(Spool(tmp_path), Heard(tmp_path), None, "en", lambda: ADMIN_ONLY, Well())
    with pytest.raises(Later, match="mail_host"):
        telling.report(["admin"], datetime.now())


class Well:
    """All is well."""

    def trouble(self) -> dict[str, Trouble]:
        """Nothing."""
        return {}

    def free(self) -> dict[str, int]:
        """No disk is known."""
        return {}


ADMIN_ONLY = compile_text(PEOPLE, name="a", vocabulary=vocabulary(), read=Path.read_text).program or Program()


# --- alarm unless -----------------------------------------------------------------------------------------------------

SILENCE = "on every day at 10:00 → alarm admin unless CT1, CT2 sent since 06:00\n"


def test_who_has_sent_since_then_rings_nobody(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, SILENCE)
    desk.at(6, 1, 1)
    for sender in ("CT1", "CT2"):
        desk.heard.note(sender, 11112)
    assert desk.at(10) == []


def test_who_is_silent_is_told_once_and_that_it_sends_again(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, SILENCE)
    desk.at(5, 59, 1)
    desk.heard.note("CT1", 11112)
    desk.at(8)
    desk.heard.note("CT2", 11112)
    [mail] = desk.at(10)
    assert "nothing from CT1 since" in mail["Subject"]
    assert "the last came" in text(mail)
    assert "CT2" not in text(mail)
    assert desk.at(10, 1) == desk.ring(5) == []
    desk.heard.note("CT2", 11112)
    assert desk.ring(1) == []
    desk.heard.keep()
    desk.start()
    desk.heard.note("CT1", 11112)
    [clear] = desk.ring()
    assert "CT1 sends again" in clear["Subject"]
    assert desk.ring(1) == []


def test_a_sender_that_nobody_has_ever_heard_is_told_as_such(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, SILENCE)
    [mail] = desk.at(10, 0, 1)
    assert "nothing from CT1 and 1 more" in mail["Subject"]
    assert "nothing of it is known here" in text(mail)
    history = [line["why"] for line in desk.spool.history.lines() if line["event"] == "chore"]
    assert history[-1].startswith("a.rules:3: CT1, CT2 silent since")


def test_for_a_time_at_which_we_were_off_nobody_is_blamed(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, SILENCE)
    desk.now = desk.now.replace(hour=14) + timedelta(days=1)
    desk.start()
    assert desk.at(14, 1) == []
    assert desk.at(10, 0, 1) != []


def test_an_alarm_that_could_not_be_mailed_is_not_forgotten_by_a_restart(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, SILENCE)
    desk.inbox.reply = "451 try later"
    assert desk.at(10, 0, 1) == []
    desk.inbox.reply = ""
    desk.now += timedelta(minutes=30)
    desk.start()
    assert len(desk.mails()) == 1
    assert desk.at(10, 40) == []


def test_at_a_time_of_day_it_tells_only_what_does_not_work(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, "on every day at 08:00 → alarm admin\n")
    assert desk.at(8, 0, 1) == []
    desk.there = AWAY
    assert desk.at(9) == []
    [mail] = desk.at(8, 0, 1)
    assert "trouble: sending to PACS" in mail["Subject"]
    assert desk.at(8, 1) == []


# --- on trouble -------------------------------------------------------------------------------------------------------

RING = "on trouble lasting 15 minutes → alarm admin\n"


def test_trouble_is_told_when_it_has_lasted_and_when_it_is_over(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, RING)
    desk.there = AWAY
    assert desk.ring() == desk.ring(14) == []
    [mail] = desk.ring(1)
    assert mail["Subject"] == "Stellwerk: trouble: sending to PACS"
    assert "it does not answer" in text(mail)
    assert desk.ring(60) == []
    desk.start()
    assert desk.ring(1) == [], "it is known after a restart"
    desk.there = {}
    assert desk.ring(1) == desk.ring(14) == []
    [clear] = desk.ring(1)
    assert clear["Subject"] == "Stellwerk: all clear: sending to PACS"
    assert desk.ring(60) == []


def test_an_alarm_that_could_not_be_mailed_is_mailed_later(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, RING)
    desk.there = AWAY
    desk.ring()
    desk.inbox.reply = "451 try later"
    with pytest.raises(Later):
        desk.ring(15)
    desk.inbox.reply = ""
    desk.start()
    assert len(desk.ring(1)) == 1


def test_each_rule_rings_by_itself(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, RING + "on trouble lasting 2 hours → alarm doctor\n")
    desk.there = AWAY
    desk.ring()
    assert [mail["To"] for mail in desk.ring(15)] == ["it@praxis.example"]
    assert [mail["To"] for mail in desk.ring(105)] == ["dr@praxis.example"]


def test_what_is_held_is_told_with_its_reasons_and_without_a_name(tmp_path: Path, desks: list[Desk]) -> None:
    from tests.engine.spool.crash_kit import Line, Pacs, program

    line = Line(tmp_path, program(), Pacs())
    line.pacs.refuse = {"1.1"}
    line.receive("1.1")
    line.turn(time.time())
    desk = desk_of(desks, tmp_path, RING)
    desk.there = {"hold": Trouble("1 waits for a person")}
    desk.ring()
    [mail] = desk.ring(15)
    assert "PACS: it refuses: 1" in text(mail)
    assert "ller" not in text(mail)


def test_a_disk_that_cannot_be_written_is_told_once_all_the_same(tmp_path: Path, desks: list[Desk]) -> None:
    desk = desk_of(desks, tmp_path, RING)
    desk.there = {"the disk": Trouble("it is read-only")}
    with disk(error_at=1):
        desk.ring()
    with disk(error_at=1):
        assert len(desk.ring(15)) == 1
    with disk(error_at=1):
        assert desk.ring(15) == []
