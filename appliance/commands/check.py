"""check: say what is wrong with rules, and change nothing."""

import argparse
import json
import sys
from pathlib import Path

from appliance.commands.common import add_settings, settings_of, show_findings
from appliance.rulebook import RuleBook
from dsl.render import as_json
from engine.schedule import Daily


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("path", nargs="?", type=Path, metavar="FILE|FOLDER", help="rules (default: those of --rules)")
    parser.add_argument("--json", action="store_true", help="the findings as JSON, for programs")
    parser.add_argument("--language", choices=("en", "de"), default="en", help="what the findings are said in")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when the rules would run, 1 with findings where they would not."""
    settings = settings_of(arguments)
    path = arguments.path or settings.rules_path
    result = RuleBook(path, settings.own_folders).compile_and_try()
    if arguments.json:
        found = [as_json(finding, arguments.language) for finding in result.findings]
        said = {"fine": result.program is not None, "files": result.files, "findings": found}
        sys.stdout.write(json.dumps(said, ensure_ascii=False, indent=1) + "\n")
        return int(result.program is None)
    show_findings(result, arguments.language)
    if result.program is None:
        return 1
    listeners = result.program.listeners
    routes, ports = len(result.program.routes), [listener.port for listener in listeners if listener.port]
    folders = ", ".join(f"{one.kind} {one.folder}" for one in listeners if one.folder)
    when = [isinstance(chore.when, Daily) for chore in result.program.chores]
    by_clock = f"{when.count(True)} by the clock, " if any(when) else ""
    on_trouble = f"{when.count(False)} on trouble, " if not all(when) else ""
    print(
        f"{path}: fine; {routes} route{'' if routes == 1 else 's'}, {by_clock}{on_trouble}"
        f"ports {', '.join(map(str, ports)) or 'none'}{'; ' if folders else ''}{folders}",
        file=sys.stdout,
    )
    if not routes and not result.program.destinations:
        print("it has no route: by itself it would receive nothing", file=sys.stderr)
    return 0
