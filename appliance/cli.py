"""`stellwerk`: the command line. Exit codes: 0 fine, 1 findings or failures, 2 wrong usage."""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Protocol, cast

from appliance.rulebook import NoRules
from appliance.settings import SettingsError


class Command(Protocol):
    """One file of appliance.commands."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit code."""


MODULES = {"import": "import_", "rules-git": "rules_git"}
"""Commands whose names cannot be those of a file of Python."""

COMMANDS = (
    "run",
    "check",
    "fmt",
    "test",
    "explain",
    "regions",
    "plan",
    "diff",
    "deid",
    "send",
    "import",
    "migrate",
    "console",
    "spool",
    "review",
    "ledger",
    "journal",
    "replay",
    "rules-git",
    "tls",
    "user",
    "key",
    "reidentify",
    "backup",
    "restore",
    "support",
    "demo",
    "torture",
    "lsp",
    "machine",
)
"""In the order in which they are shown; each is a file of appliance.commands."""


def command(name: str) -> Command:
    """The module of this command, imported when it is asked for: most need little of what the others need."""
    return cast(Command, import_module(f"appliance.commands.{MODULES.get(name, name)}"))


def reading(first: str) -> argparse.ArgumentParser:
    """The parser of the command that `first` names; of all of them where it names none: that is help, or a mistake."""
    parser = argparse.ArgumentParser(
        prog="stellwerk", description="Receives, cleans, stores and forwards medical images, as rule files say."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in (first,) if first in COMMANDS else COMMANDS:
        module = command(name)
        summary = (module.__doc__ or "").partition(":")[2].strip().partition("\n")[0]
        module.add(commands.add_parser(name, help=summary, description=summary))
    if first not in COMMANDS:
        from engine import pixels

        words_of_version = f"stellwerk {version('stellwerk')}, blanks JPEG in {pixels.JPEG_BY}"
        parser.add_argument("--version", action="version", version=words_of_version)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    words = sys.argv[1:] if words is None else words
    arguments = reading(words[0] if words else "").parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # pynetdicom logs what it sends and receives, values included: never below an error of its own.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    # It tells of each wake-up; what a wake-up has brought about is told by us.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")  # pydicom's quote what they warn of
    os.umask(0o077)  # images, and the folders named after patients, are for this account alone
    try:
        return command(arguments.command).run(arguments)
    except (SettingsError, NoRules) as error:
        print(f"stellwerk: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `stellwerk spool | head`: the reader has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
