"""The appliance that is tortured: the real command in a process of its own, killed and started again."""

import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from appliance.demonstration.pacs import answers

SETTINGS = {
    "STELLWERK_ADDRESS": "127.0.0.1",
    "STELLWERK_LANGUAGE": "en",
    "STELLWERK_CONSOLE_PORT": "0",
    # It runs in a temporary folder, which may be small; what a full disk does is tried elsewhere.
    "STELLWERK_MIN_FREE_MB": "0",
}


class CannotStart(Exception):
    """It did not come up again; the text says where its log is."""


class Victim:
    """`stellwerk run` on a data folder."""

    def __init__(self, data: Path, port: int, log: Path) -> None:
        self.data, self.port, self.log = data, port, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, seconds: float = 60) -> None:
        """Start it and wait until it listens. Raises CannotStart."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "appliance", "run", "--data", str(self.data)],
                env=_environment(),
                stderr=log,
            )
        end = time.monotonic() + seconds
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > end:
                raise CannotStart(f"the appliance does not start again; see {self.log}")
            time.sleep(0.02)

    @property
    def process_id(self) -> int:
        """Of the process that runs now; 0 for none."""
        return 0 if self._process is None else self._process.pid

    def ledger(self) -> str:
        """What `stellwerk ledger` says where something is missing; empty where nothing is, or there is no ledger."""
        if find_spec("appliance.commands.ledger") is None:
            return ""
        words = [sys.executable, "-m", "appliance", "ledger", "--data", str(self.data)]
        done = subprocess.run(words, env=_environment(), check=False, capture_output=True, text=True)
        return done.stdout + done.stderr if done.returncode else ""

    def kill(self) -> None:
        """SIGKILL: it learns nothing of its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> int:
        """SIGTERM; answers its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            return -signal.SIGKILL


def _environment() -> dict[str, str]:
    """Without what is set for the appliance that this house runs."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("STELLWERK_")}
    return {**others, **SETTINGS}
