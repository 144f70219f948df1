"""`python -m tests.power [CUTS]`: cut the power of a recorded disk so often, on ext4 and on XFS; 1 if anything is lost.

What this machine cannot do, for want of root or a file system, is said and left out.
"""

import logging
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.power.life import judge, record, why_not

FOLDER = Path("/dev/shm")


def main(cuts: int) -> int:
    """Record a life on each file system, and judge its cuts."""
    logging.disable(logging.CRITICAL)
    bad = False
    for kind, share in (("ext4", 1.0), ("xfs", 0.2)):
        if why := why_not(kind):
            sys.stdout.write(f"{kind}: left out, as {why}\n")
        else:
            bad |= not _holds(kind, max(1, int(cuts * share)), int(time.time()))
    return int(bad)


def _holds(kind: str, many: int, seed: int) -> bool:
    with tempfile.TemporaryDirectory(dir=FOLDER if FOLDER.is_dir() else None, prefix="stellwerk-power-") as root:
        recording = record(Path(root), objects=200, seconds=15, seed=seed, kind=kind)
        columns = (TextColumn(f"{kind}: cuts"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("", total=many)
            verdict = judge(recording, Path(root), many, seed, lambda _: progress.advance(bar))
    for words in verdict.tally.words:
        sys.stdout.write(f"{kind}: {words}\n")
    sys.stdout.write(f"{kind}, {verdict.cuts} cuts, seed {seed}: {verdict.tally}\n")
    return verdict.tally.good


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
