"""What every answer of the console has: who asks, in which language, headers that keep strangers out, errors in words.

It must not know any page or operation.
"""

import gzip
import html
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from tornado.web import HTTPError, RequestHandler

from appliance.console.context import Context, Who
from appliance.console.page import Page
from appliance.console.roles import Role
from appliance.console.sessions import csrf_token, is_csrf_token
from appliance.console.static_files import StaticFiles
from appliance.console.words import LANGUAGES, Refusal, Sentence, preferred, say
from appliance.supervise import where
from engine.addresses import plain

log = logging.getLogger("stellwerk.console")

T = TypeVar("T")

SESSION, VISITOR, LANGUAGE = "__Host-session", "__Host-visitor", "__Host-language"
"""Cookies. `__Host-`: only from here, only by HTTPS, for this host alone (RFC 6265bis section 4.1.3.2)."""

CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
SAFE = ("GET", "HEAD", "OPTIONS")

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # With no referrer at all, browsers send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
_SMALL = 1024
_YEAR = 365

_WRONG_WORDS = {
    400: "The request cannot be understood.",
    403: "Your role does not allow this.",
    404: "There is nothing at this address.",
    405: "This cannot be done here.",
    413: "This is too large.",
    500: "A fault of the software. It is in the log, without what you have typed.",
}


