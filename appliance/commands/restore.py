"""restore: put a backup in place, all of it or nothing. What it replaces is moved aside, and never deleted."""

import argparse
import contextlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from appliance.backup.passphrase import NoPassphrase, asked
from appliance.backup.restoring import RESTORED, Done, complete, decide, is_empty, stage
from appliance.backup.sealed import NoBackup
from appliance.commands.common import add_settings, settings_of
from appliance.owner import act_as_owner
from appliance.presence import is_running
from appliance.settings import Settings
from engine import files


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the backup; - for the input")
    parser.add_argument("--passphrase-file", type=Path, metavar="FILE", help="has the passphrase in its first line")
    replace = "also where there is something already: it is moved aside, and never deleted"
    parser.add_argument("--replace", action="store_true", help=replace)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when all of it is in place. The appliance must not run meanwhile."""
    settings = settings_of(arguments)
    if str(arguments.file) == "-" and arguments.passphrase_file is None:
        print("stellwerk: with the backup on the input, say --passphrase-file", file=sys.stderr)
        return 2
    try:
        # Before we become the service: it is the admin's file, and that account may not read it.
        with _opened(arguments.file) as stream:
            passphrase = asked(arguments.passphrase_file, twice=False)
            act_as_owner(settings.data)
            return _restore(settings, stream, passphrase, arguments.replace)
    except (NoBackup, NoPassphrase) as error:
        print(f"stellwerk: {error}; nothing was changed", file=sys.stderr)
        return 2
    except BlockingIOError as error:
        print(f"stellwerk: {error.strerror or error}; nothing was changed", file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"stellwerk: {where}{error.strerror or error}", file=sys.stderr)
        return 1


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    with file.open("rb") as stream:
        yield stream


def _restore(settings: Settings, stream: BinaryIO, passphrase: str, replace: bool) -> int:
    data = settings.data
    files.make_folder(data)
    if is_running(settings):
        print(f"stellwerk: an appliance runs in {data}: stop it first; nothing was changed", file=sys.stderr)
        return 2
    done = complete(data)  # of one that was broken off
    if done is not None:
        print(f"a restore of the backup of {done.backup.made} had been broken off, and is done now", file=sys.stderr)
    if not replace and not is_empty(data):
        print(
            f"stellwerk: there is something in {data} already. With --replace it is moved aside, and what was backed "
            "up takes its place; what waits in the spool stays. Nothing was changed",
            file=sys.stderr,
        )
        return 2
    stage(data, stream, passphrase)
    decide(data)
    done = complete(data)
    assert done is not None
    _tell(settings, done)
    return 0


def _tell(settings: Settings, done: Done) -> None:
    backup = done.backup
    print(f"the backup of {backup.host}, {backup.made}, is restored: {backup.files} files", file=sys.stderr)
    if backup.version != version("stellwerk"):
        print(f"it was made by version {backup.version}; this is {version('stellwerk')}", file=sys.stderr)
    if done.aside:
        print(f"what was here before lies in {settings.data / done.aside}: delete it when all is well", file=sys.stderr)
    if done.elsewhere:
        print(
            f"{done.elsewhere} images lay in the spool of that machine, and are not here: `stellwerk ledger` counts"
            " them as elsewhere, unless the history tells their end. If that machine still runs, let it deliver them",
            file=sys.stderr,
        )
    if backup.rules and settings.rules is not None:
        print(
            f"the rules lay in {backup.rules}; they are in {settings.data / 'rules'} now, and your settings name "
            f"{settings.rules}",
            file=sys.stderr,
        )
    print(f"the settings of then are in {settings.data / RESTORED}, to be compared with yours", file=sys.stderr)
    print("Everybody signs in anew. Look at Users: whoever was shut out since then is let in again.", file=sys.stderr)
