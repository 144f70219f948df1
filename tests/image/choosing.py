"""A version that has come up well goes bad on the disk, later: somebody chooses the one before, at the keyboard.

What docs/updates.md says of a machine that restarts again and again, done by hand on one that has both versions.
"""

import re
from collections.abc import Sequence

from tests.image.admin import Admin
from tests.image.machine import Machine
from tests.image.objects import TRY, echo
from tests.image.refusing import UNPROVEN, refused
from tests.image.report import Report
from tests.image.tamper import roots, spoil_root
from tests.image.updating import all_known

MENU = 120.0
"""Seconds in which the boot loader is there and shows its menu."""
START = 600.0
_DRAWN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""Where on the screen the loader writes, and how (ECMA-48); of its menu we want the words."""


def gone_bad(report: Report, machine: Machine, door: int, version: str) -> None:
    """Switch it off, turn bits in the root of this version, switch it on: it does not run. Raises Dead."""
    report.must(machine.press(), "the power button switches it off")
    (slot,) = [one for one in roots(machine.disk) if one.label.endswith(f"_{version}")]
    many = spoil_root(machine.disk, slot)
    report.figure(f"blocks of the root of {version} with one bit turned", many, many > 10)
    refused(report, machine, door, UNPROVEN, f"{version} does not run any more")


def chosen(report: Report, machine: Machine, door: int, admin: Admin, version: str, known: Sequence[str]) -> None:
    """Switch it on with the space bar held, and choose this version: it runs, with all images. Raises Dead, Refused."""
    machine.start()
    shown = re.compile(rf"{re.escape(version)}\b")

    def is_shown() -> bool:
        menu = shown.search(_DRAWN.sub(" ", machine.said())) is not None
        if not menu:
            machine.key("spc")
        return menu

    machine.wait(is_shown, f"the boot loader does not offer {version}", MENU)
    machine.key("down")
    machine.key("ret")
    seconds = machine.wait(lambda: echo(machine.ports[door], TRY), f"{version}, chosen by hand, does not run", START)
    report.figure(f"seconds to the first C-ECHO of {version}, chosen by hand", round(seconds))
    admin.wait(admin.healthy, lambda: "the console does not say that all is well", START)
    said = admin.updates()
    report.must(said["version"] == version and not said["trial"], f"{said['version']} runs, and not on trial")
    all_known(report, admin, known)
