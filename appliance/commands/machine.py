"""machine: what root does on the machine for the appliance; its units call it, nobody needs to type it.

Only the module of the verb that is asked for is imported: under emulation each import is felt. For the same reason
`appliance/__main__.py` comes here without the rest of the command line.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Protocol, cast

VERBS: dict[str, str] = {
    "blame": "appliance.machine.blame",
    "facts": "appliance.machine.facts",
    "firewall": "appliance.machine.firewall",
    "setup": "appliance.machine.setup",
    "screen": "appliance.machine.screen",
    "recovery": "appliance.machine.recovery",
    "health": "appliance.machine.health",
    "requests": "appliance.machine.requests",
    "update": "appliance.machine.update",
}
"""Each verb and its module, which has `add(parser)` and `run(arguments)`."""


class Verb(Protocol):
    """One module of appliance.machine."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Declare its arguments."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it; the exit code."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments: a verb, and its own."""
    parser.add_argument("verb", choices=sorted(VERBS), help="what to do")
    parser.add_argument(
        "words", nargs=argparse.REMAINDER, help="what the verb takes; see stellwerk machine VERB --help"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says."""
    verb = cast(Verb, import_module(VERBS[arguments.verb]))
    summary = (verb.__doc__ or "").partition(":")[2].strip().partition("\n")[0]
    parser = argparse.ArgumentParser(prog=f"stellwerk machine {arguments.verb}", description=summary)
    verb.add(parser)
    return verb.run(parser.parse_args(arguments.words))


def main(words: Sequence[str]) -> int:
    """The same without the rest of the command line: words follow `stellwerk machine`."""
    parser = argparse.ArgumentParser(prog="stellwerk machine", description=__doc__)
    add(parser)
    arguments = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    return run(arguments)
