"""`python -m tests.benchmarks [NAME...]`: run the measurements in this folder, all of them or those named.

    python -m tests.benchmarks                    all of them
    python -m tests.benchmarks receiving sending  these
    python -m tests.benchmarks page               those that docs/performance.md reports, and put their figures there

It knows nothing of what is measured: a module here with a `main()` is a measurement, and its docstring's first line is
its title.
"""

import importlib
import os
import pkgutil
import sys
from pathlib import Path

HERE = Path(__file__).parent

REPORTED = ("receiving", "large", "sending", "line", "neighbours")
"""What docs/performance.md has a table of."""


def say(line: str) -> None:
    """Print at once, in order with what the measurements write."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(wanted: list[str]) -> int:
    """Run them in the order of their names; 2 if a name is unknown."""
    there = sorted(found.name for found in pkgutil.iter_modules([str(HERE)]) if not found.name.startswith("_"))
    if wanted == ["page"]:
        os.environ["PAGE"] = "1"
        wanted = list(REPORTED)
    if unknown := sorted(set(wanted) - set(there)):
        say(f"No measurement is called {', '.join(unknown)}. There are: {', '.join(there) or 'none yet'}.")
        return 2
    if not there:
        say(f"There are no measurements yet. One is a file in tests/{HERE.name}/ with a docstring and a main().")
        return 0
    for name in wanted or there:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        say(f"── {name}: {(module.__doc__ or '').strip().partition(chr(10))[0]}")
        module.main()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
