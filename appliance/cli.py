"""`stellwerk`: the command line. Exit codes: 0 fine, 1 findings or failures, 2 wrong usage."""

import argparse
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from typing import Protocol

from appliance.commands import (
    backup,
    check,
    console,
    deid,
    demo,
    diff,
    explain,
    fmt,
    import_,
    journal,
    key,
    ledger,
    lsp,
    machine,
    migrate,
    plan,
    regions,
    reidentify,
    replay,
    restore,
    review,
    run,
    send,
    spool,
    support,
    test,
    tls,
    torture,
    user,
)
from appliance.rulebook import NoRules
from appliance.settings import SettingsError
from engine import pixels


class Command(Protocol):
    """One file of appliance.commands."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit code."""


COMMANDS: dict[str, Command] = {
    "run": run,
    "check": check,
    "fmt": fmt,
    "test": test,
    "explain": explain,
    "regions": regions,
    "plan": plan,
    "diff": diff,
    "deid": deid,
    "send": send,
    "import": import_,
    "migrate": migrate,
    "console": console,
    "spool": spool,
    "review": review,
    "ledger": ledger,
    "journal": journal,
    "replay": replay,
    "tls": tls,
    "user": user,
    "key": key,
    "reidentify": reidentify,
    "backup": backup,
    "restore": restore,
    "support": support,
    "demo": demo,
    "torture": torture,
    "lsp": lsp,
    "machine": machine,
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; answers the exit code."""
    parser = argparse.ArgumentParser(
        prog="stellwerk", description="Receives, cleans, stores and forwards medical images, as rule files say."
    )
    words_of_version = f"stellwerk {version('stellwerk')}, blanks JPEG in {pixels.JPEG_BY}"
    parser.add_argument("--version", action="version", version=words_of_version)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        summary = (command.__doc__ or "").partition(":")[2].strip().partition("\n")[0]
        command.add(commands.add_parser(name, help=summary, description=summary))
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # pynetdicom logs what it sends and receives, values included: never below an error of its own.
    logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    # It tells of each wake-up; what a wake-up has brought about is told by us.
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    warnings.simplefilter("ignore")  # pydicom's quote what they warn of
    os.umask(0o077)  # images, and the folders named after patients, are for this account alone
    try:
        return COMMANDS[arguments.command].run(arguments)
    except (SettingsError, NoRules) as error:
        print(f"stellwerk: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # `stellwerk spool | head`: the reader has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
