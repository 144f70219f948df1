"""migrate: make rules of a CTP configuration (config.xml), and say what has no equivalent and what is better now."""

import argparse
import sys
from pathlib import Path

from appliance.migration.markup import MOST_BYTES
from appliance.migration.migrate import migrate
from appliance.migration.scripts import reader


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("config", type=Path, metavar="CONFIG.XML", help="CTP's; its scripts lie beside it")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the rules here (otherwise they are printed)")
    parser.add_argument("--language", choices=("en", "de"), default="en", help="of the report and the remarks")


def run(arguments: argparse.Namespace) -> int:
    """0 when rules were made; 1 when the file is no configuration. Nothing that is there is overwritten."""
    try:
        with arguments.config.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        print(f"stellwerk: {arguments.config} cannot be read ({error.strerror})", file=sys.stderr)
        return 2
    made = migrate(data, reader(arguments.config), arguments.language)
    report = made.report(arguments.language)
    if made.refusal:
        print(f"stellwerk: {arguments.config}: {report[0]}", file=sys.stderr)
        return 1
    if arguments.out is None:
        print(made.text, end="")
        print("\n".join(report), file=sys.stderr)
        return 0
    try:
        with arguments.out.open("x", encoding="utf-8") as file:
            file.write(made.text)
    except FileExistsError:
        print(f"stellwerk: {arguments.out} is there already, and is left as it is", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"stellwerk: {arguments.out} cannot be written ({error.strerror})", file=sys.stderr)
        return 2
    print("\n".join(report))
    return 0
