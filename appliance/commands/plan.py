"""plan: show what rules mean, as the program, a drawing or a diagram."""

import argparse
import json
import sys
from pathlib import Path

from appliance.commands.common import add_settings, settings_of, show_findings
from appliance.drawing import svg
from appliance.rulebook import RuleBook
from engine.graph import graph
from engine.vocabulary import vocabulary


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("path", nargs="?", type=Path, metavar="FILE|FOLDER", help="rules (default: those of --rules)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="the program that runs, as JSON")
    form.add_argument(
        "--mermaid", action="store_true", help="the ways an object can take, as a Mermaid diagram (default)"
    )
    form.add_argument(
        "--draw", type=Path, metavar="FILE.svg", help="the same as a drawing; - writes it to the terminal"
    )
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when the rules mean something, 1 with findings where they do not."""
    settings = settings_of(arguments)
    result = RuleBook(arguments.path or settings.rules_path).compile()
    show_findings(result)
    if result.program is None:
        return 1
    if arguments.json:
        said = {"digest": result.program.digest, **result.program.to_json()}
        sys.stdout.write(json.dumps(said, ensure_ascii=False, indent=1) + "\n")
    elif arguments.draw is not None:
        drawing = svg(graph(result.program, vocabulary().clears))
        if str(arguments.draw) == "-":
            sys.stdout.write(drawing)
        else:
            try:
                arguments.draw.write_text(drawing, encoding="utf-8")
            except OSError as error:
                print(f"stellwerk: {arguments.draw} cannot be written ({error.strerror})", file=sys.stderr)
                return 1
    else:
        sys.stdout.write(graph(result.program, vocabulary().clears).mermaid())
    return 0
