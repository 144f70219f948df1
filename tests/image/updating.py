"""A machine is updated by its admin: a good version, one that was tampered with, and one that does not come up.

It knows the console's API and nothing of how an update is made or written.
"""

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

from tests.image.admin import Admin, Refused
from tests.image.builds import Update
from tests.image.report import Report

TO_RESTART = 900.0
"""Seconds until an emulated machine has checked an update, written it, and come up by it."""
TO_GO_BACK = 1500.0
"""The same, and each of its tries, and the version before it once more."""


def tampered(report: Report, admin: Admin, update: Update) -> None:
    """One bit of an update is turned: in its head, in what is in it, and its end is cut off."""
    whole = update.file.read_bytes()
    for what, at in (("its signed head", 300), ("what is in it", len(whole) * 2 // 3)):
        changed = bytearray(whole)
        changed[at] ^= 1
        report.must(refused(report, admin, bytes(changed)), f"an update with one bit turned in {what} is refused")


def refused(report: Report, admin: Admin, data: bytes) -> bool:
    """Whether it is, at its upload or before it is installed."""
    admin.sign_in()
    try:
        admin.upload("stellwerk_9.9.9.update", io.BytesIO(data), len(data))
    except Refused as refusal:
        report.say(f"        {refusal}")
        return True
    finally:
        with contextlib.suppress(Refused):
            admin.call("DELETE", "/updates/ready")
    return admin.updates()["ready"] is None


def install(report: Report, admin: Admin, update: Update) -> None:
    """Upload it and have it installed, with a restart at once. Raises Refused."""
    admin.sign_in()
    size = update.file.stat().st_size
    with report.stage(f"upload of {size / 1e6:.0f} MB"), update.file.open("rb") as stream:
        admin.upload(update.file.name, stream, size)
    ready = admin.updates()["ready"]
    report.must(ready is not None and ready["version"] == update.version, f"version {update.version} lies ready")
    admin.call("POST", "/updates/install", {"restart": "now"})


def updated(report: Report, admin: Admin, update: Update, rules: str, known: Sequence[str]) -> None:
    """Install it: it comes up, is no longer on trial, and has data and rules as before. Raises Refused."""
    install(report, admin, update)

    def runs() -> bool:
        said = admin.updates()
        return said["version"] == update.version and not said["trial"]

    admin.wait(runs, lambda: f"version {update.version} does not come up: {_last(admin)}", TO_RESTART)
    report.must(True, f"version {update.version} runs, and its trial is over")
    report.must(admin.rules().get("house.rules") == rules, "the rules are as before")
    all_known(report, admin, known)


def all_known(report: Report, admin: Admin, known: Sequence[str]) -> None:
    """Whether the machine still knows these images, by their UIDs. Raises Refused."""
    states = admin.objects()
    gone = [uid for uid in known if uid not in states]
    report.must(not gone, f"all {len(known)} images are known{f', but {len(gone)}' * bool(gone)}")


def goes_back(report: Report, admin: Admin, broken: Update, before: str) -> None:
    """Install one that does not come up: the machine goes back by itself, and says so. Raises Refused."""
    install(report, admin, broken)

    def is_back() -> bool:
        said = admin.updates()
        return said["version"] == before and said["rolled_back"] is not None

    admin.wait(is_back, lambda: f"the machine does not come back to {before}: {_last(admin)}", TO_GO_BACK)
    back = admin.updates()["rolled_back"]
    report.must(back["version"] == broken.version, f"it is back on {before}, and says that {broken.version} failed")
    report.say(f"        {back['why']}")


def _last(admin: Admin) -> str:
    with contextlib.suppress(Exception):
        return "; ".join(one["words"] for one in admin.updates()["answers"])
    return "the console does not answer"


def find(folder: Path) -> list[Update]:
    """The updates that lie in a folder, the oldest version first."""
    files = folder.glob("stellwerk_*.update")
    found = [Update(file, file.name.removesuffix(".update").rpartition("_")[2]) for file in files]
    return sorted(found, key=lambda one: [int(number) for number in one.version.split(".")])
