"""lsp: a language server for editors, on standard input and output."""

import argparse
import importlib.util
import sys
from pathlib import Path

from appliance.editor.desk import Desk
from engine.steps import CHORES, STEPS
from engine.vocabulary import vocabulary

MISSING = """stellwerk: the language server needs the package pygls, which is not installed.
Type:  pip install "stellwerk[editor]"   (in a checkout: make venv)"""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--rules", type=Path, metavar="FILE|FOLDER", help="the rules that the appliance runs")
    parser.add_argument("--language", choices=("en", "de"), default="en", help="what the findings are said in")
    parser.add_argument("--stdio", action="store_true", help="what it does anyway; some editors say it")


def run(arguments: argparse.Namespace) -> int:
    """0 when the editor has said goodbye, 2 where pygls is missing."""
    if importlib.util.find_spec("pygls") is None:
        print(MISSING, file=sys.stderr)
        return 2
    from appliance.editor.server import serve  # here: no other command needs pygls, nor waits for it

    manuals = {name: declared.manual for name, declared in STEPS.items()}
    manuals |= {name: declared.manual for name, declared in CHORES.items()}
    return serve(Desk(vocabulary(), arguments.rules), manuals, arguments.language)
