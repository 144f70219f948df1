"""A page for one module of the console's static folder: served under the console's content security policy, by itself.

A test hands in the script of the page and gets the page, with what the script has put on `window.made`.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

import pytest
import tornado.httpserver
import tornado.netutil
import tornado.web
from playwright.sync_api import Page

from tests.console.browser import OpenPage
from tests.house.tree import ROOT

STATIC = ROOT / "appliance/console/static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""As the console sends it. No module may need more."""

PAGE = """<!doctype html>
<html lang="{language}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Modules</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script></head>
<body><main><h1>Modules</h1><div id="place"></div><button id="after">After it</button></main></body>
</html>
"""
STYLE = """
body { margin: 1rem; font-family: sans-serif; background: #fff; color: #1a2129 }
@media (prefers-color-scheme: dark) { body { background: #14181d; color: #e4e8ec } }
"""
FRAME = """<svg xmlns="http://www.w3.org/2000/svg" width="640" height="480">
<rect width="640" height="480" fill="#444"/></svg>"""

Modules = Callable[..., Page]


@dataclass
class Site:
    """The server: what pages there are, and what was posted to /files, how, and what is answered next."""

    address: str = ""
    pages: dict[str, str] = field(default_factory=dict)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    answers: list[tuple[int, str]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


class _Base(tornado.web.RequestHandler):
    site: Site

    def initialize(self, site: Site) -> None:
        self.site = site

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)


class _Page(_Base):
    def get(self) -> None:
        self.finish(PAGE.format(language=self.get_argument("lang")))


class _Made(_Base):
    def get(self, kind: str) -> None:
        types = {"js": "text/javascript", "css": "text/css"}
        self.set_header("Content-Type", types[kind])
        self.finish(self.site.pages.get("js", "") if kind == "js" else STYLE)


class _Frame(_Base):
    def get(self, number: str) -> None:
        if int(number) > 9:
            raise tornado.web.HTTPError(404)
        self.set_header("Content-Type", "image/svg+xml")
        self.finish(FRAME)


class _Files(_Base):
    def post(self) -> None:
        status, message = self.site.answers.pop(0) if self.site.answers else (200, "")
        self.site.headers.append(dict(self.request.headers))
        if status == 200:
            self.site.files.append((unquote(self.request.headers["X-File-Path"]), self.request.body))
        self.set_status(status)
        self.finish({"title": message})


class _Static(tornado.web.StaticFileHandler):
    def set_extra_headers(self, path: str) -> None:
        self.set_header("Content-Security-Policy", POLICY)


@pytest.fixture(scope="session")
def served() -> Iterator[Site]:
    """The server, in a thread of its own, for all tests of this process."""
    site = Site()
    ready = threading.Event()
    ends: list[Callable[[], None]] = []

    async def serve() -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        given = {"site": site}
        server = tornado.httpserver.HTTPServer(
            tornado.web.Application(
                [
                    (r"/", _Page, given),
                    (r"/page\.(js|css)", _Made, given),
                    (r"/frames/(\d+)", _Frame, given),
                    (r"/files", _Files, given),
                    (r"/static/(.*)", _Static, {"path": STATIC}),
                ],
                log_function=lambda _handler: None,
            )
        )
        (listening,) = tornado.netutil.bind_sockets(0, "127.0.0.1")
        server.add_sockets([listening])
        site.address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ends.append(lambda: loop.call_soon_threadsafe(over.set))
        ready.set()
        await over.wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="pages for tests")
    thread.start()
    assert ready.wait(10)
    yield site
    ends[0]()
    thread.join(10)


@pytest.fixture
def site(served: Site) -> Site:
    """The server, as nobody has used it yet."""
    served.pages.clear()
    served.files.clear()
    served.answers.clear()
    served.headers.clear()
    return served


@pytest.fixture
def modules(site: Site, open_page: OpenPage) -> Modules:
    """A function that opens a page with a script of its own: modules(script, language="de", width=390).

    The script finds `place`, an empty element, and `window.made`, for what the test wants to ask it later.
    """

    def opened(script: str, **how: object) -> Page:
        site.pages["js"] = (
            f"const place = document.getElementById('place');\n{script}\ndocument.body.dataset.ready = '';\n"
        )
        # Imports of a module stand first in it, wherever they are written: the script may begin with them.
        page = open_page(**how)
        page.goto(f"{site.address}/?lang={how.get('language', 'en')}")
        page.wait_for_selector("body[data-ready]")
        return page

    return opened
