"""support: a ZIP for whoever helps from afar: versions, counts, states, our own words of the log; no patient's data."""

import argparse
import os
import sys
from pathlib import Path

from appliance.commands.common import add_settings, settings_as_owner
from appliance.support.bundle import write
from engine import files


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("file", type=Path, metavar="FILE.zip", help="where to; - for the output")
    rules = "the rule files as they are, too: they contain addresses, AE titles, names of people to mail to"
    parser.add_argument("--with-rules", action="store_true", help=rules)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when it is written. It works beside a running appliance, and while none runs."""
    output = str(arguments.file) == "-"
    try:
        # Before we become the service, which may not write where the admin is.
        handle = 1 if output else os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb", closefd=not output) as stream:
            write(settings_as_owner(arguments), stream, with_rules=arguments.with_rules)
            if not output:
                stream.flush()
                files.sync(arguments.file, stream.fileno())
    except OSError as error:
        print(f"stellwerk: {arguments.file} cannot be written ({error.strerror or error})", file=sys.stderr)
        return 1
    if arguments.with_rules:
        print("the rule files are in it: addresses, AE titles, and whatever your comments say", file=sys.stderr)
    print(f"{'the bundle' if output else arguments.file} is written; README.txt says what is in it", file=sys.stderr)
    return 0
