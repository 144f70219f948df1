"""Word that new rules were taken back by themselves, or would have been but that the ones before clean less:
DATA/console/withdrawn.json, from the console to the appliance.

The console writes it before it acts, and removes it once a person has seen it; the running appliance counts it as a
trouble, so that whoever is told `on trouble` gets a mail. It must not know the console.
"""

import json
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from engine import files
from engine.trouble import Trouble

_WENT_BACK = (
    (
        "version {version} of the rules was taken back on {day}, as failures rose; the rules are as they were before "
        "it: see Rules in the console",
        "%Y-%m-%d at %H:%M",
    ),
    (
        "Fassung {version} der Regeln wurde am {day} zurückgenommen, weil sich Fehler häuften; die Regeln sind wie "
        "vorher: siehe „Regeln“ in der Konsole",
        "%d.%m.%Y um %H:%M",
    ),
)
"""Each with how a moment is written."""

_LEFT = (
    (
        "failures rose by version {version} of the rules on {day}; it was not taken back, as the rules before clean or "
        "hold less: see Rules in the console",
        _WENT_BACK[0][1],
    ),
    (
        "Seit Fassung {version} der Regeln häufen sich Fehler ({day}); sie wurde nicht zurückgenommen, weil die Regeln "
        "davor weniger bereinigen oder anhalten: siehe „Regeln“ in der Konsole",
        _WENT_BACK[1][1],
    ),
)


def say(data: Path, version: int, at: float, *, went_back: bool = True) -> None:
    """Version so and so was taken back at this moment (seconds since 1970), or was not. Raises OSError."""
    file = _file(data)
    files.make_folder(file.parent)
    files.write(file, json.dumps({"version": version, "at": at, "went back": went_back}).encode())
    files.sync(file.parent)


def forget(data: Path) -> None:
    """A person has seen it. Raises OSError."""
    files.remove(_file(data))


def trouble(data: Path) -> Trouble | str:
    """The same as a trouble; empty where nothing was taken back, or somebody has seen it."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(_file(data).read_bytes())
        at = float(said["at"])
        when = datetime.fromtimestamp(at)
        told = _WENT_BACK if said.get("went back", True) else _LEFT
        english, german = (words.format(version=int(said["version"]), day=f"{when:{day}}") for words, day in told)
        return Trouble(english, german, at)
    return ""


def _file(data: Path) -> Path:
    return data / "console" / "withdrawn.json"
