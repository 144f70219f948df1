"""How the appliance is doing, as plain data: numbers, and words of ours. No name of anything, and nothing of an image.

Destinations, senders and listeners are counted or numbered, as their names are the house's. It changes nothing. It must
not know how a bundle is written.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from importlib.metadata import distributions, version
from itertools import islice
from pathlib import Path
from typing import Any

from appliance.beginning import last_good
from appliance.control import NotThere, Refused, ask
from appliance.settings import Settings
from appliance.support.masking import reason
from appliance.tls import Certificates, TLSError
from engine import pixels
from engine.destinations.alarms import OWN
from engine.journal import Journal
from engine.ledger import ledger, summary
from engine.program import Program, calls
from engine.spool import Spool
from engine.step import HOLD
from engine.tally import events

Facts = Mapping[str, object]

SAMPLE = 5000
"""So many of what waits or is held are asked why."""

DAYS = 14
UNITS = (
    *("stellwerk.service", "stellwerk-console.service", "stellwerk-firewall.service", "stellwerk-requests.service"),
    *("stellwerk-setup.service", "stellwerk-screen.service"),
)
_PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts", "MemoryCurrent", "ExecMainStatus")
_WORD = re.compile(r"[\w.+~-]{1,64}", re.ASCII)
_PATIENCE = 20.0
_KNOWN_EVENTS = re.compile(r"[a-z ]{1,20}")


def software() -> Facts:
    """Versions of all that runs."""
    return {
        "version": version("stellwerk"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "processor": platform.machine(),
        "system": _system(),
        "blanks JPEG in": pixels.JPEG_BY,
        "packages": {one.name: one.version for one in sorted(distributions(), key=lambda one: one.name.lower())},
    }


def machine(settings: Settings) -> Facts:
    """Room, memory, load, units; and what the machine says of itself where it is all ours."""
    memory = _memory()
    return {
        "processors": os.cpu_count(),
        "load": os.getloadavg(),
        "memory MB": memory,
        "up seconds": _uptime(),
        "disks": {name: _disk(path) for name, path in _folders(settings)},
        "units": dict(_units()),
        "facts": _facts(settings),
    }


def settings_told(settings: Settings) -> Facts:
    """Numbers as they are; of texts and paths only whether they are set: they name the house's machines."""
    defaults = Settings()
    told: dict[str, object] = {}
    for one in fields(settings):
        value, usual = getattr(settings, one.name), getattr(defaults, one.name)
        plain = isinstance(value, int | float) or one.name in ("language", "mail_security", "outbox_done")
        told[one.name] = value if plain else "as usual" if value == usual else "set"
    return told


def running(settings: Settings) -> Facts:
    """What the appliance answers: whether it runs, since when, what is in trouble."""
    try:
        said: Mapping[str, Any] = ask(settings.data, "state")
    except (NotThere, Refused) as error:
        return {"runs": False, "why": error.kind}
    own = re.compile(rf"{'|'.join(map(re.escape, OWN))}")
    troubles = Counter(str(one["name"]) if own.fullmatch(str(one["name"])) else "an outbox" for one in said["troubles"])
    return {
        "runs": True,
        "version": said["version"],
        "since": said["since"],
        "program": said["program"],
        "ports": len(said["ports"]),
        "troubles": dict(troubles),
        "why": dict(Counter(reason(str(one["words"])) for one in said["troubles"])),
    }


def program(settings: Settings) -> Facts:
    """The rules in numbers: how many of each kind, and which steps they use."""
    found = last_good(settings)
    return {} if found is None else _program(found)


def _program(found: Program) -> Facts:
    chains = (chain for route in found.routes for chain in (route.chain, route.failure or ()))
    return {
        "digest": found.digest,
        "listeners": dict(Counter(one.kind for one in found.listeners)),
        "destinations": dict(Counter(one.kind for one in found.destinations)),
        "routes": len(found.routes),
        "routes with on failure": sum(route.failure is not None for route in found.routes),
        "steps": dict(Counter(call.step for chain in chains for call in calls(chain))),
        "regions": len(found.regions),
        "contacts": len(found.contacts),
        "rules by the clock": len(found.chores),
    }


def spool(settings: Settings) -> Facts:
    """What waits and what is held: how many, and why. Outboxes are numbered."""
    if not settings.spool.is_dir():
        return {}
    there = Spool(settings.spool)
    found = last_good(settings)
    told = {}
    for number, name in enumerate(there.outboxes()):
        outbox = there.outbox(name)
        kind = _kind(found, name)
        stages = {folder.name: _count(folder) for folder in ((outbox.root,) if name == HOLD else outbox.stages)}
        some = islice(outbox.all(), SAMPLE)
        whys = Counter(reason(entry.why) for entry in some if entry.why)
        told[name if name == HOLD else f"outbox {number}"] = {"kind": kind, **stages, "why": dict(whys)}
    return {
        "incoming": _count(there.incoming),
        "outboxes": told,
        "paused": _count(settings.data / "paused"),
    }


