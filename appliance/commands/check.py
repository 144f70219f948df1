"""check: say what is wrong with rules, and change nothing."""

import argparse
import sys
from pathlib import Path

from appliance.commands.common import add_settings, settings_of, show_findings
from appliance.rulebook import RuleBook


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("path", nargs="?", type=Path, metavar="FILE|FOLDER", help="rules (default: those of --rules)")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when the rules would run, 1 with findings where they would not."""
    settings = settings_of(arguments)
    path = arguments.path or settings.rules_path
    result = RuleBook(path).compile()
    show_findings(result)
    if result.program is None:
        return 1
    routes, ports = len(result.program.routes), [listener.port for listener in result.program.listeners]
    print(
        f"{path}: fine; {routes} route{'' if routes == 1 else 's'}, ports {', '.join(map(str, ports)) or 'none'}",
        file=sys.stdout,
    )
    if not routes:
        print("it has no route: by itself it would receive nothing", file=sys.stderr)
    return 0
