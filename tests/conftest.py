"""For every test: it leaves the process as it found it, and what it kept of the machine's ports is free again."""

import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pydicom  # noqa: F401  # imported in the middle of a test, these set up their loggers there
import pynetdicom  # noqa: F401
import pytest
from hypothesis import settings

from tests import ports

# A time limit for one example tells of the machine's load and of nothing else; pytest's own is kept.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

SET_BY_US = ("pydicom", "pynetdicom", "apscheduler", "tornado.general", "tornado.access", "tornado.application")
"""Loggers of packages that a command, or a web port, makes quieter for its whole process, as it should."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD, signal.SIGPIPE)


def standing() -> dict[str, object]:
    """What a whole process shares, by name: a test that changes it decides how the tests after it end."""
    kept: dict[str, object] = {
        "the working directory": os.getcwd(),  # noqa: PTH109  # a Path costs more, twice in each test
        "the umask": Path("/proc/self/status").read_text("utf-8").partition("Umask:")[2].partition("\n")[0],
        "logging.disable": logging.root.manager.disable,
        "the root logger's level": logging.root.level,
    }
    kept |= {f"what {one.name} does": signal.getsignal(one) for one in SIGNALS}
    kept |= {f"{name} in the environment": value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    for name, logger in logging.root.manager.loggerDict.items():
        if isinstance(logger, logging.Logger):
            kept[f"logger {name}"] = (logger.level, logger.propagate, logger.disabled, tuple(logger.handlers))
    return kept


def changed(before: dict[str, object], after: dict[str, object]) -> list[str]:
    """The names of what is other than it was. A logger that is new came with a module imported in between."""
    names = [name for name in before | after if before.get(name) != after.get(name)]
    return [name for name in names if name in before or not name.startswith("logger ")]


def put_back(umask: str, levels: list[int]) -> None:
    """Undo what a command has set for the process that it believes to have for itself (see `appliance/cli.py`)."""
    os.umask(int(umask, 8))
    for name, level in zip(SET_BY_US, levels, strict=True):
        logging.getLogger(name).setLevel(level)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    levels = [logging.getLogger(name).level for name in SET_BY_US]
    before = standing()
    yield
    ports.give_back()
    put_back(str(before["the umask"]), levels)
    left = changed(before, standing())
    assert not left, f"the test leaves changed: {', '.join(left)}"
