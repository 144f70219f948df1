"""Supervision: threads that are started, watched, started again when they break, and stopped in order."""

import logging
import threading
import time
from collections.abc import Callable

log = logging.getLogger("stellwerk")

FIRST_REST, LONGEST_REST = 1.0, 60.0
STEADY = 2 * LONGEST_REST
"""After so many seconds without breaking, all is well again."""


class Supervised:
    """One thread. `loop` runs until stopped; when it raises, it is started again after a rest that doubles."""

    def __init__(self, name: str, loop: Callable[[], None]) -> None:
        self.name = name
        self._trouble, self._failed = "", 0.0
        self._loop = loop
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    @property
    def trouble(self) -> str:
        """Why it broke, until it has run for a while again; empty when all is well."""
        return self._trouble if time.monotonic() - self._failed < STEADY else ""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Do not start it again. The loop itself must have been told to end."""
        self._stopping.set()

    def join(self, seconds: float) -> bool:
        """Wait for its end; whether it came. What was never started has ended."""
        if self._thread.ident is None:
            return True
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _watch(self) -> None:
        rest = FIRST_REST
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self._loop()
                rest = FIRST_REST
                self._trouble = ""
            except OSError as error:
                # The disk or the network: its text names files of the spool, which carry our ids only.
                rest = self._broken(error.strerror or type(error).__name__, begun, rest)
                log.error("%s: %s; going on in %.0f s", self.name, self._trouble, rest)
            except Exception as error:
                # A fault of ours. Its text might quote an image's values, so the log gets where, not what.
                rest = self._broken(f"a fault of the software ({type(error).__name__})", begun, rest)
                log.error("%s: %s at %s; going on in %.0f s", self.name, self._trouble, where(error), rest)
            self._stopping.wait(rest)
            rest = min(rest * 2, LONGEST_REST)

    def _broken(self, why: str, begun: float, rest: float) -> float:
        """Note it; answers the rest to take, a short one again where it had run well for a while."""
        now = time.monotonic()
        self._trouble, self._failed = why, now
        return FIRST_REST if now - begun > STEADY else rest


def where(error: BaseException) -> str:
    """The line of ours or of others in which it was raised: `taking.py:87`. Nothing of what it says."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
