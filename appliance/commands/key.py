"""key: the key of pseudonyms, by its id; put another in use."""

import argparse
import sys

from appliance.commands.common import add_settings, settings_as_owner
from engine.errors import Never
from engine.identities import Identities


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    what = "show the ids of the keys, or put a new one in use (those of before stay)"
    parser.add_argument("action", nargs="?", default="list", choices=["list", "renew"], help=what)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 where there is a key now. A running appliance takes a new one at once. No key is ever shown."""
    keyring = Identities.of(settings_as_owner(arguments).data).keyring
    try:
        if arguments.action == "renew":
            print(f"{keyring.renew().id} is in use from now on: back up {keyring.file}, in a safe place")
            return 0
        keys = keyring.all()
    except Never as never:
        print(f"stellwerk: {never.reason}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"stellwerk: {keyring.file} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    if not keys:
        print("no key: one is made when the first header is anonymized")
        return 1
    for number, key in enumerate(keys):
        print(f"{key.id}  {'of before' if number else 'in use'}")
    return 0
