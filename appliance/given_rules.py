"""The rule files that came beside a `stellwerk.conf`: at a start, they become the rules, before there is a first user.

Each set is taken once, as a version with those before it kept (appliance.console.facts.rule_files), and whole or not at
all: rules with errors, or with an example that does not hold, leave what was there. From the first user on rules come
from the console alone, where it is written down who has changed them. It must not know how the files came here.
"""

import contextlib
import logging
from pathlib import Path

from appliance.console.facts.rule_files import RuleFiles, digest
from appliance.machine import letters
from appliance.rulebook import NoRules, RuleBook, read
from appliance.settings import Settings
from dsl.compile import Compiled
from engine import files

log = logging.getLogger("stellwerk")

FOLDER = Path("/etc/stellwerk/rules")
AUTHOR = "(stellwerk.conf)"
LETTER = "rules.json"
"""What is wrong, for the machine's screen."""
TROUBLE = "they have errors and were not taken; the log and the machine's screen show where"


def take(settings: Settings, book: RuleBook, folder: Path = FOLDER) -> list[str]:
    """Make them the rules, if they are new; answers what is wrong with them, line by line. Raises OSError."""
    marker = settings.data / "rules-given"
    if settings.machine is None or _has_users(settings):
        return []
    wrong: list[str] = []
    paths = sorted(path for path in folder.glob("*.rules") if path.is_file()) if folder.is_dir() else []
    try:
        texts = {path.name: read(str(path)) for path in paths}
        if texts and _read(marker) != digest(texts):
            wrong = _take(texts, book, settings)
            if not wrong:
                files.write(marker, digest(texts).encode())
                files.sync(settings.data)
                log.info("the rules beside stellwerk.conf are the rules now")
    except OSError as error:
        if str(error.filename or "").startswith(str(folder)):
            wrong = [f"{Path(str(error.filename)).name}: {error.strerror}"]
        else:
            raise
    letters.write(settings.machine / LETTER, {"trouble": [*wrong]}, 0o640)
    for line in wrong:
        log.error("the rules beside stellwerk.conf are not taken: %s", line)
    return wrong


def trouble(settings: Settings) -> str:
    """What a person is told; empty where all is well, or where rules come from the console by now."""
    if settings.machine is None or _has_users(settings):
        return ""
    with contextlib.suppress(FileNotFoundError, letters.Unreadable):
        if letters.read(settings.machine / LETTER).get("trouble"):
            return TROUBLE
    return ""


def _take(texts: dict[str, str], book: RuleBook, settings: Settings) -> list[str]:
    """Answers what is wrong, a line for each."""

    def judge(instead: dict[str, str | None]) -> Compiled:
        return book.compile_to_run(instead=instead)

    rules = RuleFiles(book, settings.data)
    try:
        done = rules.activate(texts, AUTHOR, "", digest(rules.current()), judge)
    except (NoRules, KeyError) as error:
        return [str(error)]
    if done.version is not None:
        return []
    found = [one for one in done.compiled.findings if one.is_error]
    return [
        f"{Path(one.span.file).name}:{one.span.line}: {one.code} {one.texts(settings.language).title}" for one in found
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""


def _has_users(settings: Settings) -> bool:
    return (settings.secrets / "console-users.json").exists()
