"""A browser for tests of pages: Debian's Chromium, driven by Playwright, started once in a test process.

A page fails its test by any error on the browser's console, which is also where violations of the content security
policy stand, and by any exception of a script. What a test expects of that it allows: `troubles.allow(pattern)`.

    SHOTS=/tmp/shots pytest tests/console     writes what `shoot` is called for, at two widths, light and dark

It must not know the appliance: the address of what is to be looked at is handed in.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.house.tree import ROOT

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The first is the same browser without windows: opening a page in a context of its own costs a quarter of the time."""

GRAVE = ("serious", "critical")
WIDTHS = {1280: 800, 390: 844}
"""Widths at which pages are looked at, a desk's and a telephone's, with the height of each, in CSS pixels."""

OpenPage = Callable[..., Page]


class Troubles(list[str]):
    """What went wrong on the pages of a test, in words; without what the test allows."""

    def __init__(self) -> None:
        super().__init__()
        self._allowed: list[re.Pattern[str]] = []

    def allow(self, pattern: str) -> None:
        """Expect errors like this one: not found and refused answers are errors to a browser, too."""
        self._allowed.append(re.compile(pattern))

    def watch(self, page: Page) -> None:
        """Note every error of this page from now on."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.append(f"exception: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.append(f"{message.text} ({message.location.get('url', '')})")

    def left(self) -> list[str]:
        """Those that nobody expected."""
        return [one for one in self if not any(allowed.search(one) for allowed in self._allowed)]


class Driven:
    """A running browser. Playwright's event loop counts as running in this thread only while a test uses it.

    Without that, no other test of this process could call `asyncio.run` any more.
    """

    def __init__(self, browser: Browser, loop: asyncio.AbstractEventLoop) -> None:
        self.browser = browser
        self._loop = loop

    @contextmanager
    def used(self) -> Iterator[Browser]:
        """The browser, for one test."""
        asyncio._set_running_loop(self._loop)
        try:
            yield self.browser
        finally:
            asyncio._set_running_loop(None)


@pytest.fixture(scope="session")
def driven() -> Iterator[Driven]:
    """Chromium, started once; in a container as root it can only run without its sandbox, and only tests do that."""
    if CHROMIUM is None:
        pytest.skip("no chromium here; .ci/run installs it")
    playwright = sync_playwright().start()
    try:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        loop = asyncio.get_running_loop()
        asyncio._set_running_loop(None)
        yield Driven(browser, loop)
        asyncio._set_running_loop(loop)
        browser.close()
    finally:
        playwright.stop()
        asyncio._set_running_loop(None)


@pytest.fixture
def browser(driven: Driven) -> Iterator[Browser]:
    """The browser, for contexts of your own; usually `page` or `open_page` is what you want."""
    with driven.used() as browser:
        yield browser


@pytest.fixture
def troubles() -> Troubles:
    """What goes wrong on the pages of this test."""
    return Troubles()


@pytest.fixture
def open_page(browser: Browser, troubles: Troubles) -> Iterator[OpenPage]:
    """A function that opens a page of its own, with cookies of its own: another person, or another device.

    open_page(language="de", width=390, dark=True, **what Browser.new_context takes). Any certificate is taken. What a
    page is asked later must be a function (`page.wait_for_function("() => …")`): its policy forbids `eval` of text.
    """
    contexts = []

    def opened(language: str = "en", width: int = 1280, dark: bool = False, **more: Any) -> Page:
        context = browser.new_context(
            ignore_https_errors=True,
            locale={"de": "de-DE", "en": "en-GB"}[language],
            timezone_id="Europe/Berlin",
            viewport={"width": width, "height": WIDTHS.get(width, 800)},
            color_scheme="dark" if dark else "light",
            **more,
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        troubles.watch(page)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not troubles.left(), "errors on the page:\n" + "\n".join(troubles.left())


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    """One page in English, 1280 pixels wide, light."""
    return open_page()


def axe(page: Page) -> None:
    """No serious or critical finding of axe-core on the page as it stands."""
    answer = Axe().run(page, options={"resultTypes": ["violations"]}).response
    grave = [one for one in answer["violations"] if one["impact"] in GRAVE]
    places = [
        f"{one['impact']}: {one['help']} ({one['id']})\n    {node['target']} {node['html'][:200]}\n"
        f"    {node['failureSummary']}"
        for one in grave
        for node in one["nodes"]
    ]
    assert not places, "not accessible:\n" + "\n".join(places)


def too_wide(page: Page) -> int:
    """By how many pixels the page is wider than the window: it would have to be moved sideways to be read."""
    return int(page.evaluate("document.scrollingElement.scrollWidth - document.documentElement.clientWidth"))


def shoot(page: Page, name: str) -> None:
    """Look at the page at both widths, light and dark: it must fit, and SHOTS=folder keeps what is seen.

    The folder may not lie in the repository: pages show patients.
    """
    folder = Path(os.environ["SHOTS"]).resolve() if os.environ.get("SHOTS") else None
    assert folder is None or not folder.is_relative_to(ROOT), "SHOTS must lie outside the repository"
    size = page.viewport_size
    for width, height in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(100)  # what is drawn by width is drawn anew in the next frame
        assert too_wide(page) <= 0, f"at {width} pixels the page is {too_wide(page)} too wide"
        for scheme in ("light", "dark") if folder else ():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(50)
            folder.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=True)
    if size:
        page.set_viewport_size(size)
    page.emulate_media(color_scheme=None)