def counts(settings: Settings) -> Facts:
    """The ledger, and how much of what happened in the last days, by the day."""
    if not settings.spool.is_dir():
        return {}
    with Journal(settings.spool) as journal:
        count = ledger(journal)
        torn = journal.torn()
    now = time.time()
    days: dict[str, Counter[str]] = {}
    for event in events(settings.spool / "history", now - timedelta(days=DAYS).total_seconds(), now):
        kind = str(event.get("event"))
        days.setdefault(str(event.get("at"))[:10], Counter())[kind if _KNOWN_EVENTS.fullmatch(kind) else "?"] += 1
    return {
        "ledger": dict(summary(count)),
        "found": count.found,
        "torn lines": torn,
        "days": {day: dict(of_day) for day, of_day in sorted(days.items())},
    }


def certificate(settings: Settings) -> Facts:
    """For how long ours is good."""
    try:
        own = Certificates(settings.tls, settings.address).own() if settings.tls.is_dir() else None
    except (TLSError, OSError):
        return {"usable": False}
    if own is None:
        return {"made": False}
    return {"days left": (own.until - datetime.now(UTC)).days, "signed by itself": own.own}


def _kind(found: Program | None, name: str) -> str:
    """What an outbox leads to, without its name."""
    for ending in ("store", "mail", "notify", "collect"):
        if name.endswith(f".{ending}"):
            return ending
    one = found.destination(name) if found is not None else None
    return HOLD if name == HOLD else one.kind if one is not None else "unknown"


def _count(folder: Path) -> int:
    with suppress(FileNotFoundError), os.scandir(folder) as found:
        return sum(not one.name.startswith(".") and not one.name.endswith(".json") for one in found)
    return 0


def _folders(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name, path in (("data", settings.data), ("archive", settings.archive_folder("archive"))):
        if path.is_dir():
            yield name, path


def _disk(path: Path) -> Facts:
    room, inodes = shutil.disk_usage(path), os.statvfs(path)
    return {
        "total MB": room.total >> 20,
        "free MB": room.free >> 20,
        "inodes": inodes.f_files,
        "free inodes": inodes.f_favail,
        "read-only": bool(inodes.f_flag & os.ST_RDONLY),
    }


def _memory() -> dict[str, int]:
    found = {}
    with suppress(OSError):
        for row in Path("/proc/meminfo").read_text("ascii").splitlines():
            name, _, rest = row.partition(":")
            if name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree"):
                found[name] = int(rest.split()[0]) >> 10
    return found


def _uptime() -> int:
    with suppress(OSError, ValueError, IndexError):
        return int(float(Path("/proc/uptime").read_text("ascii").split()[0]))
    return 0


def _system() -> str:
    """Of which distribution the system is, and which edition."""
    try:
        said = platform.freedesktop_os_release()
    except OSError:
        return sys.platform
    return " ".join(said.get(name, "") for name in ("ID", "VERSION_ID", "IMAGE_VERSION")).strip()


def output_of(words: Sequence[str]) -> str:
    """What a program of the system says; nothing where it is not there, fails, or takes too long."""
    program_file = shutil.which(words[0])
    if program_file is None:
        return ""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            [program_file, *words[1:]], capture_output=True, text=True, errors="replace", timeout=_PATIENCE, check=False
        )
        return done.stdout if done.returncode == 0 else ""
    return ""


def _units() -> Iterator[tuple[str, Facts]]:
    for unit in UNITS:
        said = output_of(["systemctl", "show", unit, "--property", ",".join(_PROPERTIES)])
        found = dict(row.split("=", 1) for row in said.splitlines() if "=" in row)
        if found.get("LoadState") == "loaded":
            yield unit, {name: value for name, value in found.items() if _WORD.fullmatch(value)}


def _facts(settings: Settings) -> Facts:
    """What the machine says of itself (facts.json beside the folder `machine`): words and yes or no, nothing longer."""
    if settings.machine is None:
        return {}
    with suppress(OSError, ValueError):
        said = json.loads((settings.machine.with_name(f"{settings.machine.name}-machine") / "facts.json").read_bytes())
        if isinstance(said, dict):
            return {
                name: value
                for name, value in said.items()
                if _KNOWN_EVENTS.fullmatch(str(name)) or _WORD.fullmatch(str(name))
                if isinstance(value, bool | int | float) or (isinstance(value, str) and _WORD.fullmatch(value))
            }
    return {}
