"""screen: show on the machine's own screens how to reach it, and what is in the way. It takes no input.

It draws anew when something has changed, on the monitor once a minute besides, as the kernel may write over it. A
serial line without a listener holds nobody up. What is shown is for appliance.machine.screen_text.
"""

import argparse
import contextlib
import os
import signal
import termios
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.machine.recovery import LETTER
from appliance.machine.screen_facts import gather
from appliance.machine.screen_text import drawn
from appliance.machine.setup import USERS

LOOK, ANEW, PAGE = 3.0, 60.0, 12.0
"""Seconds between two looks; after so many, a monitor is drawn in any case; so long stands each of several pages."""

_CLEAR = "\x1b[?25l\x1b[H\x1b[2J"
"""No cursor; from the top; all empty (ECMA-48)."""


def add(parser: argparse.ArgumentParser) -> None:
    """Where to draw."""
    parser.add_argument(
        "--on", action="append", default=[], metavar="DEVICE", help="a terminal; one that is not there is left out"
    )


def run(arguments: argparse.Namespace) -> int:
    """Until SIGTERM."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: ended.append(number))
    screens = [Screen(Path(name)) for name in arguments.on]
    while not ended:
        if USERS.exists():
            # Whoever needed it has seen it.
            LETTER.unlink(missing_ok=True)
        pages = drawn(gather())
        for screen in screens:
            screen.show(pages)
        _rest(ended)
    return 0


def _rest(ended: Sequence[int]) -> None:
    end = time.monotonic() + LOOK
    while not ended and time.monotonic() < end:
        time.sleep(0.25)


@dataclass(slots=True)
class Screen:
    """One terminal. What is typed there is neither read nor shown."""

    device: Path
    clock: Callable[[], float] = time.monotonic
    _shown: Sequence[str] = ()
    _at: float = float("-inf")

    def show(self, pages: Sequence[Sequence[str]]) -> None:
        """Draw, where that is not what stands there already; nothing where there is no such terminal.

        A monitor shows one page after the other; a serial line, which may be written down somewhere, all at once.
        """
        is_serial = "ttyS" in self.device.name
        page = int(self.clock() / PAGE) % len(pages)
        lines = [line for one in pages for line in one] if is_serial else list(pages[page])
        due = not is_serial and self.clock() - self._at >= ANEW
        if lines == self._shown and not due:
            return
        with contextlib.suppress(OSError):
            handle = os.open(self.device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                _deaf(handle)
                _write(handle, (_CLEAR + "\r\n".join(lines) + "\r\n").encode())
                self._shown, self._at = lines, self.clock()
            finally:
                os.close(handle)


def _deaf(handle: int) -> None:
    """Nothing typed is echoed, and no key means anything."""
    with contextlib.suppress(termios.error):
        mode = termios.tcgetattr(handle)
        mode[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
        termios.tcsetattr(handle, termios.TCSANOW, mode)
        termios.tcflush(handle, termios.TCIFLUSH)


def _write(handle: int, data: bytes, seconds: float = 2.0) -> None:
    """All of it, or what a slow line takes in a while."""
    end, view = time.monotonic() + seconds, memoryview(data)
    while view and time.monotonic() < end:
        try:
            view = view[os.write(handle, view) :]
        except BlockingIOError:
            time.sleep(0.05)
