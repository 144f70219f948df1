"""A machine that must not start: it is on, nothing answers, and it says why.

That nothing answers would not be enough: a slow one does not, either. It must not know what was done to the machine.
"""

import contextlib
import re

from tests.image.machine import Dead, Machine
from tests.image.objects import echo
from tests.image.report import Report

REFUSAL = 480.0
"""Seconds in which a machine that starts at all has done so, and one that does not has said why."""
UNPROVEN = re.compile(r"dm-verity device corrupted")
"""What the kernel says of a root that is not what its hash says (panic-on-corruption)."""
UNSIGNED = re.compile(r"security (policy )?violation|access denied", re.IGNORECASE)
"""What firmware and boot loader say of a kernel image whose signature is not its own (UEFI, EFI_SECURITY_VIOLATION)."""


def refused(report: Report, machine: Machine, door: int, sign: re.Pattern[str], words: str) -> None:
    """Switch it on; off again once it has said this, or taken a C-ECHO at this port of its own, which is wrong."""
    machine.start()
    ran = False

    def is_over() -> bool:
        nonlocal ran
        ran = echo(machine.ports[door], 5)
        return ran or sign.search(machine.said()) is not None

    with contextlib.suppress(Dead):
        machine.wait(is_over, "", REFUSAL)
    machine.cut()
    said = sign.search(machine.said())
    report.must(not ran and said is not None, words)
    report.say(f"        its serial line: {said[0] if said else machine.said()[-300:]!r}")
