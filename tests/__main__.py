"""`python -m tests`: layout, lint, types and tests, all of them, even when one fails.

    python -m tests           everything
    python -m tests --fast    without the tests marked slow
    python -m tests --lint    without the tests
    python -m tests --workers 1    one test at a time

It knows the tools, not what they look at: that stands in pyproject.toml. pytest runs last, in this process, so that its
own summary ends the output; the words on the stages before it stand just above. Most tests wait for sockets and other
processes, so several run at once, each in one of several worker processes.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

MEMORY, ENOUGH = Path("/dev/shm"), 8 << 30
"""A file system in memory, and the bytes it must have free to serve for the files of the tests."""


def workers() -> int:
    """How many tests run at once: one more than there are processors for this process, 4 at most; on one, 1."""
    processors = len(os.sched_getaffinity(0))
    return 1 if processors == 1 else min(processors + 1, 4)


@dataclass(frozen=True)
class Stage:
    """One tool and what it is called here."""

    name: str
    command: tuple[str, ...]
    remedy: str

    def passes(self) -> bool:
        """Run it from the checkout's root, its output on ours."""
        return subprocess.run([sys.executable, "-m", *self.command], cwd=ROOT, check=False).returncode == 0


STAGES = (
    Stage("layout", ("ruff", "format", "--check", "."), "`.venv/bin/ruff format` lays it out"),
    Stage("lint", ("ruff", "check", "."), "`.venv/bin/ruff check --fix` mends some"),
    Stage("types", ("mypy",), "see the lines above"),
)


class Verdicts:
    """A pytest plugin that repeats the words on the earlier stages above pytest's last line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def pytest_terminal_summary(self, terminalreporter: object) -> None:
        """Called by pytest before it writes its summary line."""
        terminalreporter.section("stages")  # type: ignore[attr-defined]  # pytest's type is private
        for line in self.lines:
            terminalreporter.write_line(line)  # type: ignore[attr-defined]


def say(line: str) -> None:
    """Print at once, in order with what the tools write."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run every stage; 0 if all passed."""
    parser = argparse.ArgumentParser(prog="python -m tests", description="Layout, lint, types and tests.")
    parser.add_argument("--fast", action="store_true", help="leave out the tests marked slow")
    parser.add_argument("--lint", action="store_true", help="leave out the tests")
    parser.add_argument("--workers", type=int, default=workers(), help="how many tests run at once (%(default)s)")
    chosen = parser.parse_args(arguments)

    verdicts = []
    failed = False
    for stage in STAGES:
        say(f"── {stage.name}: {' '.join(stage.command)}")
        passed = stage.passes()
        failed |= not passed
        verdicts.append(f"{stage.name}: passed" if passed else f"{stage.name}: FAILED ({stage.remedy})")
        say(verdicts[-1])
    if chosen.lint:
        return int(failed)

    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        # Crashes are injected at thousands of file operations; what a flush costs on a real disk is no part of that.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    import pytest  # here: `spawn` imports this module again in every child process

    say("── tests: pytest")
    command = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", str(ROOT / "tests")]
    if chosen.fast:
        command += ["-m", "not slow"]
    if chosen.workers > 1:
        # Each begins with its share of the files in their order; who is through first takes of what others have left.
        command += ["--numprocesses", str(chosen.workers), "--dist", "worksteal"]
    failed |= pytest.main(command, plugins=[Verdicts(verdicts)]) != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
