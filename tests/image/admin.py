"""The admin of a machine under test: by the console, as from any desk in the house; there is no other way in.

It must not know that the machine is a virtual one.
"""

import contextlib
import http.client
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from urllib.parse import quote

from tests.console.serving import PASSWORD, Answer, Browser

NAME = "admin"
PATIENCE = 240
"""Seconds for one answer: an emulated machine is slow."""

PIECE = 1 << 20
"""Bytes of an upload in one request."""

_LINK = re.compile(r"/start/([\w-]{20,100})")


class Refused(Exception):
    """The console has said no; the text is its own."""


def link_on(screen: str) -> str:
    """The secret of the last one-time link on a screen; empty where there is none."""
    found = _LINK.findall(screen)
    return str(found[-1]) if found else ""


@dataclass
class Admin:
    """One who signs in at this port of 127.0.0.1."""

    port: int
    browser: Browser = field(init=False)

    def __post_init__(self) -> None:
        """Not signed in yet."""
        self.browser = Browser(self.port, seconds=PATIENCE)

    def there(self) -> bool:
        """Whether the console answers at all."""
        try:
            return Browser(self.port, seconds=15).get("/healthz").status in (200, 503)
        except (OSError, http.client.HTTPException):
            return False

    def healthy(self) -> bool:
        """Whether the console says that the appliance is."""
        try:
            return Browser(self.port, seconds=15).get("/healthz").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def begin(self, secret: str) -> None:
        """Become the first admin by the link on the screen. Raises Refused."""
        answer = self.browser.post(f"/start/{secret}", name=NAME, password=PASSWORD, again=PASSWORD)
        if answer.status != 303:
            raise Refused(f"{answer.status}: {_plain(answer)}")

    def sign_in(self) -> None:
        """As later on."""
        self.browser = Browser(self.port, seconds=PATIENCE).sign_in(NAME)

    def call(self, method: str, path: str, body: object = None) -> Any:
        """An operation of the API. Raises Refused."""
        answer = self.browser.call(method, path, body)
        if answer.status >= 400:
            raise Refused(f"{method} {path}: {answer.status} {_plain(answer)}")
        return answer.json

    def activate(self, rules: str) -> None:
        """Make this the machine's only rule file. Raises Refused."""
        files = self.call("GET", "/rules")
        body = {"files": {"house.rules": rules}, "digest": files["digest"], "why": "for the test", "watch": 0}
        said = self.call("POST", "/rules/activate", body)
        if said["became"] != "runs":
            raise Refused(f"the rules were not taken: {said}")

    def rules(self) -> dict[str, str]:
        """The rule files as they are."""
        return dict(self.call("GET", "/rules")["files"])

    def objects(self) -> dict[str, str]:
        """What has become of every image: states by the UID under which it came."""
        states: dict[str, str] = {}
        for study in self._pages("/studies", "studies"):
            for one in self._pages(f"/studies/{study['study']['id']}/objects", "objects"):
                states[one["sop"]] = one["state"]
        return states

    def _pages(self, path: str, name: str) -> list[Any]:
        found: list[Any] = []
        after = ""
        while True:
            page = self.call("GET", f"{path}?most=100{f'&after={after}' if after else ''}")
            found += page[name]
            after = page["next"]
            if not after:
                return found

    def upload(self, name: str, data: BinaryIO, size: int) -> None:
        """An update, as the page sends it. Raises Refused."""
        self._put("/updates/upload", data, size, X_File_Path=quote(name))

    def upload_backup(self, data: BinaryIO, size: int) -> None:
        """The same of a backup that is to be restored."""
        self._put("/system/restore/upload", data, size)

    def _put(self, where: str, data: BinaryIO, size: int, **more: str) -> None:
        have = 0
        while have < size:
            said = {"X_File_Size": str(size), "X_File_Offset": str(have), **more}
            kind = {"Content_Type": "application/octet-stream", "X_CSRF_Token": self.browser.token()}
            data.seek(have)
            answer = self.browser.ask("POST", f"/api/v1{where}", data.read(PIECE), **said, **kind)
            if answer.status >= 400:
                raise Refused(f"{answer.status} {_plain(answer)}")
            if answer.json["have"] <= have:
                raise Refused(f"nothing of it is taken from {have} on")
            have = answer.json["have"]

    def updates(self) -> dict[str, Any]:
        """What runs, what lies ready, and what the machine has said. It signs in anew: it may have been restarted."""
        self.sign_in()
        return dict(self.call("GET", "/updates"))

    def wait(self, happens: Callable[[], bool], otherwise: Callable[[], str], seconds: float) -> None:
        """Wait until the console says that something is so; it may be away meanwhile. Raises Refused."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException, Refused, AssertionError):
                if happens():
                    return
            if time.monotonic() > end:
                raise Refused(otherwise())
            time.sleep(2)


def _plain(answer: Answer) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", answer.text)[:600]
