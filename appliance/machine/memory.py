"""What the machine remembers of updates, on the data partition: which was installed, the highest that ran, what failed.

Versions are remembered as the signed heads of their updates and checked anew each time, so that whoever can write on
the disk can make the machine forget, and can not make it believe. It must not know how an update is installed.
"""

import contextlib
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from appliance.machine.bundle import HEAD, Head, Version, read_head
from appliance.machine.places import Places
from appliance.machine.signature import keys
from appliance.machine.words import Refused
from engine import files

INSTALLED, HIGHEST, FAILED = "installed.head", "highest.head", "failed.json"
_LONGEST = 1 << 16


def note_installed(places: Places, head: Head) -> None:
    """This update is about to be installed. Raises OSError."""
    _keep(places, INSTALLED, head.raw)


def highest(places: Places) -> Version | None:
    """The highest version installed by an update that has run healthy here; None where none is remembered.

    Raises OSError, ValueError.
    """
    return _version(places, HIGHEST)


def settle(places: Places, running: Version) -> None:
    """This version runs healthy: from now on nothing older is taken. Raises OSError, ValueError.

    A power cut at any place leaves what was remembered before, or what is remembered after.
    """
    if _version(places, INSTALLED) == running:
        known = highest(places)
        if known is None or known <= running:
            files.move(places.kept / INSTALLED, places.kept / HIGHEST)
        else:
            files.remove(places.kept / INSTALLED)
        files.sync(places.kept)
    failed = failure(places)
    if failed is not None and failed["version"] == str(running):
        forget_failure(places)


def note_failure(places: Places, version: str, why: str) -> None:
    """A start of this version was given up, and why, in words of the machine's. Raises OSError."""
    told = {"version": version, "at": datetime.now(UTC).isoformat(timespec="seconds"), "why": why[:4000]}
    _keep(places, FAILED, json.dumps(told).encode())


def failure(places: Places) -> dict[str, str] | None:
    """The last start that was given up: version, at (ISO 8601), why."""
    try:
        told: Any = json.loads(_read(places.kept / FAILED))
        return {name: str(told[name]) for name in ("version", "at", "why")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget_failure(places: Places) -> None:
    """It was seen to work since, or another one comes. Raises OSError."""
    files.remove(places.kept / FAILED)
    with contextlib.suppress(FileNotFoundError):
        files.sync(places.kept)


def _keep(places: Places, name: str, data: bytes) -> None:
    files.make_folder(places.kept)
    files.write(places.kept / name, data)
    files.sync(places.kept)


def _version(places: Places, name: str) -> Version | None:
    try:
        data = _read(places.kept / name)
    except FileNotFoundError:
        return None
    try:
        return read_head(io.BytesIO(data), keys(places.keys)).manifest.version
    except Refused:
        return None  # torn, or written by somebody else: it counts for nothing


def _read(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(max(HEAD, _LONGEST))
