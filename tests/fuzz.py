"""`make fuzz`: any text and any stream of PDUs at all, for so many minutes; ends at the first that breaks a promise.

    python -m tests.fuzz 30
    python -m tests.fuzz --console 10     `make fuzz-console`: any request, form and upload, beside a running appliance

Each round runs the tests marked `fuzz` with many more examples than `make test` and another seed; hypothesis keeps what
it found in .hypothesis, so that the next `make test` begins with it.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time

from tests.__main__ import ROOT, say

FACTOR = "20"
WHERE = ("tests/dsl", "tests/dicom")
CONSOLE = ("tests/console",)


def main(arguments: list[str]) -> int:
    """Rounds until the time is over; 1 as soon as one fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Look for texts that break a promise.")
    parser.add_argument("minutes", nargs="?", type=float, default=30)
    parser.add_argument("--console", action="store_true", help="the console's requests instead")
    asked = parser.parse_args(arguments)
    end = time.monotonic() + 60 * asked.minutes
    where = CONSOLE if asked.console else WHERE
    rounds = 0
    while time.monotonic() < end:
        seed = str(secrets.randbelow(2**32))
        rounds += 1
        say(f"── round {rounds}, seed {seed}")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-m", "fuzz", "-o", "timeout=3600", *where]
        environment = {**os.environ, "FUZZ": os.environ.get("FUZZ", FACTOR), "FUZZ_SEED": seed}
        seeded = [*command, f"--hypothesis-seed={seed}"]
        done = subprocess.run(seeded, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            return 1
    say(f"{rounds} rounds, and every promise held")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
