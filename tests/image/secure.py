"""`python -m tests.image.secure [--image FILE]`: what was tampered with does not start; with a TPM, data is encrypted.

Four machines, one after the other: Secure Boot with the image's own keys and a TPM (twice: made, and unlocked by
itself), a kernel image of which one bit was turned, and a root of which some were. It is apart from `python -m
tests.image` because it takes five minutes of its own.
"""

import argparse
import contextlib
import logging
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.image import probe
from tests.image.__main__ import FOLDER, newest
from tests.image.machine import Dead, Machine, copy, doors, why_not
from tests.image.objects import TRY, echo
from tests.image.refusing import UNPROVEN, UNSIGNED, refused
from tests.image.report import Report
from tests.image.tamper import is_encrypted, kernels, roots, spoil_kernel, spoil_root
from tests.image.trial import DICOM, DISK, UNITS

START = 600.0
"""Seconds: keys are enrolled, and it starts once more by itself."""


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.image.secure", description="Tamper with the image.")
    parser.add_argument("--image", type=Path, default=Path("dist/image"), help="a raw image, or the folder it is in")
    parser.add_argument("--keep", action="store_true", help="keep the folder with disks and logs")
    arguments = parser.parse_args(words)
    missing = [] if shutil.which("swtpm") else ["swtpm is not installed (apt-get install swtpm)"]
    if why := "; ".join([*filter(None, [why_not()]), *missing]):
        sys.stdout.write(f"The image is not tried: {why}\n")
        return 0
    image = newest(arguments.image)
    if image is None:
        sys.stdout.write(f"There is no image in {arguments.image}: make image\n")
        return 1
    logging.disable(logging.CRITICAL)
    root = Path(tempfile.mkdtemp(prefix="stellwerk-secure-", dir=FOLDER if FOLDER.is_dir() else None))
    report = Report()
    report.say(f"{image}, in {root}")
    try:
        with report.stage("a root that was tampered with"):
            spoilt_root(report, copy(image, root / "spoilt", DISK), root / "root")
        with report.stage("Secure Boot and a TPM"):
            locked(report, image, root)
    finally:
        if not arguments.keep:
            shutil.rmtree(root, ignore_errors=True)
    return report.end()


def spoilt_root(report: Report, disk: Path, folder: Path) -> None:
    """The proof fails at the first such block: the machine must not run."""
    many = spoil_root(disk, roots(disk)[0])
    report.figure("blocks of the root with one bit turned", many, many > 10)
    machine = Machine(folder, disk, doors(DICOM))
    refused(report, machine, DICOM, UNPROVEN, "a machine whose root was tampered with does not run")


def locked(report: Report, image: Path, root: Path) -> None:
    """The same machine three times: made, unlocked by itself, and with another kernel image."""
    disk = copy(image, root / "disk", DISK)
    machine = Machine(
        root / "locked",
        disk,
        doors(DICOM),
        credentials=probe.credentials(UNITS, 5, scores=False),
        secure=True,
        tpm=root / "tpm-state",
        memory=1280,
    )
    machine.start()
    seconds = machine.wait(
        lambda: echo(machine.ports[DICOM], TRY), "it does not start with Secure Boot and a TPM", START
    )
    report.figure("seconds to the first C-ECHO, keys enrolled, disk encrypted", round(seconds))
    with contextlib.suppress(Dead):
        machine.wait(lambda: probe.read(machine.said()) is not None, "the probe says nothing", 120)
    found = probe.read(machine.said())
    if found is None:
        report.leave_out("what a machine under Secure Boot says of itself: it takes no credentials")
    else:
        report.must(found.said["secure boot"], "Secure Boot is on")
        report.must(not found.failed, f"no unit has failed {', '.join(found.failed)}")
    report.must(machine.press(), "the power button switches it off")
    report.must(is_encrypted(disk), "the data partition is encrypted")
    machine.start()
    seconds = machine.wait(lambda: echo(machine.ports[DICOM], TRY), "it does not unlock its disk by itself", START)
    report.figure("seconds to the first C-ECHO, disk unlocked by the TPM", round(seconds))
    report.must(machine.press(), "the power button switches it off")
    for name in kernels(disk):
        spoil_kernel(disk, name)
    refused(report, machine, DICOM, UNSIGNED, "a kernel image with one bit turned does not start under Secure Boot")


if __name__ == "__main__":
    sys.exit(main())
