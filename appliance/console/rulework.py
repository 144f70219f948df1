"""What is done with rules in the console, for its page and its operations: look, check, compare, switch, go back.

Texts are handed in by the names of their files, all of them; nothing of a draft is kept here. It must not know the web.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.console.context import Context
from appliance.console.facts.changes import Preview, book, compiled, preview
from appliance.console.facts.house import House
from appliance.console.facts.journey import Drawing, trace
from appliance.console.facts.journeys import live, through_live
from appliance.console.facts.rule_files import Activation, Conflict, RuleFiles, Version, digest
from appliance.console.probation import MINUTES
from appliance.console.words import Refusal
from appliance.editor.answers import Answers
from appliance.rulebook import NoRules
from appliance.trying import findings as failing
from dsl.compile import Compiled
from dsl.finding import Finding
from dsl.format import format_text
from engine.journal import JournalTrouble
from engine.plan import prepare
from engine.program import Program
from engine.rehearsal import rehearse
from engine.steps import CHORES, STEPS
from engine.vocabulary import vocabulary

SECONDS = 20.0
"""So long is waited for a running appliance to take rules over, or to say why not."""

_PATIENCE = 7.0
"""What is in trouble this long after an activation is so because of it: until then it may be older."""

BECAME_WORDS = {
    "runs": "Version {version} runs.",
    "stopped": "Version {version} is written. The appliance does not run; it counts from its next start.",
    "refused": "Version {version} is written, and the appliance cannot take it over yet; the old rules run on: {words}",
    "unsure": "Version {version} is written. The appliance has not said yet that it runs; look at the overview.",
    "errors": "Nothing was changed: these rules have errors.",
}
"""What became of an activation (Activated.became), for people."""

_comparing = threading.Lock()


@dataclass(frozen=True, slots=True)
class Found:
    """A finding of the compiler, in the language of whoever reads it. severity: error or warning."""

    file: str
    line: int
    severity: str
    code: str
    title: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Tested:
    """How one `test` of the rules went."""

    title: str
    written: str
    passed: bool
    happened: tuple[str, ...]
    findings: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Activated:
    """became: runs, stopped (counts from the next start), refused (the old rules run on), unsure, errors (not written).

    words: what the appliance has said of it.
    """

    version: int
    became: str
    words: str
    findings: tuple[Found, ...]


class Rulework:
    """On one data folder, for somebody of this language."""

    def __init__(self, context: Context, language: str) -> None:
        self._context, self._language = context, language
        self.house: House = context.house
        self.files = RuleFiles(book(context.settings), context.settings.data)

    # --- to look -----------------------------------------------------------------------------------------

    def current(self) -> dict[str, str]:
        """Texts by names of files. Raises Refusal."""
        try:
            return self.files.current()
        except OSError:
            raise Refusal(409, "A rule file cannot be read. Look at it with an editor: it must be UTF-8.") from None

    def answers(self) -> Answers:
        """What an editor asks."""
        manuals = {name: one.manual for name, one in STEPS.items()} | {name: one.manual for name, one in CHORES.items()}
        return Answers(vocabulary(), self._context.settings.rules_path, manuals)

    def path(self, name: str) -> Path:
        """Of a rule file. Raises Refusal."""
        if not self._context.settings.rules_path.exists():
            raise Refusal(409, "The appliance has never run here. Start it once: it lays down the first rules.")
        try:
            return self.files.path(name)
        except KeyError:
            raise Refusal(422, "No rule file can have the name {name}.", name=name) from None

    def laid_out(self, name: str, text: str) -> str:
        """The text in its one layout. Raises Refusal."""
        found = format_text(text, name=name, steps=vocabulary().steps)
        if not isinstance(found, str):
            raise Refusal(422, "This cannot be laid out while it has errors.")
        return found

    def judged(self, texts: Mapping[str, str]) -> Compiled:
        """Rules of these texts, as the appliance would judge them. Raises Refusal."""
        with in_words():
            return compiled(self.house, self.files.instead(texts))

    def found(self, result: Compiled) -> tuple[Found, ...]:
        """Its findings."""
        return tuple(self._found(one) for one in result.findings)

    def _found(self, one: Finding) -> Found:
        said = one.texts(self._language)
        severity = "error" if one.is_error else "warning"
        return Found(Path(one.span.file).name, one.span.line, severity, one.code, said.title, said.label, said.help)

    def drawing(self, texts: Mapping[str, str]) -> tuple[Drawing | None, bool]:
        """The ways through rules of these texts; None while they have errors. And whether they are those that run."""
        with in_words():
            program = self.files.book.compile(instead=self.files.instead(texts)).program
        if program is None:
            return None, False
        running = self.house.program()
        if running is not None and running.digest == program.digest:
            return self.live(running), True
        return trace(program, vocabulary().clears, ()).drawing(), False

    def live(self, program: Program, hours: int = 24) -> Drawing:
        """With what its edges have carried lately; without counts where nothing has ever come."""
        try:
            return live(self.house, program, since(hours)).drawing
        except (OSError, JournalTrouble):
            return trace(program, vocabulary().clears, ()).drawing()

    def objects(self, start: str, end: str, hours: int = 24) -> list[str]:
        """The numbers of those that went from node to node lately, newest first."""
        program = self.house.program()
        try:
            return [] if program is None else through_live(self.house, program, since(hours), (start, end))
        except (OSError, JournalTrouble):
            return []

    def tested(self, texts: Mapping[str, str]) -> list[Tested] | None:
        """The tests in the rules, run; None where the rules have errors."""
        with in_words():
            result = self.files.book.compile(instead=self.files.instead(texts))
        if result.program is None:
            return None
        verdicts, _ = rehearse(prepare(result.program), result.trials, datetime.now().astimezone())
        return [
            Tested(
                one.trial.title,
                one.trial.written,
                one.passed,
                one.happened,
                () if one.passed else tuple(self._found(failed) for failed in failing(test, one)),
            )
            for test, one in zip(result.tests, verdicts, strict=True)
        ]

    # --- to compare and to change ------------------------------------------------------------------------

    def preview(self, texts: Mapping[str, str], most: int) -> tuple[Preview | None, tuple[Found, ...]]:
        """What would change for the images that came last; None where there would be no rules. Raises Refusal."""
        if not _comparing.acquire(blocking=False):
            raise Refusal(429, "Rules are being compared already. Wait a moment, then try again.")
        try:
            result = self.judged(texts)
            if result.program is None:
                return None, self.found(result)
            try:
                return preview(self.house, result.program, most), self.found(result)
            except NoRules:
                raise Refusal(409, "No rules have ever run here, so there is nothing to compare with.") from None
            except (OSError, JournalTrouble):
                raise Refusal(409, "Nothing has been received here yet, so there is nothing to compare.") from None
        finally:
            _comparing.release()

    def activate(
        self, texts: Mapping[str, str], author: str, why: str, expected: str, watch: int = MINUTES
    ) -> Activated:
        """Write them, and wait for what the appliance makes of them; they are watched for so many minutes.

        Raises Refusal.
        """
        self.refuse_with_git()
        for name in texts:
            self.path(name)
        return self.waited(lambda: self._context.probation.activate(texts, author, why, expected, watch))

    def refuse_with_git(self) -> None:
        """Two ways for rules to change would undo each other. Raises Refusal where they come from Git."""
        if self._context.settings.rules_git:
            raise Refusal(409, "The rules come from Git. Change them there; within minutes they are taken over here.")

    def waited(self, activate: Callable[[], Activation]) -> Activated:
        """Do this activation, and wait for what the appliance makes of it. Raises Refusal."""
        before = self._trouble()
        with in_words():
            done = activate()
        found = self.found(done.compiled)
        if done.version is None or done.compiled.program is None:
            return Activated(0, "errors", "", found)
        became, words = self._taken(done.compiled.program.digest, before)
        return Activated(done.version.number, became, words, found)

    def version(self, number: int) -> Version:
        """One of them. Raises Refusal."""
        found = self.files.version(number)
        if found is None:
            raise Refusal(404, "There is no version {number}.", number=number)
        return found

    def _trouble(self) -> str:
        return str(self._context.running.state().data.get("rules", ""))

    def _taken(self, wanted: str, before: str) -> tuple[str, str]:
        """Whether the appliance runs a program with this digest, and what it says where it does not."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < SECONDS:
            state = self._context.running.state()
            if not state.is_running:
                return "stopped", ""
            trouble = str(state.data.get("rules", ""))
            if state.data.get("program") == wanted and (not trouble or passed > _PATIENCE):
                return "runs", ""
            if trouble and (trouble != before or passed > _PATIENCE):
                return "refused", trouble
            time.sleep(0.2)
        return "unsure", ""


def since(hours: int) -> str:
    """So many hours ago, as the journal writes moments."""
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()


def expected_of(texts: Mapping[str, str]) -> str:
    """By what it is known later whether the files are still these."""
    return digest(texts)


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """What goes wrong with rules inside is a Refusal."""
    try:
        yield
    except Conflict:
        raise Refusal(
            409, "Somebody else has changed the rules meanwhile. Copy your text, load the page, change them anew."
        ) from None
    except OSError:
        raise Refusal(503, "It could not be written to the disk.") from None
    except KeyError as error:
        raise Refusal(422, "No rule file can have the name {name}.", name=error.args[0]) from None
    except NoRules:
        raise Refusal(
            422, "These rules would receive nothing: a route is needed, and every file must be readable."
        ) from None
