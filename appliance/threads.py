"""Where each thread of this process is: for the log, when something hangs. Lines of the program only, never values."""

import sys
import threading
import traceback
from types import FrameType

DEEP = 12
"""So many calls of a thread are told, those it is in last: what it waits for, and who asked for it."""


def calls() -> list[str]:
    """One text for each thread but the one that asks: its name, and the calls it is in, innermost first.

    No thread moves while it is read, since all of them need the lock of the interpreter for that, which we hold. A
    handler of signals has no such lock: faulthandler reads the threads while they run, and now and then breaks the
    process on one that ends just then (python/cpython issue 116008).
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    frames = sys._current_frames()
    frames.pop(threading.get_ident(), None)
    return [f"{names.get(ident, ident)}: {_calls(frames[ident])}" for ident in sorted(frames)]


def _calls(frame: FrameType) -> str:
    stack = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=DEEP, lookup_lines=False)
    return ", called by ".join(f"{call.name} ({call.filename}:{call.lineno})" for call in stack)
