"""Send: drop a folder, a ZIP, files or a CD, see what is in it, and choose where it goes."""

from typing import Any

from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.sending_book import ENDED, GOING, GONE, OPEN, READ, READING
from appliance.console.sending_told import STATE_WORDS, line, told
from appliance.console.words import Refusal, Sentence

SHOWN = 500
"""Studies that a page shows."""


@page("/send", title="Send", template="send.html", least=Role.OPERATOR, place="Send")
class Send(PageHandler):
    """A new one, and those that were."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of them."""
        found = await self.aside(self.context.sendings.all)
        return {"sendings": [{**line(one), "words": self.say(STATE_WORDS[one.state])} for one in found]}


@page("/send/([0-9a-f]{16})", title="Sending", template="sending.html", least=Role.OPERATOR, under="Send")
class Sending(PageHandler):
    """One of them, at whichever step it is."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """What is in it, and what became of it."""
        sendings = self.context.sendings
        state = await self.aside(lambda: sendings.find(groups[0]))
        facts = await self.aside(lambda: told(sendings, state, self.language))
        studies = facts["studies"]
        return {
            "sending": {**facts, "studies": studies[:SHOWN]},
            "more": max(0, len(studies) - SHOWN),
            "uploads": await self.aside(lambda: sendings.there(state.id)) if state.state == OPEN else [],
            "destinations": await self.aside(sendings.destinations) if state.state == READ else {},
            "steps": {"open": OPEN, "reading": READING, "read": READ, "going": GOING, "gone": GONE, "ended": ENDED},
        }

    async def act(self, *groups: str) -> str | None:
        """What the button says."""
        sendings, number = self.context.sendings, groups[0]
        match self.field("do"):
            case "read":
                await self.aside(lambda: sendings.read(number))
            case "send":
                to = self.get_body_arguments("to")
                await self.aside(lambda: sendings.send(number, to))
                await self.note("send", number, *to)
            case "remove":
                await self.aside(lambda: sendings.remove(number))
                await self.note("sending-removed", number)
                self.tell(Sentence("It is removed. What was sent stays sent."))
                return "/send"
            case _:
                raise Refusal(400, "The request cannot be understood.")
        return None
