"""Audit: who has done what, when."""

from typing import Any
from urllib.parse import urlencode

from appliance.console.audit import ACTS
from appliance.console.handler import PageHandler
from appliance.console.page import page


@page("/audit", title="Audit", template="audit.html", place="Audit")
class AuditPage(PageHandler):
    """The newest first, a hundred at a time."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """A page of it."""
        who, did = self.get_query_argument("who", "")[:64], self.get_query_argument("did", "")
        did = did if did in ACTS else ""
        before = self.get_query_argument("before", "")[:40]
        acts, place = await self.aside(lambda: self.context.audit.page(before, who, did))
        names = await self.aside(self.context.accounts.all)
        known = sorted(((act, self.say(words)) for act, words in ACTS.items()), key=lambda one: one[1])
        return {
            "acts": [(act, self.say(ACTS[act.did]) if act.did in ACTS else act.did) for act in acts],
            "older": urlencode({"who": who, "did": did, "before": place}) if place else "",
            "names": [one.name for one in names],
            "acts_known": known,
            "chosen_who": who,
            "chosen_did": did,
        }
