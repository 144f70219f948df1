"""The thread that minds changes of rules: those on trial, and those on probation. It must not know the web.

Several consoles may look at one data folder; one of them minds, and another goes on where that one ends.
"""

import threading
from pathlib import Path

from appliance.alone import alone
from appliance.console.probation import Probation
from appliance.console.shadow import Shadow
from appliance.supervise import Supervised

LOOK = 1.0
"""Seconds between two looks."""


class Minding:
    """One console's."""

    def __init__(self, probation: Probation, shadow: Shadow, folder: Path) -> None:
        self._probation, self._shadow, self._folder = probation, shadow, folder
        self._stopped = threading.Event()
        self._thread = Supervised("changes of rules", self._loop)

    def begin(self) -> None:
        """Go on with what was begun."""
        self._thread.start()

    def end(self) -> None:
        """Stop after what is in hand."""
        self._stopped.set()
        self._thread.stop()

    def _loop(self) -> None:
        while not self._stopped.wait(LOOK):
            with alone(self._folder / ".minding.lock", wait=False) as mine:
                while mine and not self._stopped.wait(LOOK):
                    # Probation first: it finishes, or undoes, what was broken off in between.
                    self._probation.look()
                    self._shadow.look(self._stopped.is_set)
