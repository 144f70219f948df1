"""The console beside a running appliance: a process of its own, started, started again when it breaks, and stopped.

Not a thread: fifty open pages must not cost the senders anything. It must not know what the console does.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence

from appliance.supervise import Supervised

GRACE = 5.0
"""Seconds that it gets to end."""


class ConsoleProcess:
    """`stellwerk console`, for as long as we run: it ends when the pipe to us does, even where we are killed."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """arguments: those for settings and rules, as we have got them ourselves."""
        self._command = [sys.executable, "-m", "appliance", "console", "--attached", *arguments]
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = Supervised("console", self._loop)

    @property
    def trouble(self) -> str:
        """Why it does not run; empty when all is well."""
        return self._thread.trouble

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End it, and wait for that."""
        self._stopping.set()
        self._thread.stop()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(GRACE)

    def _loop(self) -> None:
        if self._stopping.is_set():
            return
        with subprocess.Popen(self._command, stdin=subprocess.PIPE) as process:
            self._process = process
            if self._stopping.is_set():
                process.terminate()
            code = process.wait()
        if not self._stopping.is_set():
            raise OSError(0, f"the console has ended by itself ({code}): the log says why")
