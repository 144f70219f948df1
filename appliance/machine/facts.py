"""facts: what this machine is and how it stands, for the console: /run/stellwerk-machine/facts.json.

A start that is no longer on trial is noted first: from then on nothing older is installed. It must not know
who reads it.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.machine import letters, memory, restart, system
from appliance.machine.bundle import Version
from appliance.machine.places import Places
from appliance.machine.signature import texts

FACTS = "facts.json"
_KERNEL = re.compile(r"stellwerk(?:-[a-z]+)?_(\d+\.\d+\.\d+)(?:\+(\d+)(?:-(\d+))?)?\.efi")
_SECURE_BOOT = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def add(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(_: argparse.Namespace) -> int:
    """Gather and write them."""
    return gather(Places(), system.call)


@dataclass(frozen=True, slots=True)
class Kernel:
    """One slot's, as the boot loader sees it. left: how often it may still be tried; None where it is not counted."""

    version: str
    left: int | None


def gather(places: Places, call: system.Call) -> int:
    """Write what is found; the exit code."""
    (_, version), on_trial = system.image(places), system.on_trial(places, call)
    wrong = ""
    if version and not on_trial:
        try:
            memory.settle(places, Version.of(version))
        except (OSError, ValueError) as error:
            wrong = f"what runs cannot be remembered ({error})"
            print(f"stellwerk: {wrong}")
    letters.write(places.told / FACTS, told(places, version, on_trial))
    return 1 if wrong else 0


def told(places: Places, version: str, on_trial: bool) -> dict[str, object]:
    """The facts.

    image: whether this machine is an appliance image, updated by slots. product: what it is called. version: that of
    the image. trial: whether it must still show that it is good. other: the other slot's version, empty where there is
    none; other_state: ready (it starts next), failed, or before (what ran before). rolled_back: {version, at, why} of
    the start that was given up, if that version has not run well since; null otherwise. highest: nothing older is
    installed. secure_boot, tpm, encrypted: true, false, or null where it cannot be seen. update_keys: whose updates it
    takes, as PEM. restart_at: ISO 8601, empty where no restart is planned.
    """
    other = _other(places, version)
    highest = memory.highest(places) if version else None
    return {
        "image": bool(version),
        "product": system.image(places)[0],
        "version": version,
        "architecture": system.architecture(),
        "trial": on_trial,
        "other": other.version if other else "",
        "other_state": _state(other, version),
        "rolled_back": _rolled_back(places, version, other),
        "highest": "" if highest is None else str(highest),
        "secure_boot": _secure_boot(places),
        "tpm": (places.sys / "class/tpm/tpm0").exists(),
        "encrypted": _encrypted(places),
        "update_keys": texts(places.keys),
        "restart_at": restart.planned(places.shutdown),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def kernels(folder: Path) -> Iterator[Kernel]:
    """Those on the EFI system partition, with the tries that their names say (automatic boot assessment)."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except OSError:
        return
    for name in names:
        found = _KERNEL.fullmatch(name)
        if found:
            yield Kernel(found[1], None if found[2] is None else int(found[2]))


def _other(places: Places, version: str) -> Kernel | None:
    return next((one for one in kernels(places.kernels) if one.version != version), None) if version else None


def _state(other: Kernel | None, version: str) -> str:
    if other is None:
        return ""
    if other.left == 0:
        return "failed"
    try:
        return "ready" if Version.of(other.version) > Version.of(version) else "before"
    except ValueError:
        return "before"


def _rolled_back(places: Places, version: str, other: Kernel | None) -> dict[str, str] | None:
    """A note says why; without one, the boot loader's counting alone says that it was given up."""
    failed = memory.failure(places) if version else None
    if failed is not None and failed["version"] not in ("", version):
        return failed
    if other is not None and other.left == 0:
        return {"version": other.version, "at": "", "why": ""}
    return None


def _secure_boot(places: Places) -> bool | None:
    try:
        return (places.sys / _SECURE_BOOT).read_bytes()[-1] == 1
    except (OSError, IndexError):
        return None


def _encrypted(places: Places) -> bool | None:
    """Whether what /var is mounted from is made by LUKS, as the kernel's device mapper says."""
    try:
        lines = places.mounts.read_text("utf-8", errors="replace").splitlines()
        [*_, device] = [line.split()[2] for line in lines if line.split()[4] == "/var"]
        return (places.sys / "dev/block" / device / "dm/uuid").read_text("ascii").startswith("CRYPT-LUKS")
    except FileNotFoundError:
        return False  # no device mapper at all
    except (OSError, ValueError, IndexError):
        return None
