"""A data folder with something in each part of a backup, and what a restore has made of one."""

import io
import time
from dataclasses import replace
from pathlib import Path

from appliance.backup.packing import Made, make
from appliance.backup.restoring import Done, complete, decide, stage
from appliance.console.accounts import Accounts
from appliance.console.audit import Audit
from appliance.console.facts.rule_files import RuleFiles, digest
from appliance.console.roles import Role
from appliance.pauses import Pauses
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from appliance.tls import Certificates
from engine.identities import Identities
from engine.program import Program
from tests.engine.spool.crash_kit import FORWARD, STORE, Line, Pacs, program

PASSPHRASE = "korrekt pferd batterie"
RULES = "on port 26131 where Modality = US → store by PatientID\n"


def rules() -> Program:
    """Port 1: store, forward to PACS."""
    made = program()
    return replace(made, routes=(replace(made.routes[0], chain=(STORE, FORWARD)), *made.routes[1:]))


class House:
    """A data folder that somebody has worked with for a while."""

    def __init__(self, data: Path, name: str = "old") -> None:
        self.data, self.name = data, name
        self.settings = Settings(data=data, mail_host="relay.example")
        folder = data / "rules"
        (folder / "lib").mkdir(parents=True)
        (folder / "house.rules").write_text(f"# {name}\n{RULES}", "utf-8")
        (folder / "lib" / "own.rules").write_text("# included by nobody\n", "utf-8")
        book = RuleBook(folder)
        versions = RuleFiles(book, data)
        now = versions.current()
        versions.activate(
            {**now, "house.rules": f"# {name}, second version\n{RULES}"},
            "admin",
            "a test",
            digest(now),
            lambda instead: book.compile(instead=instead),
        )
        self.key = Identities.of(data).keyring.current().id
        (data / "secrets" / "UPLOAD").write_text(f"{name}\nsecret of {name}\n", "utf-8")
        Accounts(data / "secrets" / "console-users.json").add(f"admin-{name}", Role.ADMIN, "a long password")
        (data / "secrets" / "console-links.json").write_text("{}", "utf-8")
        Certificates(data / "tls").trust("PACS", ":".join(["AB"] * 32))
        (data / "tables").mkdir()
        (data / "tables" / "register.csv").write_text(f"4711,{name}\n", "utf-8")
        Pauses(data / "paused").add("PACS", f"admin-{name}")
        Audit(data / "audit").note(f"admin-{name}", "sign-in")
        (data / "console").mkdir()
        (data / "console" / "sessions.json").write_text("{}", "utf-8")
        (data / "console" / "changeover.json").write_text("{}", "utf-8")
        (data / "rules-git.json").write_text("{}", "utf-8")
        (data / "last-good.json").write_text("{}", "utf-8")

    def work(self, *, away: str = "1.2.2", refused: str = "1.2.3", first: int = 1) -> Line:
        """Three objects are delivered, waiting and held; a fourth is not routed yet."""
        pacs = Pacs()
        pacs.away, pacs.refuse = {away}, {refused}
        line = Line(self.data, rules(), pacs)
        for uid in ("1.2.1", "1.2.2", "1.2.3"):
            line.receive(f"{uid}.{first}" if first > 1 else uid)
        line.turn(time.time())
        line.receive("1.2.4")
        return line


def backup(house: House, *, journal: bool = True) -> tuple[bytes, Made]:
    """A backup of it, and what is in it."""
    into = io.BytesIO()
    made = make(house.settings, into, PASSPHRASE, journal=journal)
    return into.getvalue(), made


def restore(data: Path, file: bytes) -> Done:
    """Onto this folder."""
    stage(data, io.BytesIO(file), PASSPHRASE)
    decide(data)
    done = complete(data)
    assert done is not None
    return done


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes, hidden ones aside."""
    found = {}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder)
        if path.is_file() and not path.is_symlink() and not any(one.startswith(".") for one in inner.parts):
            found[inner.as_posix()] = path.read_bytes()
    return found
