"""What is live: facts that are asked for again and again while somebody looks, and told to all who do.

A source is asked once for all pages, in a thread, and only while one is open that wants it. Who reads slowly gets the
newest alone. It must not know the web, nor what the facts are.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from appliance.console.roles import Role

log = logging.getLogger("stellwerk.console")

MOST = 300
"""Pages that are told at once."""


@dataclass(frozen=True, slots=True)
class Source:
    """One kind of event: its name, every how many seconds it is asked for, what answers it (JSON), who may see it."""

    name: str
    every: float
    ask: Callable[[], object]
    least: Role = Role.VIEWER


@dataclass(eq=False, slots=True)
class Listener:
    """One page. wants: the names of its sources; None: all."""

    role: Role
    wants: frozenset[str] | None = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    pending: dict[str, str] = field(default_factory=dict)

    def take(self) -> dict[str, str]:
        """What is new since the last time: event → JSON text."""
        self.news.clear()
        taken, self.pending = self.pending, {}
        return taken

    def hears(self, source: Source) -> bool:
        """Whether it is told of this one."""
        return self.role >= source.least and (self.wants is None or source.name in self.wants)


class Events:
    """Lives in one event loop. aside: runs what may wait in a thread."""

    def __init__(self, sources: list[Source], aside: Callable[[Callable[[], object]], Awaitable[object]]) -> None:
        self._sources, self._aside = sources, aside
        self._listeners: set[Listener] = set()
        self._last: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def enter(self, role: Role, wants: frozenset[str] | None = None) -> Listener | None:
        """A page that is open from now on; None where there are too many. It gets at once what is known."""
        if len(self._listeners) >= MOST:
            return None
        listener = Listener(role, wants)
        self._listeners.add(listener)
        for source in self._sources:
            if not listener.hears(source):
                continue
            if source.name not in self._tasks:
                self._last.pop(source.name, None)  # from when somebody looked last: it may be hours old
                self._tasks[source.name] = asyncio.ensure_future(self._ask(source))
            if source.name in self._last:
                self._tell(listener, source)
        return listener

    def leave(self, listener: Listener) -> None:
        """It is closed."""
        self._listeners.discard(listener)
        for source in self._sources:
            if source.name in self._tasks and not any(one.hears(source) for one in self._listeners):
                self._tasks.pop(source.name).cancel()

    async def _ask(self, source: Source) -> None:
        while True:
            try:
                text = json.dumps(await self._aside(source.ask), ensure_ascii=False)
            except OSError as error:
                log.warning("%s cannot be shown live (%s)", source.name, error.strerror)
            else:
                if self._last.get(source.name) != text:
                    self._last[source.name] = text
                    for listener in list(self._listeners):
                        self._tell(listener, source)
            await asyncio.sleep(source.every)

    def _tell(self, listener: Listener, source: Source) -> None:
        if listener.hears(source):
            listener.pending[source.name] = self._last[source.name]
            listener.news.set()
