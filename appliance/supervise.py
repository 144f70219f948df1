"""Supervision: threads that are started, watched, started again when they break, and stopped in order."""

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("stellwerk")

FIRST_REST, LONGEST_REST = 1.0, 60.0


class Supervised:
    """One thread. `loop` runs until stopped; when it raises, it is started again after a rest that doubles."""

    def __init__(self, name: str, loop: Callable[[], None]) -> None:
        self.name = name
        self.trouble = ""
        self._loop = loop
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

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
            try:
                self._loop()
                rest = FIRST_REST
                self.trouble = ""
            except OSError as error:
                # The disk or the network: its text names files of the spool, which carry our ids only.
                self.trouble = f"{error.strerror or type(error).__name__}"
                log.error("%s: %s; going on in %.0f s", self.name, self.trouble, rest)
            except Exception as error:
                # A fault of ours. Its text might quote an image's values, so the log gets where, not what.
                self.trouble = f"a fault of the software ({type(error).__name__})"
                log.error("%s: %s at %s; going on in %.0f s", self.name, self.trouble, _where(error), rest)
            self._stopping.wait(rest)
            rest = min(rest * 2, LONGEST_REST)


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
