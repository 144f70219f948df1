"""A console for tests: the real command in a process of its own, and a browser that keeps cookies, without scripts."""

import gzip
import html
import http.client
import http.cookies
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from appliance.console.accounts import Accounts
from appliance.console.keys import Links, Tokens
from appliance.console.roles import Role
from tests.certificates import self_signed
from tests.ports import free_port

PASSWORD = "a long enough one"


@cache
def trusting() -> ssl.SSLContext:
    """Any certificate passes: ours is self-signed."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def answers(port: int) -> bool:
    """Whether a console does, behind which an appliance runs."""
    try:
        return Browser(port).get("/healthz").status == 200
    except (OSError, http.client.HTTPException):
        return False


@dataclass(frozen=True)
class Answer:
    """What a server has said."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        """The body, unpacked."""
        packed = self.headers.get("Content-Encoding") == "gzip"
        return (gzip.decompress(self.body) if packed else self.body).decode("utf-8")

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    @property
    def to(self) -> str:
        """Where a redirect leads."""
        return str(self.headers.get("Location", ""))

    @property
    def csrf(self) -> str:
        """The token that a page's forms bring along."""
        found = re.search(r'name="csrf" (?:content|value)="([^"]+)"', self.text)
        return html.unescape(found[1]) if found else ""


@dataclass
class Browser:
    """One browser: its cookies, and what it says of itself. As browsers do, it keeps its line, one for each thread."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: {"Accept-Language": "en"})
    _kept: threading.local = field(default_factory=threading.local, repr=False, compare=False)
    _tokens: dict[str, str] = field(default_factory=dict, repr=False, compare=False)
    seconds: float = 30
    """For one answer."""

    def ask(self, method: str, path: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """One request; redirects are not followed. `Content_Type` is written with a hyphen."""
        said = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            said["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        line = getattr(self._kept, "line", None)
        try:
            answer = self._ask(line, method, path, body, said) if line is not None else None
        except (http.client.RemoteDisconnected, ConnectionError, ssl.SSLError):
            answer = None  # it was closed meanwhile, before anything was asked on it
        if answer is None:
            line = self._kept.line = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=self.seconds, context=trusting()
            )
            answer = self._ask(line, method, path, body, said)
        self._keep(answer)
        return answer

    def _ask(
        self, line: http.client.HTTPSConnection, method: str, path: str, body: bytes | str | None, said: dict[str, str]
    ) -> Answer:
        try:
            line.request(method, path, body, said)
            got = line.getresponse()
            return Answer(got.status, got.headers, got.read())
        except BaseException:
            line.close()
            self._kept.line = None
            raise

    def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, *, csrf: str | None = None, on: str = "", **fields: str) -> Answer:
        """Send the form of the page `on` (the same address, where nothing is said), with its token."""
        token = self.get(on or path).csrf if csrf is None else csrf
        body = urlencode({**fields, "csrf": token})
        return self.ask("POST", path, body, Content_Type="application/x-www-form-urlencoded")

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """An operation of the API, as a page's script calls it."""
        said = {"X-CSRF-Token": self.token(), **headers} if method != "GET" and self.cookies else headers
        text = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        return self.ask(method, f"/api/v1{path}", text, **{**kind, **said})

    def token(self) -> str:
        """That of this session: good for as long as the session is."""
        session = self.cookies.get("__Host-session", "")
        if not self._tokens.get(session):
            self._tokens[session] = self.get("/account").csrf
        return self._tokens[session]

    def sign_in(self, name: str, password: str = PASSWORD) -> "Browser":
        """As a person does."""
        answer = self.post("/sign-in", name=name, password=password)
        assert answer.status == 303, answer.text
        return self

    def _keep(self, answer: Answer) -> None:
        for line in answer.headers.get_all("Set-Cookie") or ():
            for name, morsel in http.cookies.SimpleCookie(line).items():
                if morsel.value:
                    self.cookies[name] = morsel.value
                else:
                    self.cookies.pop(name, None)


class Serving:
    """`stellwerk console` on a folder."""

    def __init__(self, root: Path, *, port: int = 0, **settings: str) -> None:
        self.data = root / "data"
        self.port = port or free_port()
        self.log = root / "console.log"
        (self.data / "tls").mkdir(parents=True, exist_ok=True)
        shutil.copy(self_signed(root / "made").chain, self.data / "tls" / "own.pem")
        self._environment = {"STELLWERK_ADDRESS": "127.0.0.1", "STELLWERK_CONSOLE_PORT": str(self.port)}
        self._environment |= {f"STELLWERK_{name.upper()}": value for name, value in settings.items()}
        self.accounts = Accounts(self.data / "secrets" / "console-users.json")
        self.links = Links(self.data / "secrets" / "console-links.json")
        self.tokens = Tokens(self.data / "secrets" / "console-tokens.json")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "appliance", "console", "--data", str(self.data)]
            self.process = subprocess.Popen(
                command, env={**os.environ, **self._environment}, stderr=log, stdin=subprocess.DEVNULL
            )
        end = time.monotonic() + 60
        while True:
            try:
                self.browser().get("/healthz")
                return
            except OSError:
                assert self.process.poll() is None, self.said()
                assert time.monotonic() < end, self.said()
                time.sleep(0.05)

    def said(self) -> str:
        """Its log."""
        return self.log.read_text("utf-8", errors="replace")

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            self.process.kill()

    def browser(self, **headers: str) -> Browser:
        """A browser that has never been here."""
        browser = Browser(self.port)
        browser.headers |= {name.replace("_", "-"): value for name, value in headers.items()}
        return browser

    def user(self, name: str, role: Role = Role.ADMIN) -> Browser:
        """A browser of this user, who is made if need be, signed in."""
        if self.accounts.find(name) is None:
            self.accounts.add(name, role, PASSWORD)
        return self.browser().sign_in(name)
