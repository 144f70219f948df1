"""setup: at each boot, before the network, set the machine up by its `stellwerk.conf`, if there is one.

It looks for a file; takes a new one whole or tells what is wrong in it; then makes what was taken before count for this
boot: network, time, name. A file that cannot be taken changes nothing. What it has found is for the screen
(/run/stellwerk-machine/setup.json). It must not know the service, which reads the settings that it leaves.
"""

import argparse
import contextlib
import logging
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from appliance.machine import letters, networkd, sources
from appliance.machine.applied import Applied, Versions
from appliance.machine.conf import Broken, read
from appliance.machine.said import Mistake, Said
from appliance.machine.sources import MOST_RULE_BYTES, Source
from engine import files

log = logging.getLogger("stellwerk")

RUN = Path("/run")
USERS = Path("/var/lib/stellwerk/secrets/console-users.json")
"""Where it stands, somebody may use the console, and rules come from there alone."""
CARDS = Path("/run/udev/data")
"""What udev knows of each device. Without a network of its own, the kernel's list would be empty (PrivateNetwork=)."""

_RULE_NAME = re.compile(r"[\w-][\w .-]{0,90}\.rules")


@dataclass(frozen=True, slots=True)
class Found:
    """What became of this boot's files. language: in which mistakes are told. rules_left: they were not taken."""

    applied: Applied
    mistakes: tuple[Mistake, ...] = ()
    language: str = "de"
    where: str = ""
    rules_left: bool = False


def add(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def run(_arguments: argparse.Namespace) -> int:
    """Do it. 1 where the disk does not take it; a mistake in the file is no failure of ours."""
    os.umask(0o022)
    found = list(looked_for(os.environ.get("CREDENTIALS_DIRECTORY")))
    versions = Versions()
    code, applied = 0, Applied()
    try:
        versions.begin()
        applied = versions.current()
        result = decide(found, applied, versions.apply, cards(), USERS.exists())
    except OSError as error:
        log.error("the set-up cannot be kept: %s", error.strerror or error)
        code, result = 1, Found(applied, (Mistake(0, _DISK_WORDS),), applied.conf.language)
    for mistake in result.mistakes:
        log.error("stellwerk.conf (%s): %s", result.where, mistake.by("en"))
    at_this_boot(result.applied, RUN)
    letters.write(RUN / "stellwerk-machine" / "setup.json", told(result))
    return code


def looked_for(credentials: str | None) -> Iterator[Source]:
    """All there are. What was taken before must count, also where nothing can be looked at any more."""
    try:
        given = sources.credential(credentials)
        if given is not None:
            yield given
    except OSError as error:
        log.error("the credential cannot be read (%s)", error.strerror or error)
    sources.settle()
    try:
        yield from sources.on_drives()
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        log.error("the drives cannot be looked at (%s)", type(error).__name__)


def decide(
    found: Iterable[Source],
    before: Applied,
    apply: Callable[..., Applied],
    cards: tuple[str, ...] = (),
    has_users: bool = False,
) -> Found:
    """What is to count, of what was found and what counted before. Raises OSError where it cannot be kept."""
    several = {one.digest: one for one in found}
    if not several:
        return Found(before, language=before.conf.language)
    places = " / ".join(one.where for one in several.values())
    if len(several) > 1:
        return Found(before, (Mistake(0, _several_words(places)),), before.conf.language, places)
    (source,) = several.values()
    left = has_users and bool(source.rules)
    if source.digest == before.digest:
        return Found(before, language=before.conf.language, where=places)
    try:
        conf = read(source.conf, cards)
        wrong = list(_wrong_rules(source))
        if wrong:
            raise Broken(wrong, conf.language)
    except Broken as broken:
        return Found(before, tuple(broken.mistakes), broken.language, places)
    applied = apply(source.digest, source.where, conf, {} if left else source.rules)
    log.info("stellwerk.conf (%s) was taken", source.where)
    return Found(applied, language=conf.language, where=places, rules_left=left)


def at_this_boot(applied: Applied, run: Path) -> None:
    """Make it count until the machine is switched off, as files below /run. Raises OSError."""
    made = networkd.files(applied.conf)
    made.setdefault("stellwerk-machine/environment", "")
    for name, text in made.items():
        path = run / name
        path.parent.mkdir(parents=True, exist_ok=True)
        files.put(path, text.encode(), 0o644)


def told(found: Found) -> dict[str, object]:
    """For the screen."""
    mistakes: list[object] = [[one.line, *one.said] for one in found.mistakes]
    return {
        "language": found.language,
        "where": found.where or found.applied.where,
        "taken": bool(found.applied.digest),
        "mistakes": mistakes,
        "rules_left": found.rules_left,
    }


def cards(folder: Path = CARDS) -> tuple[str, ...]:
    """The network cards that are none of software, by name."""
    found = []
    for path in folder.glob("n*"):
        with contextlib.suppress(OSError):
            told = dict(line.removeprefix("E:").partition("=")[::2] for line in path.read_text().splitlines())
            if "ID_PATH" in told and "ID_NET_NAME" in told:
                found.append(told["ID_NET_NAME"])
    return tuple(sorted(found))


def _wrong_rules(source: Source) -> Iterable[Mistake]:
    for name, text in source.rules.items():
        shown = ascii(name)[1:-1]
        if not _RULE_NAME.fullmatch(name):
            yield Mistake(0, Said(f"no rule file can be called {shown}", f"so kann keine Regeldatei heißen: {shown}"))
        elif len(text) > MOST_RULE_BYTES:
            yield Mistake(0, Said(f"{shown} is longer than 1 MB", f"{shown} ist länger als 1 MB"))


def _several_words(places: str) -> Said:
    return Said(
        f"there are several files, and they differ ({places}): leave one of them, and restart",
        f"es gibt mehrere Dateien, und sie sind verschieden ({places}): lassen Sie eine davon, und starten Sie neu",
    )


_DISK_WORDS = Said(
    "what the file says cannot be kept on the disk; the log says why",
    "was in der Datei steht, lässt sich nicht auf der Platte ablegen; warum, sagt das Protokoll",
)
