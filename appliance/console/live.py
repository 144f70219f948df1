"""What open pages are told by themselves: the sources of events. A page that wants more adds its line."""

from appliance.console.context import Context
from appliance.console.events import Source


def sources(context: Context) -> list[Source]:
    """All of them."""
    return [Source("state", 2.0, lambda: _state(context))]


def _state(context: Context) -> dict[str, object]:
    """Whether the appliance runs, what is in trouble, and its pumps: as the operation `state` answers it."""
    state = context.running.state()
    return {"running": state.is_running, **state.data}
