"""What open pages are told by themselves: the sources of events. A page that wants more adds its line."""

import time

from appliance.console import overview_told, told
from appliance.console.context import Context
from appliance.console.events import Source
from appliance.console.facts.house import NoSpool
from appliance.console.facts.outboxes import outboxes
from appliance.console.page import for_viewers, handlers, navigation


def sources(context: Context) -> list[Source]:
    """All of them."""
    places = for_viewers(navigation(handlers()))
    return [
        Source("state", 2.0, lambda: _state(context)),
        Source("outboxes", 2.0, lambda: _outboxes(context)),
        Source("overview", 3.0, lambda: overview_told.live(context, places)),
    ]


def _state(context: Context) -> dict[str, object]:
    """Whether the appliance runs, what is in trouble, and its pumps: as the operation `state` answers it."""
    state = context.running.state()
    return {"running": state.is_running, **state.data}


def _outboxes(context: Context) -> object:
    """How each outbox fares, in words of every language (static/outboxes.js)."""
    state = context.running.state()
    try:
        lines = outboxes(context.house, state.data if state.is_running else None)
    except NoSpool:
        lines = []
    return told.live(lines, state.is_running, time.time(), bool(context.settings.mail_host))
