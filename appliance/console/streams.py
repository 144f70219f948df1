"""Server-sent events (HTML Living Standard, section 9.2): /api/v1/events tells open pages what is new.

static/live.js reads it. `?of=state,outboxes` asks for these alone. It must not know what is told.
"""

import asyncio
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.web import HTTPError

from appliance.console.api import ApiHandler
from appliance.console.events import Events
from appliance.console.roles import Role

BEAT = 5.0
"""Seconds after which a sign of life is sent, and looked whether the session has ended."""

MOST = 1000
"""Letters of the names that are asked for."""


class EventStream(ApiHandler):
    """One page that is open."""

    def initialize(self, *, events: Events, **parts: Any) -> None:  # type: ignore[override]
        """events: what is told."""
        super().initialize(**parts)
        self._events = events

    def is_a_click(self) -> bool:
        """A page that is only open keeps no session alive."""
        return False

    async def get(self) -> None:
        """Tell, until the page is closed or the session ends."""
        who = self.let_in(Role.VIEWER)
        names = self.get_query_argument("of", "")[:MOST]
        listener = self._events.enter(who.role, frozenset(names.split(",")) if names else None)
        if listener is None:
            raise HTTPError(503)
        self._listener = listener
        self.set_header("Content-Type", "text/event-stream")
        try:
            # At once, so that the page knows that it is connected.
            self.write("retry: 3000\n: here\n\n")
            await self.flush()
            while self._is_still(who.name):
                for name, text in listener.take().items():
                    self.write(f"event: {name}\ndata: {text}\n\n")
                self.write(": beat\n\n")
                await self.flush()
                try:
                    await asyncio.wait_for(listener.news.wait(), BEAT)
                except TimeoutError:
                    continue
            self.write("event: ended\ndata: {}\n\n")
        except StreamClosedError:
            pass
        finally:
            self._events.leave(listener)

    def on_connection_close(self) -> None:
        """Called by Tornado: do not wait for the next beat."""
        if hasattr(self, "_listener"):
            self._events.leave(self._listener)
            self._listener.news.set()

    def _is_still(self, name: str) -> bool:
        self.who = None
        self.recognise()
        return self.who is not None and self.who.name == name
