"""Overview: is everything running? Whoever has signed in comes here first."""

from collections import defaultdict
from typing import Any

from appliance.console import overview_told
from appliance.console.handler import PageHandler
from appliance.console.overview_told import Seen
from appliance.console.page import for_viewers, page


@page("/", title="Overview", template="overview.html", place="Overview")
class OverviewPage(PageHandler):
    """As it is now; static/overview.js keeps it up to date."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All that is told of it."""
        found = await self.aside(lambda: overview_told.seen(self.context))
        assert self.who is not None
        role = self.who.role
        return {
            "told": overview_told.told_of(found, self.language, for_viewers(self.places)),
            "rates": overview_told.rates(found),
            "blank": defaultdict(str),
            "ports": self._ports(found),
            "title_here": self.context.settings.ae_title,
            "host": self.request.host_name,
            "paths": {one.place: one.path for one in self.places if one.least is not None and one.least <= role},
        }

    def _ports(self, found: Seen) -> list[tuple[int, str]]:
        """Those that are open, with what comes in there."""
        program = self.context.house.program()
        kinds = {one.port: one.kind.upper() for one in (program.listeners if program is not None else ())}
        return [(port, kinds.get(port, "")) for port in found.state.data.get("ports", ())]
