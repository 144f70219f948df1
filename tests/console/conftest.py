"""Fixtures for the console: one server for all tests of a file, with a user of each role; a browser (browser.py)."""

from collections.abc import Iterator

import pytest

from appliance.console.roles import Role
from tests import ports
from tests.console.browser import browser, driven, open_page, page, troubles
from tests.console.living import Living
from tests.console.modules import modules, served, site
from tests.console.reviewed import Reviewed
from tests.console.serving import Browser, Serving

__all__ = ["browser", "driven", "modules", "open_page", "page", "served", "site", "troubles"]


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """Its port is the system's choice and held by it alone: tests.ports gives back what it keeps after each test."""
    made = Serving(tmp_path_factory.mktemp("console"), port=_unheld())
    yield made
    made.stop()


@pytest.fixture(scope="module")
def users(console: Serving) -> dict[Role, Browser]:
    """A browser for each role, signed in. Who signs out takes one of their own."""
    return {role: console.user(role.word, role) for role in Role}


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """A running appliance with its console and images of all kinds, for all tests of a file."""
    made = Living(tmp_path_factory.mktemp("living"))
    try:
        made.fill()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def people(living: Living) -> dict[Role, Browser]:
    """A browser for each role there, signed in."""
    return {role: living.user(role) for role in Role}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reviewed]:
    """A running appliance with its console, to which ultrasound images come that are to be reviewed."""
    made = Reviewed(tmp_path_factory.mktemp("reviewed"))
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def who(house: Reviewed) -> dict[Role, Browser]:
    """A browser for each role there, signed in."""
    return {role: house.user(role) for role in Role}


def _unheld() -> int:
    port = ports.free_port()
    ports.give_back()
    return port
