"""`python -m tests`: layout, lint, types and tests, all of them, even when one fails.

    python -m tests           everything
    python -m tests --fast    without the tests marked slow
    python -m tests --lint    without the tests
    python -m tests --workers 1    one test at a time

It knows the tools, not what they look at: that stands in pyproject.toml. pytest runs last, in this process, so that its
own summary ends the output; the words on the other stages stand just above. Most tests wait for sockets and other
processes, so several run at once, each in one of several worker processes, and the types are looked at beside them.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

MEMORY, ENOUGH = Path("/dev/shm"), 8 << 30
"""A file system in memory, and the bytes it must have free to serve for the files of the tests."""


def workers() -> int:
    """How many tests run at once: one more than there are processors for this process, 4 at most; on one, 1."""
    processors = len(os.sched_getaffinity(0))
    return 1 if processors == 1 else min(processors + 1, 4)


def _give_way() -> None:
    os.nice(5)


@dataclass(frozen=True)
class Stage:
    """One tool and what it is called here."""

    name: str
    command: tuple[str, ...]
    remedy: str

    def passes(self) -> bool:
        """Run it from the checkout's root, its output on ours."""
        say(f"── {self.name}: {' '.join(self.command)}")
        return subprocess.run([sys.executable, "-m", *self.command], cwd=ROOT, check=False).returncode == 0

    def beside(self) -> Callable[[], bool]:
        """Begin it; the answer waits for its end, shows its output, and says whether it has passed."""
        words = [sys.executable, "-m", *self.command]
        # Tests have time limits, and go first.
        running = subprocess.Popen(
            words,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_give_way,
        )

        def ended() -> bool:
            said, _ = running.communicate()
            say(f"── {self.name}: {' '.join(self.command)}\n{said.rstrip()}")
            return running.returncode == 0

        return ended

    def verdict(self, passed: bool) -> str:
        """In words."""
        return f"{self.name}: passed" if passed else f"{self.name}: FAILED ({self.remedy})"


QUICK = (
    Stage("layout", ("ruff", "format", "--check", "."), "`.venv/bin/ruff format` lays it out"),
    Stage("lint", ("ruff", "check", "."), "`.venv/bin/ruff check --fix` mends some"),
)
SLOW = Stage("types", ("mypy",), "see the lines above")


class Verdicts:
    """A pytest plugin that waits for the slow stage, and puts the words on all stages above pytest's last line.

    failed: whether that one has found something.
    """

    def __init__(self, lines: list[str], slow: Callable[[], bool]) -> None:
        self.lines, self._slow = lines, slow
        self.failed = True

    def pytest_terminal_summary(self, terminalreporter: object) -> None:
        """Called by pytest before it writes its summary line."""
        passed = self._slow()
        self.failed = not passed
        terminalreporter.section("stages")  # type: ignore[attr-defined]  # pytest's type is private
        for line in (*self.lines, SLOW.verdict(passed)):
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

    passes = {stage: stage.passes() for stage in QUICK}
    if chosen.lint:
        passes[SLOW] = SLOW.passes()
    for stage, passed in passes.items():
        say(stage.verdict(passed))
    failed = not all(passes.values())
    if chosen.lint:
        return int(failed)

    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
        # Crashes are injected at thousands of file operations; what a flush costs on a real disk is no part of that.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))
    # What a process has compiled is there for the next one: tests start hundreds.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    import pytest  # here: `spawn` imports this module again in every child process

    say("── tests: pytest")
    command = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", str(ROOT / "tests")]
    if chosen.fast:
        command += ["-m", "not slow"]
    if chosen.workers > 1:
        # Each begins with its share of the files in their order; who is through first takes of what others have left.
        command += ["--numprocesses", str(chosen.workers), "--dist", "worksteal"]
    verdicts = Verdicts([stage.verdict(passed) for stage, passed in passes.items()], SLOW.beside())
    failed |= pytest.main(command, plugins=[verdicts]) != 0
    return int(failed or verdicts.failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
