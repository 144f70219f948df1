"""What the test of a machine has found: stages, times, figures, and all that is wrong. Printed as it comes."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Report:
    """One run."""

    begun: float = field(default_factory=time.monotonic)
    figures: list[tuple[str, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    stages: list[tuple[str, float]] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Now."""
        sys.stdout.write(f"{time.monotonic() - self.begun:7.1f} s  {words}\n")
        sys.stdout.flush()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Something that takes a while. What goes wrong in it is written down, and the next stage is tried."""
        self.say(f"{name} …")
        start = time.monotonic()
        try:
            yield
        except Exception as error:
            self.bad(f"{name}: {type(error).__name__}: {error}")
        finally:
            self.stages.append((name, time.monotonic() - start))
            self.say(f"{name}: {time.monotonic() - start:.1f} s")

    def figure(self, name: str, value: object, good: bool = True, wanted: str = "") -> None:
        """A number, and whether it is as it must be."""
        self.figures.append((name, str(value)))
        self.say(f"    {name}: {value}")
        if not good:
            self.bad(f"{name}: {value}{f', wanted: {wanted}' if wanted else ''}")

    def must(self, holds: bool, words: str) -> None:
        """Something that has to be so."""
        self.say(f"    {'yes' if holds else 'NO '}  {words}")
        if not holds:
            self.bad(f"not so: {words}")

    def bad(self, words: str) -> None:
        """Something is wrong."""
        self.wrong.append(words)
        self.say(f"WRONG: {words}")

    def leave_out(self, words: str) -> None:
        """Something is not tried, and why."""
        self.left_out.append(words)
        self.say(f"LEFT OUT: {words}")

    def end(self) -> int:
        """All of it once more, short; answers the exit code."""
        lines = ["", *(f"{name:<44} {value}" for name, value in self.figures), ""]
        lines += [f"{seconds:7.1f} s  {name}" for name, seconds in self.stages]
        lines += [f"left out: {words}" for words in self.left_out]
        lines += [f"wrong: {words}" for words in self.wrong]
        lines += [f"{'FAILED' if self.wrong else 'passed'} in {(time.monotonic() - self.begun) / 60:.1f} minutes"]
        sys.stdout.write("\n".join(lines) + "\n")
        return int(bool(self.wrong))
