"""A running appliance for tests: the real command in a process of its own, on free loopback ports."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from appliance.demonstration.pacs import answers
from engine.dicom import Done, Outcome, Peer, send
from engine.spool import Spool

dcmtk_missing = shutil.which("storescu") is None
"""Whether DCMTK, the peer of many tests, is missing on this machine."""


started: list[subprocess.Popen[bytes]] = []
"""Every process of the running test, so that one that fails leaves none behind."""


class Running:
    """`stellwerk run` on a folder. `rules` is the text of its only rule file."""

    def __init__(self, root: Path, rules: str, port: int, **settings: str) -> None:
        self.root, self.port = root, port
        self.data = root / "data"
        self.rules_file = self.data / "rules" / "test.rules"
        self.rules_file.parent.mkdir(parents=True)
        self.rules_file.write_text(rules, encoding="utf-8")
        self._environment = {"STELLWERK_ADDRESS": "127.0.0.1", "STELLWERK_LANGUAGE": "en"}
        self._environment["STELLWERK_CONSOLE_PORT"] = "0"  # it has tests of its own
        self._environment |= {f"STELLWERK_{name.upper()}": value for name, value in settings.items()}
        self.log = root / "log"
        self.start()

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "appliance", "run", "--data", str(self.data)],
                env={**os.environ, **self._environment},
                stderr=log,
            )
        started.append(self.process)
        self.wait_for(lambda: answers(self.port), "it does not listen")

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def said(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait_for(self, happens: Callable[[], bool], otherwise: str, seconds: float = 60) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not happens():
            assert self.process.poll() is None, f"it has stopped: {self.said()}"
            assert time.monotonic() < end, f"{otherwise}: {self.said()[-2000:]}"
            time.sleep(0.05)

    def send(self, *files: Path) -> dict[Path, Outcome]:
        """Send files to it."""
        results: dict[Path, Outcome] = {}
        send(Peer("STELLWERK", "127.0.0.1", self.port, "TEST"), files, results.__setitem__)
        return results

    def deliver(self, *files: Path) -> None:
        """Send files, each of which must be taken in, and wait until nothing is left to do."""
        results = self.send(*files)
        assert all(isinstance(result, Done) for result in results.values()), results
        self.settle()

    def settle(self) -> None:
        """Wait until everything is routed and delivered."""
        self.wait_for(lambda: not self.spool.unfinished(), "something is left in its outboxes")

    @property
    def spool(self) -> Spool:
        """Its spool, as `stellwerk spool` sees it."""
        return Spool(self.data / "spool")

    @property
    def archive(self) -> Path:
        """Its archive."""
        return self.data / "archive"
