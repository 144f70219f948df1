"""A command of ours beside the running appliance: a process of its own, ended with it, which answers by its last words.

What takes long, or may break, is done there: it costs nobody who sends images anything. It must not know what is done.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence


class Beside:
    """One command at a time, for as long as we run. most: seconds after which one is killed that has not ended."""

    def __init__(self, most: float | None = None) -> None:
        self.stopping = threading.Event()
        """Set once nothing more is to be begun."""
        self._most = most
        self._process: subprocess.Popen[str] | None = None

    def stellwerk(self, words: Sequence[str]) -> tuple[int, str]:
        """One of our own commands, to its end: its exit code, and what its last line says, if it says why."""
        return self.run([sys.executable, "-m", "appliance", *words])

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Any command, likewise."""
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as process:
            self._process = process
            if self.stopping.is_set():
                process.terminate()
            try:
                _, said = process.communicate(timeout=self._most)
            except subprocess.TimeoutExpired:
                process.kill()
                return 1, f"it came to no end in {self._most:g} seconds"
        lines = [line for line in said.splitlines() if line.startswith("stellwerk: ")]
        return process.returncode, lines[-1].removeprefix("stellwerk: ") if lines else ""

    def stop(self) -> None:
        """Begin nothing more, and end what runs."""
        self.stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
