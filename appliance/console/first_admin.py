"""The way in for the first admin of a machine without a keyboard: a link that its own screen shows.

While there is no user, the secret of a link lies in the folder of the machine (setting `machine`), for root and us
alone; a new one comes in its place when it has ended, and none lies there any more once there is a user. The screen
shows it with our certificate's fingerprint, so that both can be compared. It must not know how they are shown.
"""

import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path

from appliance.console.accounts import Accounts
from appliance.console.audit import Audit
from appliance.console.context import Context
from appliance.console.keys import LINK_HOURS, Links
from appliance.console.roles import Role
from appliance.machine import letters
from appliance.supervise import Supervised
from appliance.tls import Certificates, TLSError
from engine import files
from engine.tls import told

LOOK = 2.0
"""Seconds between two looks."""

SPARE = 3600.0
"""So long before its end a link is replaced, that nobody types one that has just ended."""

_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
"""What nobody mistakes for another on a screen: no l, o, 0 or 1."""


def typed_secret() -> str:
    """125 random bits that can be typed: five groups of five."""
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(5)) for _ in range(5))


class FirstAdmin:
    """One console's, in one machine's folder."""

    def __init__(
        self,
        folder: Path,
        accounts: Accounts,
        links: Links,
        audit: Audit,
        certificates: Certificates,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file, self._print = folder / "first-admin", folder / "console.json"
        self._accounts, self._links, self._audit, self._certificates = accounts, links, audit, certificates
        self._clock = clock
        self._secret, self._until, self._told = "", 0.0, ""
        self._stopped = threading.Event()
        self._thread = Supervised("the first admin's link", self._loop)

    @classmethod
    def of(cls, context: Context) -> "FirstAdmin | None":
        """That of a console; none where there is no such machine."""
        folder = context.settings.machine
        if folder is None:
            return None
        return cls(folder, context.accounts, context.links, context.audit, context.certificates)

    def begin(self) -> None:
        """Look from now on."""
        self._thread.start()

    def end(self) -> None:
        """Stop."""
        self._stopped.set()
        self._thread.stop()

    def look(self) -> None:
        """Once: have there what should be. Raises OSError."""
        self._tell_fingerprint()
        if self._accounts.all():
            files.remove(self._file)
            self._secret = ""
            return
        if self._secret and self._clock() < self._until - SPARE and self._links.find(self._secret) is not None:
            return
        if self._secret and any(not link.by for link in self._links.open()) and not self._links.find(self._secret):
            # Somebody has made another on the command line, which has ended ours: theirs is good.
            files.remove(self._file)
            return
        self._secret, self._until = typed_secret(), self._clock() + LINK_HOURS * 3600
        self._links.make(Role.ADMIN, "", secret=self._secret)
        self._audit.note("", "link-made", detail=Role.ADMIN.word)
        draft = self._file.with_name(f".{self._file.name}.draft")
        files.put(draft, self._secret.encode(), 0o600)
        files.move(draft, self._file)

    def _tell_fingerprint(self) -> None:
        try:
            now = told(self._certificates.own().fingerprint)
        except TLSError:
            now = ""
        if now != self._told or not self._print.exists():
            letters.write(self._print, {"fingerprint": now}, 0o640)
            self._told = now

    def _loop(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(LOOK)
