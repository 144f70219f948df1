"""System updates: what runs, what lies ready, how it comes here, and when the machine restarts."""

from typing import Any

from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.update_told import OTHER_WORDS, WHEN, told
from appliance.console.words import Refusal, Sentence


@page("/system/updates", title="System updates", template="updates.html", least=Role.ADMIN, under="System")
class UpdatesPage(PageHandler):
    """For an appliance image; elsewhere it says how this is updated."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """How it stands."""
        facts = await self.aside(lambda: told(self.context, self.language))
        return {
            "told": facts,
            "other_words": OTHER_WORDS,
            "url": self.context.settings.update_url,
            "moves": facts["fetching"]["going"] or any(one["kind"] == "going" for one in facts["answers"]),
        }

    async def act(self, *groups: str) -> str | None:
        """What the button says."""
        updates, machine = self.context.updates, self.context.machine
        match self.field("do"):
            case "look":
                url = self.field("url", 500) or self.context.settings.update_url
                found = await self.aside(lambda: updates.look(url))
                await self.note("update-looked", detail=url)
                if found is None:
                    self.tell(Sentence("There is nothing newer there than what runs."))
            case "fetch":
                await self.aside(updates.fetch)
                await self.note("update-fetched")
            case "remove":
                await self.aside(updates.remove)
                await self.note("update-removed")
                self.tell(Sentence("It is removed."))
            case "install":
                when = self.field("when")
                if when not in WHEN:
                    raise Refusal(422, "Choose when the machine restarts.")
                head = await self.aside(lambda: updates.install(when))
                await self.note("update-installed", str(head.manifest.version), detail=when)
                self.tell(Sentence("The machine is asked to install it. This page says how it goes."))
            case "restart" | "night" | "never" as do:
                when = {"restart": "now"}.get(do, do)
                await self.aside(lambda: machine.ask("restart", when=when))
                await self.note("machine-restart", detail=when)
                self.tell(Sentence("The machine is asked to. This page says how it goes."))
            case "power-off":
                await self.aside(lambda: machine.ask("power-off"))
                await self.note("machine-off")
                self.tell(Sentence("The machine is asked to. This page says how it goes."))
            case _:
                raise Refusal(400, "The request cannot be understood.")
        return None
