"""Fixtures for tests of the console's pages in a browser; see browser.py and modules.py."""

from tests.console.browser import browser, driven, open_page, page, troubles
from tests.console.modules import modules, served, site

__all__ = ["browser", "driven", "modules", "open_page", "page", "served", "site", "troubles"]
