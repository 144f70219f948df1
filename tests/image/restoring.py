"""A machine is lost, and its admin has a backup: a new one is switched on, and becomes the old one.

It knows the console's API and nothing of how a backup is made or put in place.
"""

import io
from collections.abc import Sequence

from tests.console.serving import PASSWORD, Browser
from tests.image.admin import PATIENCE, Admin, Refused
from tests.image.report import Report

PASSPHRASE = "kept in another place"
OTHER = "another long enough one"
"""The password of the new machine's admin, which nobody has any more after the restore."""
TO_RESTART = 600.0
"""Seconds until an emulated machine has stopped, put a backup in place and come up."""


def backed_up(report: Report, admin: Admin) -> bytes:
    """A backup, by the page *System*. Raises Refused."""
    admin.sign_in()
    answer = admin.browser.call("POST", "/system/backup", {"passphrase": PASSPHRASE, "password": PASSWORD})
    if answer.status != 200:
        raise Refused(f"no backup: {answer.status}")
    report.figure("backup, KB", round(len(answer.body) / 1000))
    return answer.body


def restored(report: Report, admin: Admin, secret: str, backup: bytes, rules: str, known: Sequence[str]) -> None:
    """On a machine that was never used. secret: of the link on its screen. Raises Refused, OSError."""
    answer = admin.browser.post(f"/start/{secret}", name="other", password=OTHER, again=OTHER)
    report.must(answer.status == 303, "somebody becomes admin of the new machine")
    admin.upload_backup(io.BytesIO(backup), len(backup))
    wrong = admin.browser.call("POST", "/system/restore/check", {"passphrase": f"{PASSPHRASE}!"})
    report.must(wrong.status in (409, 422), f"another passphrase opens nothing ({wrong.status})")
    found = admin.call("POST", "/system/restore/check", {"passphrase": PASSPHRASE})
    report.say(f"        made {found['made']}, {found['files']} files")
    report.must(admin.call("POST", "/system/restore/apply")["restarts"], "the machine starts anew by itself")

    def is_back() -> bool:
        admin.sign_in()
        return admin.rules().get("house.rules") == rules

    admin.wait(is_back, lambda: "the restored machine does not come up with rules and users of then", TO_RESTART)
    report.must(True, "rules and users are those of the backup")
    states = admin.objects()
    report.must(all(uid in states for uid in known), f"what became of {len(known)} images is known")
    answer = Browser(admin.port, seconds=PATIENCE).post("/sign-in", name="other", password=OTHER)
    report.must(answer.status != 303, "the account of the new machine is gone")
