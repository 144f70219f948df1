"""The running appliance as the console sees it: one question at a time for all pages, and a person's wishes.

It must not know the web.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.console.words import Refusal, Sentence
from appliance.control import NotThere, Refused, ask

FRESH = 1.0
"""Seconds for which an answer is good for everybody."""

_NOT_THERE_WORDS = {
    "stopped": "The appliance does not run: nothing is received or sent.",
    "silent": "The appliance runs, and does not answer.",
    "other": "The appliance cannot be asked: the log says why.",
}


@dataclass(frozen=True, slots=True)
class State:
    """data: what the control socket has answered (appliance.control); empty where nothing answers, and why."""

    data: Mapping[str, Any]
    why: Sentence | None = None

    @property
    def is_running(self) -> bool:
        """Whether it has answered."""
        return self.why is None


class Running:
    """One appliance's. Threads may share one."""

    def __init__(self, data: Path, ask: Callable[..., Mapping[str, Any]] = ask) -> None:
        self._data, self._ask = data, ask
        self._asking = threading.Lock()
        self._known = State({}, Sentence(_NOT_THERE_WORDS["stopped"]))
        self._until = 0.0

    def state(self) -> State:
        """What it says of itself; never older than a second, unless it is asked just now."""
        with self._asking:
            if time.monotonic() >= self._until:
                try:
                    self._known = State(self._ask(self._data, "state"))
                except NotThere as absence:
                    self._known = State({}, Sentence(_NOT_THERE_WORDS[absence.kind]))
                except Refused:
                    self._known = State({}, Sentence(_NOT_THERE_WORDS["other"]))
                self._until = time.monotonic() + FRESH
            return self._known

    def answers(self) -> bool:
        """Whether it runs and answers at all."""
        try:
            self._ask(self._data, "ping", 2.0)
        except (NotThere, Refused):
            return False
        return True

    def tell(self, do: str, name: str, by: str) -> None:
        """pause, resume, wake or try again the destination of this name. Raises Refusal."""
        try:
            self._ask(self._data, do, name=name, by=by)
        except NotThere as absence:
            raise Refusal(503, _NOT_THERE_WORDS[absence.kind]) from None
        except Refused as refusal:
            if refusal.kind == "unknown":
                raise Refusal(404, "There is no destination {name}.", name=name) from None
            if refusal.kind == "paused":
                raise Refusal(409, "{name} is paused: resume it first.", name=name) from None
            raise Refusal(503, "It could not be written to the disk.") from None
        finally:
            self._until = 0.0
