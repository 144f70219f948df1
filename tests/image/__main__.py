"""`python -m tests.image [--image FILE]`: start the image, work with it, pull its plug; 1 if anything is wrong.

What this machine cannot do, for want of QEMU or root, is said, and nothing is tried (exit code 0). `make image-test`
builds the image first where there is none.
"""

import argparse
import contextlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

from tests.image import builds, choosing, restoring, updating
from tests.image.admin import Admin
from tests.image.machine import Machine, Saved, why_not
from tests.image.report import Report
from tests.image.rounds import Round
from tests.image.trial import DICOM, Trial

OWN_MOUNTS = "IMAGE_TEST_OWN_MOUNTS"
"""Set where this runs in a mount namespace of its own: the open file of the one it came from."""
FOLDER = Path("/var/tmp")
"""Not /tmp, which is often memory: disks of machines lie here."""


def main(words: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.image", description="Try the appliance image in QEMU.")
    parser.add_argument("--image", type=Path, default=Path("dist/image"), help="a raw image, or the folder it is in")
    parser.add_argument("--cuts", type=int, default=20, help="so often the power is cut")
    parser.add_argument("--starts", type=int, default=1, help="so many of the disks that are left are started from")
    parser.add_argument("--update", action="store_true", help="build two updates, and try them in the end")
    parser.add_argument("--updates", type=Path, help="try those in this folder: two, the second of which is broken")
    parser.add_argument("--restore", action="store_true", help="restore a backup on a new machine: four minutes more")
    parser.add_argument(
        "--choose", action="store_true", help="let an updated root go bad, and choose the version before"
    )
    parser.add_argument("--all-ports", action="store_true", help="knock at all 65,535 ports: two minutes more")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 100000)
    parser.add_argument("--keep", action="store_true", help="keep the folder with disks, logs and images")
    parser.add_argument("--can", action="store_true", help="only say by the exit code whether it can be tried here")
    arguments = parser.parse_args(words)
    if arguments.starts < 1 and (arguments.update or arguments.updates is not None or arguments.restore):
        parser.error("updates and a restore need a machine that was started: --starts 1")
    if arguments.can:
        return int(bool(why_not()))
    if why := why_not():
        sys.stdout.write(f"The image is not tried: {why}\n")
        return 0
    image = newest(arguments.image)
    if image is None:
        sys.stdout.write(f"There is no image in {arguments.image}: make image\n")
        return 1
    with_own_mounts()
    logging.disable(logging.CRITICAL)
    root = Path(tempfile.mkdtemp(prefix="stellwerk-image-", dir=FOLDER if FOLDER.is_dir() else None))
    report = Report()
    report.say(f"{image}, seed {arguments.seed}, in {root}")
    try:
        sizes(report, image)
        run(Trial(image, root, report, arguments.all_ports), arguments)
    finally:
        if not arguments.keep:
            shutil.rmtree(root, ignore_errors=True)
    return report.end()


def with_own_mounts() -> None:
    """Begin again in a mount namespace of our own (mount_namespaces(7)), unless this is one.

    Whoever makes one elsewhere on this host, as builders and containers do, takes along what is mounted at that moment:
    a disk that we have unmounted would still be in use there, and be looked at while it is.
    """
    if os.environ.get(OWN_MOUNTS) is None:
        before = os.open("/proc/self/ns/mnt", os.O_RDONLY)
        os.set_inheritable(before, True)
        words = ["unshare", "--mount", "--propagation", "private", sys.executable, "-m", "tests.image", *sys.argv[1:]]
        os.execvpe(words[0], words, {**os.environ, OWN_MOUNTS: str(before)})


def newest(place: Path) -> Path | None:
    """The raw image that is meant."""
    if place.is_file():
        return place
    found = [path for path in place.glob("stellwerk_*.raw") if path.name.count(".") <= 3]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def sizes(report: Report, image: Path) -> None:
    """What is known before it starts."""
    size = image.stat().st_size / 1e6
    report.figure("image, MB", round(size), size <= 400, "400")
    packed = image.with_name(image.name + ".zst")
    if packed.exists():
        size = packed.stat().st_size / 1e6
        report.figure("image compressed, MB", round(size), size <= 170, "170")
    manifest = image.with_name("manifest.json")
    if manifest.exists():
        packages = len(json.loads(manifest.read_text("utf-8")).get("packages", ()))
        report.figure("Debian packages", packages, packages <= 170, "170")


def run(trial: Trial, arguments: argparse.Namespace) -> None:
    """All stages, each on what the one before has left. Updates are built once the first start has been measured."""
    with contextlib.ExitStack() as stack:
        stack.callback(trial.close)
        saved = first(trial)
        rounds: list[Round] = []
        ready: Future[list[builds.Update]] | None = None
        if arguments.updates is not None:
            ready = Future()
            ready.set_result(updating.find(arguments.updates)[-2:])
        elif arguments.update:
            version = builds.version_of(trial.image)
            ready = stack.enter_context(builds.beside(version, trial.root, int(os.environ[OWN_MOUNTS])))
        if saved is not None:
            with trial.report.stage(f"{arguments.cuts} power cuts"):
                rounds = trial.cuts(saved, arguments.cuts, arguments.starts, arguments.seed)
        started = rounds[-arguments.starts :] if arguments.starts else []
        backup = b""
        for one in started:
            with trial.report.stage(f"started from what cut {one.number} has left"):
                machine, admin = trial.again(one)
                if arguments.restore and one is started[-1]:
                    backup = restoring.backed_up(trial.report, admin)
                if one is started[-1] and ready is not None:
                    update(trial, machine, admin, one, ready, arguments.choose)
                trial.off(machine, one)
            trial.unplug()
        if backup:
            with trial.report.stage("a backup is restored on another machine"):
                admin, secret = trial.another()
                known = [image.uid for image in (*trial.acknowledged, *started[-1].acknowledged)]
                restoring.restored(trial.report, admin, secret, backup, trial.text, known)


def first(trial: Trial) -> Saved | None:
    """The first start, and work; answers the machine as it runs, or None where something went wrong."""
    report, saved = trial.report, None
    with report.stage("first start"):
        machine, admin = trial.first_start()
        with report.stage("200 images by DCMTK, read back through the API"):
            trial.transfer(machine, admin)
        with report.stage("saved as it runs"):
            saved = machine.save(trial.root / "saved")
    trial.unplug()
    return saved


def update(
    trial: Trial, machine: Machine, admin: Admin, one: Round, ready: Future[list[builds.Update]], choose: bool
) -> None:
    """A tampered update, a good one, a broken one: on the machine that has just come up."""
    report, known = trial.report, [image.uid for image in (*trial.acknowledged, *one.acknowledged)]
    with report.stage("two updates, built meanwhile, are waited for"):
        ready.result()
    good, broken = ready.result()
    older = before = builds.version_of(trial.image)
    with report.stage("updates that were tampered with"):
        updating.tampered(report, admin, good)
    with report.stage(f"update to {good.version}"):
        updating.updated(report, admin, good, trial.text, known)
        before = good.version
    if choose:
        with report.stage(f"{good.version} goes bad on the disk, and {older} is chosen by hand"):
            choosing.gone_bad(report, machine, DICOM, good.version)
            choosing.chosen(report, machine, DICOM, admin, older, known)
            before = older
    with report.stage(f"update to {broken.version}, which is broken, and back"):
        updating.goes_back(report, admin, broken, before)


if __name__ == "__main__":
    sys.exit(main())