class Handler(RequestHandler):
    """The base of all. `who` is None where nobody has signed in."""

    context: Context
    files: StaticFiles
    places: list[Page]
    page: Page | None = None
    who: Who | None = None

    def initialize(self, context: Context, files: StaticFiles, places: list[Page]) -> None:
        """Called by Tornado."""
        self.context, self.files, self.places = context, files, places

    # --- headers -----------------------------------------------------------------------------------------

    def set_default_headers(self) -> None:
        """Called by Tornado, also anew before it answers an error."""
        self.nonce = getattr(self, "nonce", "") or secrets.token_urlsafe(16)
        for name, value in _HEADERS.items():
            self.set_header(name, value)
        allowed = f" 'nonce-{self.nonce}'" if self.page is not None and self.page.nonce else ""
        self.set_header("Content-Security-Policy", _POLICY.format(nonce=allowed))
        self.clear_header("Server")

    # --- who, and from where -----------------------------------------------------------------------------

    @property
    def address(self) -> str:
        """The other side's."""
        try:
            return plain(self.request.remote_ip or "")
        except ValueError:
            return ""

    def recognise(self) -> None:
        """Find out who asks, by the session's cookie. Raises OSError."""
        secret = self.get_cookie(SESSION, "")
        session = self.context.sessions.find(secret, touch=self.is_a_click()) if secret else None
        account = None if session is None else self.context.accounts.find(session.name)
        if session is not None and account is not None and not account.disabled:
            self.who = Who(account.name, account.role, account.language, session)

    def is_a_click(self) -> bool:
        """Whether a person has done something: what a page asks for by itself keeps no session alive."""
        return "X-Background" not in self.request.headers

    def check_origin(self) -> None:
        """What changes something comes from a page of ours that knows the token. Raises HTTPError."""
        if self.request.method in SAFE:
            return
        headers = self.request.headers
        own = f"https://{self.request.host}"
        elsewhere = headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none")
        if elsewhere or headers.get("Origin", own) != own:
            raise HTTPError(403, reason="cross-site")
        secret = self._csrf_secret()
        token = headers.get(CSRF_HEADER) or self.get_body_argument(CSRF_FIELD, "")
        if not secret or not is_csrf_token(token, secret):
            raise HTTPError(403, reason="csrf")

    def csrf_token(self) -> str:
        """What a form of this page brings along."""
        if not self._csrf_secret():
            self._visitor = secrets.token_urlsafe(32)
            self.set_host_cookie(VISITOR, self._visitor)
        return csrf_token(self._csrf_secret())

    def _csrf_secret(self) -> str:
        if self.who is not None:
            return self.get_cookie(SESSION, "") or ""
        return getattr(self, "_visitor", "") or self.get_cookie(VISITOR, "") or ""

    def set_host_cookie(self, name: str, value: str, days: int | None = None) -> None:
        """A cookie that neither scripts nor other sites get; without days it ends with the browser."""
        self.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="Strict", expires_days=days)

    # --- languages ---------------------------------------------------------------------------------------

    @property
    def language(self) -> str:
        """The one of the user, else the one chosen on this browser, else the browser's own."""
        chosen = (self.who.language if self.who else "") or self.get_cookie(LANGUAGE, "")
        if chosen in LANGUAGES:
            return chosen
        return preferred(self.request.headers.get("Accept-Language", ""), self.context.settings.language)

    def say(self, text: str, **facts: object) -> str:
        """A sentence in the language of whoever reads it."""
        return say(self.language, text, **facts)

    # --- answers -----------------------------------------------------------------------------------------

    def aside(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do in a thread what may wait."""
        return self.context.aside(work)

    async def note(self, did: str, *on: str, detail: str = "", who: str = "") -> None:
        """Write into the audit what was done. Raises OSError."""
        name = who or (self.who.name if self.who else "")
        await self.aside(lambda: self.context.audit.note(name, did, on, self.address, detail))

    def answer(self, data: bytes, kind: str) -> None:
        """Send it, compressed where that is worth it, and end."""
        self.set_header("Content-Type", kind)
        self.set_header("Vary", "Accept-Encoding, Accept-Language, Cookie")
        if len(data) > _SMALL and "gzip" in self.request.headers.get("Accept-Encoding", ""):
            self.set_header("Content-Encoding", "gzip")
            data = gzip.compress(data, 5, mtime=0)
        self.finish(data)

    def answer_json(self, value: object, kind: str = "application/json") -> None:
        """Send it as JSON, and end."""
        self.answer(json.dumps(value, ensure_ascii=False).encode(), kind)

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Where, and not what: the text of an exception may quote an image."""
        if isinstance(value, HTTPError | Refusal) or tb is None:
            return
        log.error("a fault of the software: %s at %s", type(value).__name__, where(value))

    def sentence_of(self, status: int, error: object) -> tuple[int, str]:
        """The status that is answered in the end, and why, in words."""
        if isinstance(error, Refusal):
            return error.status, error.sentence.said(self.language)
        if isinstance(error, HTTPError) and error.reason in ("csrf", "cross-site"):
            return 403, self.say("This page is too old, or the request came from another site. Load it again.")
        return status, self.say(_WRONG_WORDS.get(status, _WRONG_WORDS[500] if status >= 500 else _WRONG_WORDS[400]))


class PageHandler(Handler):
    """A page: `facts` answers what its template shows, `act` does what a form asks for."""

    page: Page

    async def prepare(self) -> None:
        """Let in whoever may come in."""
        self.recognise()
        if self.who is None and self.page.least is not None:
            to = f"?{urlencode({'next': self.request.uri})}" if self.request.method in SAFE else ""
            self.redirect(f"/sign-in{to}", status=303)
            return
        self.check_origin()
        if self.who is not None and self.page.least is not None and self.who.role < self.page.least:
            raise HTTPError(403)

    async def facts(self, *groups: str) -> dict[str, Any]:
        """What the template needs. Raises Refusal."""
        return {}

    async def act(self, *groups: str) -> str | None:
        """Do what the form asks for; answers the address to go on to, None for this page again. Raises Refusal."""
        raise HTTPError(405)

    async def get(self, *groups: str) -> None:
        """Show the page."""
        self.show(**await self.facts(*groups))

    async def post(self, *groups: str) -> None:
        """Do it, then show a page; what is refused is said there."""
        try:
            target = await self.act(*groups)
        except Refusal as refusal:
            if self.who is None or self.who.session is None:
                raise
            self.tell(refusal.sentence, "bad")
            target = None
        if not self._finished:
            self.redirect(target or self.request.path, status=303)

    def tell(self, sentence: Sentence, kind: str = "good") -> None:
        """Say it on the next page that this browser is shown. kind: good, bad or note."""
        if self.who is not None and self.who.session is not None:
            self.who.session.notices.append((kind, sentence.said(self.language)))

    def field(self, name: str, most: int = 200) -> str:
        """What was typed into a field of a form. Raises Refusal where it is too long."""
        value = self.get_body_argument(name, "", strip=True)
        if len(value) > most:
            raise Refusal(422, "This is too long.")
        return value

    def show(self, *, status: int = 200, template: str = "", title: str = "", **facts: Any) -> None:
        """Render the template, and end. title: instead of the page's own, said already."""
        self.set_status(status)
        named = title or self.say(self.page.title if self.page else "Not found")
        text = self.render_string(template or self.page.template, title=named, **facts)
        self.answer(text, "text/html; charset=utf-8")

    def get_template_namespace(self) -> dict[str, Any]:
        """What every template may use, beside Tornado's own."""
        who = self.who
        places = [one for one in self.places if who is not None and one.least is not None and who.role >= one.least]
        return {
            **super().get_template_namespace(),
            "_": self.say,
            "say": self.say,
            "who": who,
            "Role": Role,
            "language": self.language,
            "places": places,
            "here": self.page,
            "static": self.files.address,
            "csrf": self.csrf_token,
            "csrf_field": lambda: f'<input type="hidden" name="{CSRF_FIELD}" value="{self.csrf_token()}">',
            "nonce": self.nonce if self.page is not None and self.page.nonce else "",
            "notices": self._notices(),
            "when": self.when,
            "json_block": json_block,
            "segment": lambda text: quote(text, safe=""),
            "version": version("stellwerk"),
        }

    def when(self, moment: float | str) -> str:
        """A moment by this machine's clock: seconds since 1970, or ISO 8601."""
        at = datetime.fromtimestamp(moment) if isinstance(moment, int | float) else datetime.fromisoformat(moment)
        return at.astimezone().strftime("%d.%m.%Y %H:%M" if self.language == "de" else "%Y-%m-%d %H:%M")

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Called by Tornado."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        status, words = self.sentence_of(status_code, error)
        self.show(status=status, template="error.html", title=self.say("Not possible"), words=words)

    def _notices(self) -> list[tuple[str, str]]:
        session = self.who.session if self.who else None
        if session is None:
            return []
        said, session.notices = session.notices, []
        return said


def json_block(name: str, value: object) -> str:
    """Data for a page's scripts, as an element that no browser runs; {% raw json_block(…) %}."""
    text = json.dumps(value, ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>'


class Nowhere(PageHandler):
    """What is at no address that we have."""

    page = Page(".*", "Not found", "error.html", least=None)

    async def get(self, *groups: str) -> None:
        """Say so."""
        raise HTTPError(404)

    async def act(self, *groups: str) -> str | None:
        """Say so."""
        raise HTTPError(404)


class Start(PageHandler):
    """The first address: the first page that the role may see."""

    page = Page("/", "Not found", "error.html")

    async def get(self, *groups: str) -> None:
        """Go there."""
        assert self.who is not None
        mine = (one.path for one in self.places if one.least is not None and self.who.role >= one.least)
        self.redirect(next(mine, "/account"))


class Static(Handler):
    """A file for browsers."""

    async def get(self, asked_version: str, name: str) -> None:
        """Send it, to be kept for a year where the address has the digest of what it is."""
        file = self.files.find(name)
        if file is None:
            raise HTTPError(404)
        self.set_header("Content-Type", file.kind)
        self.set_header("Vary", "Accept-Encoding")
        fresh = asked_version == self.files.version
        self.set_header("Cache-Control", f"public, max-age={_YEAR * 86400}, immutable" if fresh else "no-cache")
        zipped = bool(file.zipped) and "gzip" in self.request.headers.get("Accept-Encoding", "")
        if zipped:
            self.set_header("Content-Encoding", "gzip")
        self.finish(file.zipped if zipped else file.plain)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """In a word: nobody reads it."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish("not found" if status_code == 404 else "no")


class Healthz(Handler):
    """Whether all is up, for a monitor: a word, and nothing else."""

    async def get(self) -> None:
        """200 while the appliance answers, otherwise 503."""
        up = await self.aside(self.context.running.answers)
        self.set_status(200 if up else 503)
        self.answer(b"ok\n" if up else b"the appliance does not answer\n", "text/plain; charset=utf-8")
