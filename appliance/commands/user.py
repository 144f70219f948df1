"""user: who may send with a name and a password; add, remove, list."""

import argparse
import getpass
import sys
import time

from appliance.commands.common import add_settings, settings_as_owner
from engine.throttle import Throttle
from engine.users import Users


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("action", nargs="?", default="list", choices=["list", "add", "remove"], help="what to do")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the user")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """List, add (or give another password) or remove. A running appliance takes it at once."""
    settings = settings_as_owner(arguments)
    users = Users(settings.secrets / "users", Throttle(time.monotonic))
    try:
        if arguments.action == "list":
            print("\n".join(users.names()) or "no users")
            return 0
        if not arguments.name:
            print(f"stellwerk: say whom: stellwerk user {arguments.action} NAME", file=sys.stderr)
            return 2
        if arguments.action == "remove":
            gone = users.remove(arguments.name)
            print(f"{arguments.name} is {'removed' if gone else 'not known'}")
            return 0 if gone else 1
        known = users.knows(arguments.name)
        users.add(arguments.name, _password())
        print(f"{arguments.name} {'has a new password' if known else 'is added'}")
    except ValueError as error:
        print(f"stellwerk: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"stellwerk: {users.file} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    return 0


def _password() -> str:
    """From the keyboard, twice and unseen; from a pipe, its first line. Others can see a command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise ValueError("the two are not the same; nothing was changed")
    return first
