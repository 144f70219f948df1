"""A house whose rules are changed, for tests without threads: its appliance is a line that is turned by hand, and the
clock is set by hand, too.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.beginning import remember
from appliance.console.audit import Audit
from appliance.console.book import Book
from appliance.console.facts import changes
from appliance.console.facts.rule_files import Activation, RuleFiles, digest
from appliance.console.probation import Probation
from appliance.console.running import State
from appliance.console.shadow import Shadow
from appliance.console.words import Sentence
from appliance.settings import Settings
from engine.plan import prepare
from engine.program import Program
from tests.console.house import Lived

PACS = 'destination PACS = dicom "PACS@127.0.0.1:104"\n'
OLD = PACS + "on port 1 where Modality = US → store by PatientID → forward PACS\non port 1 where Modality = OT → hold\n"
NEW = OLD.replace("Modality = US", "Modality = XA")
"""Ultrasound matches nothing any more."""


class Clock:
    """Seconds since 1970, `ahead` of everybody else's."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Answering:
    """The control socket of the appliance."""

    def __init__(self) -> None:
        self.running = True
        self.data: dict[str, Any] = {"program": "", "rules": "", "troubles": [], "pumps": []}

    def state(self) -> State:
        """As appliance.console.running has it."""
        return State(self.data) if self.running else State({}, Sentence("It does not run."))

    def fails(self, name: str, words: str = "it refuses the connection", *, paused: bool = False) -> None:
        """An outbox is in trouble."""
        self.data["troubles"].append({"name": name, "words": words})
        self.data["pumps"].append({"name": name, "paused_since": 1.0 if paused else None})


class Changing:
    """One data folder. `take_over` is what a running appliance does when it finds its files changed."""

    def __init__(self, root: Path, text: str = OLD) -> None:
        self.settings = Settings(data=root)
        self.clock = Clock()
        (root / "rules").mkdir(parents=True, exist_ok=True)
        self.file = root / "rules" / "house.rules"
        if not self.file.exists():
            self.file.write_text(text, encoding="utf-8")
        self.line = Lived(root, self.program())
        self.house = self.line.house
        self.answering = Answering()
        self.answering.data["program"] = self.line.digest
        self.again()

    def again(self) -> None:
        """Another console on the same folder, as after a crash."""
        rows = Book(self.settings.data / "console" / "changeover.json")
        self.audit = Audit(self.settings.data / "audit")
        # It is asked for its state alone.
        self.probation = Probation(self.house, self.answering, self.audit, rows, self.clock)  # type: ignore[arg-type]
        self.shadow = Shadow(self.house, self.probation, self.audit, rows, self.clock)

    @property
    def files(self) -> RuleFiles:
        """The rule files and their versions."""
        return self.probation.files

    def program(self, text: str | None = None) -> Program:
        """What the file, or this text, means."""
        instead: Mapping[str, str | None] = {} if text is None else {str(self.file): text}
        found = changes.book(self.settings).compile(instead=instead)
        assert found.program is not None, found.findings
        return found.program

    def activate(self, text: str = NEW, minutes: int = 10, *, runs: bool = True) -> Activation:
        """As a person does; the appliance takes it over where `runs`."""
        self.clock.ahead = 0.0
        expected = digest(self.files.current())
        done = self.probation.activate({"house.rules": text}, "anna", "a new one", expected, minutes)
        if runs:
            self.take_over()
        return done

    def take_over(self) -> None:
        """The files are what runs."""
        program = self.program()
        self.line.plan, self.line.digest = prepare(program), self.line.spool.keep_program(program)
        remember(self.settings, program)
        self.answering.data["program"] = program.digest

    def receive(self, *kinds: str) -> list[str]:
        """Objects of these modalities come, and are routed and sent."""
        numbers = [self.line.receive(f"1.2.{time.monotonic_ns()}", kind) for kind in kinds]
        self.line.turn(time.time())
        self.line.journal()
        return numbers

    def look(self, seconds: float = 1.0, times: int = 1) -> None:
        """The thread looks so often, so far apart."""
        for _ in range(times):
            self.clock.ahead += seconds
            self.probation.look()
            self.shadow.look()

    @property
    def text(self) -> str:
        """The rules on the disk."""
        return self.file.read_text("utf-8")

    def acts(self) -> list[tuple[str, str]]:
        """Who has done what, the oldest first."""
        return [(one.who, one.did) for one in self.audit.page()[0]][::-1]

    def close(self) -> None:
        """The end."""
        self.house.journals.close()
