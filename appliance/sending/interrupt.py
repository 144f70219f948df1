"""Ctrl-C and SIGTERM as a question that may be asked; the second Ctrl-C ends at once. It knows nothing else."""

import signal
from types import FrameType
from typing import Self


class Interrupt:
    """While it is entered, an interruption is kept instead of raised."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[signal.Signals, object] = {}

    def __call__(self) -> bool:
        """Whether somebody wants it to end."""
        return self._asked

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.getsignal(number)
            signal.signal(number, self._heard)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what getsignal has answered

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if self._asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._asked = True
