"""A console beside a running appliance with rules and images that came, for tests of the pages of the rules."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.console.accounts import Accounts
from appliance.console.roles import Role
from engine.journal import Journal
from tests.appliance.running import Running, started
from tests.console.serving import PASSWORD, Browser, answers
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

RULES = """version 1

# Ultrasound is kept and sent on; everything else waits for a person. <script>alert(1)</script>
destination PACS = folder "{pacs}"

route ultrasound
  on port {port}
  where Modality = US and InstitutionName contains "Praxis"
  → store by Modality
  → forward PACS

test "ultrasound goes to the PACS"
  given Modality = US, InstitutionName = "Praxis Süd"
  on port {port}
  expect forward PACS
"""


@dataclass
class Ruled:
    """Both, with the port of each."""

    line: Running
    console: int
    images: dict[str, Path]

    def user(self, role: Role) -> Browser:
        """A browser of somebody with this role, signed in."""
        accounts = Accounts(self.line.data / "secrets/console-users.json")
        if accounts.find(role.word) is None:
            accounts.add(role.word, role, PASSWORD)
        return Browser(self.console).sign_in(role.word)

    def known(self) -> int:
        """How many images the journal has, which the indexer reads in now and then."""
        with Journal(self.line.data / "spool") as journal:
            return int(journal.db.execute("SELECT count(*) FROM objects WHERE told").fetchone()[0])

    @property
    def text(self) -> str:
        """The only rule file."""
        return self.line.rules_file.read_text("utf-8")


@contextlib.contextmanager
def ruled(root: Path, *, images: bool = True) -> Iterator[Ruled]:
    """Two ultrasound images that went to the PACS, and an angiogram that is held."""
    port, console = free_port(), free_port()
    text = RULES.format(port=port, pacs=root / "pacs")
    (root / "pacs").mkdir(parents=True)
    line = Running(root, text, port, console_port=str(console))
    try:
        line.wait_for(lambda: answers(console), "the console does not answer")
        made = {}
        for name, kind in (("us1", "US"), ("us2", "US"), ("xa", "XA")) if images else ():
            made[name] = root / f"{name}.in"
            write_instance(made[name], new_uid(), kind, "<script>alert('name')</script>")
            line.deliver(made[name])
        both = Ruled(line, console, made)
        line.wait_for(lambda: both.known() == len(made), "the journal does not know the images")
        yield both
    finally:
        line.stop()
        started.clear()
