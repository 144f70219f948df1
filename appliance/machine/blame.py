"""blame: note why this start is given up, so that the version that comes back can say so.

Called before a machine on trial is restarted. The restart does not depend on it: a version may be too broken for this.
It must not know how the machine is restarted.
"""

import argparse

from appliance.machine import letters, memory, system
from appliance.machine.health import REPORT
from appliance.machine.places import Places

MOST = 10
"""Units that are named."""


def add(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(_: argparse.Namespace) -> int:
    """Note it, where this start is on trial."""
    return note(Places(), system.call)


def note(places: Places, call: system.Call) -> int:
    """The same; the exit code."""
    if not system.on_trial(places, call):
        return 0
    _, version = system.image(places)
    try:
        memory.note_failure(places, version, "; ".join(reasons(places, call)))
    except OSError as error:
        print(f"stellwerk: why {version} is given up cannot be noted ({error.strerror})")
        return 1
    return 0


def reasons(places: Places, call: system.Call) -> list[str]:
    """What is wrong: as health has found it, and the units that have failed."""
    try:
        report = letters.read(places.told / REPORT).get("found")
    except (OSError, letters.Unreadable):
        report = None
    found = [str(one) for one in report] if isinstance(report, list) else []
    said = call(["systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"])
    units = [line.split()[0] for line in said.out.splitlines() if line.strip()] if said.code == 0 else []
    found += [f"{unit} has failed" for unit in units[:MOST]]
    return found or ["it was not up in time"]
