"""torture: kill the appliance again and again under load, and account for every object; nothing of yours is touched."""

import argparse
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from appliance.torture.ordeal import Ordeal
from appliance.torture.victim import CannotStart


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--seconds", type=float, default=60, help="how long at least (default: 60)")
    parser.add_argument("--objects", type=int, default=500, help="how many made-up objects to send (default: 500)")
    parser.add_argument("--seed", type=int, help="the same objects and the same chances as another time")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="work in this folder, and keep it to look at")


def run(arguments: argparse.Namespace) -> int:
    """Torture it; 1 when anything was lost, doubled or torn, or has got stuck."""
    seed = random.SystemRandom().randrange(10**9) if arguments.seed is None else arguments.seed
    console = Console(stderr=True)
    if arguments.objects < 1:
        print("stellwerk: at least one object is needed", file=sys.stderr)
        return 2
    console.print(f"seed {seed}: {arguments.objects} made-up objects, on loopback ports and in a folder of its own")
    if arguments.keep is not None:
        if arguments.keep.exists() and any(arguments.keep.iterdir()):
            print(f"stellwerk: {arguments.keep} is not empty", file=sys.stderr)
            return 2
        return _torture(arguments.keep, arguments, seed, console)
    root = Path(tempfile.mkdtemp(prefix="stellwerk-torture-"))
    code = 1
    try:
        code = _torture(root, arguments, seed, console)
    finally:
        if code:  # whoever wants to know why must have something to look at
            print(f"all of it is in {root}", file=sys.stderr)
        else:
            shutil.rmtree(root, ignore_errors=True)
    return code


@contextmanager
def _unsaid(name: str) -> Iterator[None]:
    """A logger says nothing meanwhile: the destinations of this ordeal refuse on purpose."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _torture(root: Path, arguments: argparse.Namespace, seed: int, console: Console) -> int:
    ordeal = Ordeal(root, arguments.objects, seed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with _unsaid("stellwerk.dicom"), Progress(*columns, console=console, transient=True) as progress:
            bar = progress.add_task("acknowledged", total=arguments.objects)

            def shown() -> None:
                words = (
                    f"{ordeal.strikes} kills, {ordeal.released} released, {ordeal.changes} rule changes; acknowledged"
                )
                progress.update(bar, completed=len(ordeal.acknowledged), description=words)

            ended = ordeal.run(arguments.seconds, shown)
    except CannotStart as error:
        print(f"stellwerk: {error}", file=sys.stderr)
        return 1
    for words in ended.tally.words:
        print(words)
    print(
        f"killed {ended.strikes} times; {ended.released} times released and {ended.deleted} objects deleted out of the "
        f"hold; rules changed {ended.changes} times; seed {seed}"
    )
    if ended.unfinished:
        print(f"{ended.unfinished} things could have been delivered and were not in time; they are still owed")
    if ended.ledger:
        print(f"the ledger does not agree:\n{ended.ledger}")
    print(ended.tally)
    return 0 if ended.tally.good and not ended.unfinished and not ended.ledger else 1
