"""Pages of a real console in a real browser, by somebody who has signed in already."""

from typing import Any

from playwright.sync_api import Page

from tests.console.browser import OpenPage
from tests.console.serving import Browser


def visit(open_page: OpenPage, who: Browser, path: str, **more: Any) -> Page:
    """Open this page with the cookies of `who`; more: what open_page takes (language, width, dark …)."""
    page = open_page(**more)
    address = f"https://127.0.0.1:{who.port}"
    cookies = [{"name": name, "value": value, "url": address, "secure": True} for name, value in who.cookies.items()]
    page.context.add_cookies(cookies)  # type: ignore[arg-type]
    page.goto(address + path)
    return page
