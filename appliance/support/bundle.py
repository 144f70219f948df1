"""The bundle itself: a ZIP of JSON and plain text, with a README that says what is in it and what is not.

A part that cannot be had is left out, and says why: a bundle is asked for where something is broken. It must not know
who asks for it.
"""

import json
import sqlite3
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from appliance.rulebook import RuleBook, read
from appliance.settings import Settings
from appliance.support import facts
from appliance.support.facts import Facts
from appliance.support.masking import line
from engine.errors import Never

LINES = 5000
"""Of the log, the newest."""

PARTS: dict[str, tuple[Callable[[Settings], Facts], str]] = {
    "software.json": (
        lambda _: facts.software(),
        "versions of the software and of all libraries, of Python, the kernel",
    ),
    "machine.json": (facts.machine, "room on the disks, memory, load, the state of our units"),
    "settings.json": (
        facts.settings_told,
        "settings: numbers as they are, of texts and paths only whether they are set",
    ),
    "running.json": (facts.running, "whether the appliance runs, and what is in trouble, without names"),
    "program.json": (facts.program, "the rules in numbers: how many of each kind, which steps they use"),
    "spool.json": (facts.spool, "how much waits and is held, and why, without what the reasons quote"),
    "counts.json": (facts.counts, "the ledger, and how much happened on each of the last days"),
    "certificate.json": (facts.certificate, "for how long our certificate is good"),
}

_README = """Support bundle of Stellwerk {version}, {moment}

It says how an appliance is doing, for somebody who helps from afar. No patient's data is in it.

In it:
{parts}
    log.txt: our own sentences of the log, without what they quote ({log})
{rules}
Not in it: images, names, patient IDs, UIDs, accession numbers, dates of studies, institutions; who sends and where to;
host names and addresses; rule files; secrets, certificates, keys, users; the history and the journal.

It is plain text: look at it before you pass it on.


Diagnosepaket von Stellwerk {version}, {moment}

Es sagt, wie es einer Anlage geht, für jemanden, der aus der Ferne hilft. Patientendaten sind nicht darin, auch keine
Namen, Adressen, Geheimnisse und keine Regeldateien{german}. Es ist reiner Text: sehen Sie hinein, bevor Sie es
weitergeben.
"""

_BROKEN = (OSError, ValueError, KeyError, TypeError, AttributeError, sqlite3.Error, Never)
"""What a damaged data folder may lead to: the kind of it is told, and never its words."""


def write(settings: Settings, into: BinaryIO, *, with_rules: bool = False) -> None:
    """Write the ZIP. with_rules: the rule files as they are, too, with all addresses in them. Raises OSError."""
    moment = time.strftime("%Y-%m-%d %H:%M:%S %z")
    with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, (part, _) in PARTS.items():
            try:
                said: object = part(settings)
            except _BROKEN as error:
                said = {"left out": type(error).__name__}
            packed.writestr(name, json.dumps(said, ensure_ascii=False, indent=1, default=str) + "\n")
        log = facts.output_of(
            ["journalctl", "--no-pager", "--quiet", "-o", "cat", "-n", str(LINES), *units()]
        ).splitlines()
        kept = [told for text in log if (told := line(text)) is not None]
        packed.writestr("log.txt", "".join(f"{one}\n" for one in kept))
        rules = _rules(settings, packed) if with_rules else []
        packed.writestr(
            "README.txt",
            _README.format(
                version=facts.software()["version"],
                moment=moment,
                parts="\n".join(f"    {name}: {words}" for name, (_, words) in PARTS.items()),
                log=f"{len(kept)} of {len(log)} lines"
                if log
                else "none: this account cannot read the system's journal",
                rules="".join(f"    {name}: a rule file AS IT IS, because that was asked for\n" for name in rules),
                german=" (diese aber hier doch, weil sie verlangt wurden)" if rules else "",
            ),
        )


def units() -> list[str]:
    """Those whose log is ours, as arguments for journalctl."""
    return [word for unit in facts.UNITS for word in ("-u", unit)]


def _rules(settings: Settings, packed: zipfile.ZipFile) -> list[str]:
    names = []
    for path in RuleBook(settings.rules_path).files():
        try:
            text = read(str(path))
        except OSError:
            continue
        names.append(f"rules/{Path(path).name}")
        packed.writestr(names[-1], text)
    return names
