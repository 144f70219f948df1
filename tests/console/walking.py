"""Every address of the console, found by walking: what is declared, and where the pages lead.

Whoever adds a page, an operation or a form need not tell these tests of it. It must not know any particular one.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit

from tornado.web import RequestHandler

from appliance.console.api import BASE, ApiHandler, Operation, OperationHandler, declared
from appliance.console.app import routes
from appliance.console.events import Events
from appliance.console.handler import PageHandler
from appliance.console.page import handlers
from tests.console.serving import Answer, Browser

EVENTS = f"{BASE}/events"
"""The only answer that has no end; test_api.py reads it."""

ALIKE = 3
"""So many addresses of one page are looked at: a page of a patient is not looked at for each patient."""

METHODS = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Route:
    """One address, with groups. method: of those that change something; a page has POST."""

    pattern: str
    handler: type[RequestHandler]
    operations: tuple[Operation, ...] = ()

    @property
    def is_page(self) -> bool:
        """Whether a person looks at it."""
        return issubclass(self.handler, PageHandler)

    @property
    def is_stream(self) -> bool:
        """Whether it is beside pages and operations: an upload, an image."""
        return issubclass(self.handler, ApiHandler) and not issubclass(self.handler, OperationHandler)

    @property
    def changing(self) -> list[str]:
        """Methods that may change something here."""
        if self.operations:
            return [one.method for one in self.operations if one.method in METHODS]
        refused = RequestHandler._unimplemented_method
        return [name for name in METHODS if getattr(self.handler, name.lower()) is not refused]

    def at(self, value: str = "nobody") -> str:
        """An address that fits, with this in place of each group, or the shortest that the group takes instead."""
        return "".join(
            part if number % 2 == 0 else _fitting(part, value)
            for number, part in enumerate(re.split(r"\(((?:[^()]|\\.)*)\)", self.pattern.replace("\\.", ".")))
        )


def found() -> list[Route]:
    """All that the server answers, but for its files and what stands for anything else."""
    walked = []
    for pattern, handler, parts in routes({}, handlers(), Events([], _never)):
        if pattern not in ("/api/.*", EVENTS) and not pattern.startswith("/static/"):
            walked.append(Route(pattern, handler, tuple(parts.get("at", {}).values())))
    return walked


@dataclass
class Form:
    """One form of a page, as whoever looks at it could send it: `buttons` are what of it can be pressed."""

    page: str
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    typed: list[str] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def sent(self) -> Iterator[dict[str, str]]:
        """What is sent by each button."""
        fields = {name: value for name, value in self.fields.items() if name != "csrf"}
        for name, value in self.buttons or [("", "")]:
            yield {**fields, name: value} if name else fields


class Reading(HTMLParser):
    """What is in a page. faults: elements that our policy lets nobody run, and such as only a visitor makes."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__()
        self.path = path
        self.links: list[str] = []
        self.forms: list[Form] = []
        self.faults: list[str] = []
        self.titles = 0
        self._form: Form | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called by the parser."""
        told = {name: value or "" for name, value in attrs}
        self.titles += tag == "title"
        runs = tag == "script" and not told.get("src") and told.get("type") != "application/json"
        self.faults += [f"<{tag} {name}>" for name in told if name.startswith("on") or name == "style"]
        if runs or "-" in tag or tag in ("b", "base"):
            self.faults.append(f"<{tag}>")
        for name in ("href", "src", "action", "formaction"):
            address = told.get(name, "")
            if re.match(r"\s*(javascript|data|vbscript):", address, re.IGNORECASE) or address.startswith("//"):
                self.faults.append(f"{name}={address[:40]}")
            elif name in ("href", "src") and address and not address.startswith("#"):
                self.links.append(address)
        self._note_form(tag, told)

    def _note_form(self, tag: str, told: dict[str, str]) -> None:
        if tag == "form":
            self._form = Form(self.path, told.get("action") or self.path, told.get("method", "get").lower())
            self.forms.append(self._form)
        elif self._form is not None and told.get("name"):
            if tag == "button" or told.get("type") in ("submit", "image"):
                self._form.buttons.append((told["name"], told.get("value", "")))
            elif tag in ("input", "textarea", "select"):
                self._form.fields.setdefault(told["name"], told.get("value", ""))
                if tag == "textarea" or (tag == "input" and told.get("type", "text") in ("text", "search", "url")):
                    self._form.typed.append(told["name"])

    def handle_endtag(self, tag: str) -> None:
        """Called by the parser."""
        if tag == "form":
            self._form = None


@dataclass
class Visit:
    """One page or file as it was answered. route: None where nothing of ours is declared for the address."""

    path: str
    answer: Answer
    reading: Reading
    route: Route | None


def walk(who: Browser, first: tuple[str, ...] = ("/", "/account")) -> list[Visit]:
    """Go wherever pages lead, from the first one on. Only GET: nothing may be changed by it."""
    known = found()
    # What a page is made for and no link leads to is walked, too.
    waiting = [*first, *(one.pattern for one in known if one.is_page and "(" not in one.pattern)]
    asked: set[str] = set()
    alike: dict[str, int] = {}
    visits = []
    for path in waiting:
        route = next((one for one in known if re.fullmatch(one.pattern, urlsplit(path).path)), None)
        kind = f"{route.pattern if route else path}?{bool(urlsplit(path).query)}"
        if path in asked or path.startswith("/static/") or alike.get(kind, 0) >= ALIKE:
            continue
        asked.add(path)
        alike[kind] = alike.get(kind, 0) + 1
        answer = who.get(path)
        html = answer.headers.get_content_type() == "text/html"
        reading = Reading(urlsplit(path).path, answer.text if html else "")
        visits.append(Visit(path, answer, reading, route))
        waiting += list(_local(path, [*reading.links, *([answer.to] if answer.to else [])]))
    return visits


def filled(who: Browser, operation: Operation, value: str = "nobody") -> str:
    """The path of an operation with what a list above it names, such as an id; `value` where there is none."""
    path = operation.path
    while "{" in path:
        above, _, rest = path.partition("{")
        name, _, after = rest.partition("}")
        path = above + quote(_named(who, above.rstrip("/"), name) or value, safe="") + after
    return path


def _named(who: Browser, above: str, name: str) -> str:
    if not any(one.path == above and one.method == "GET" for one in declared()):
        return ""
    answer = who.call("GET", above)
    if answer.status != 200:
        return ""
    lists = [rows for rows in answer.json.values() if isinstance(rows, list) and rows and isinstance(rows[0], dict)]
    for row, key in itertools.product((rows[0] for rows in lists), (name, "id", "name", "key", "number")):
        if isinstance(row.get(key), str | int):
            return str(row[key])
    return ""


async def _never(work: object) -> object:
    raise AssertionError(work)


def _local(page: str, links: list[str]) -> Iterator[str]:
    for link in links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc:
            path = parts.path or urlsplit(page).path
            yield path + (f"?{parts.query}" if parts.query else "")


def _fitting(group: str, value: str) -> str:
    tries = (value, "0" * 16, "0" * 20, "1", "0" * 64, "x-1.png", "before-1.png", "a", "1.2.3")
    return next((one for one in tries if re.fullmatch(group, one)), value)
