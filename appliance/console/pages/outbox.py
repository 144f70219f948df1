"""Outbox: what waits for each destination, live; what is in one of them."""

import time
from typing import Any
from urllib.parse import urlencode

from appliance.console import told
from appliance.console.facts.house import NoSpool
from appliance.console.facts.outboxes import STATES, EntryPage, OutboxLine, entries, outboxes
from appliance.console.handler import PageHandler
from appliance.console.hands import Hands
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.words import Refusal, Sentence

TOLD_WORDS = {
    "pause": "{name} is paused: what comes for it waits here.",
    "resume": "{name} goes on.",
    "try again": "{name} is tried again now.",
}
ACT = {"pause": "pause", "resume": "resume", "try again": "try-again"}


class _Outbox(PageHandler):
    """What both of them do."""

    async def act(self, *groups: str) -> str | None:
        """Pause, resume, try again all of an outbox; send or take back some of it."""
        assert self.who is not None
        who, address = self.who, self.address
        do, name = self.field("do"), groups[0] if groups else self.field("name")
        if who.role < Role.OPERATOR:
            raise Refusal(403, "Your role does not allow this.")
        hands = Hands(
            self.context, lambda did, *on, detail="": self.context.audit.note(who.name, did, on, address, detail)
        )
        if do in ACT:
            await self.aside(lambda: hands.tell(do, ACT[do], name, who.name))
            self.tell(Sentence(TOLD_WORDS[do], {"name": name}))
            return None
        if do not in ("try-now", "take-back", "take-all-back"):
            raise Refusal(422, "The request is not as it should be.")
        chosen = [one[:80] for one in self.get_body_arguments("id")][:1000]
        if not chosen and do != "take-all-back":
            raise Refusal(422, "Choose at least one first.")
        if do == "try-now":
            done = await self.aside(lambda: hands.try_now(name, chosen))
        else:
            done = await self.aside(lambda: hands.take_back(name, chosen or None))
        for sentence, kind in done.sentences("try-now" if do == "try-now" else "take-back"):
            self.tell(sentence, kind)
        return None

    async def boxes(self) -> list[tuple[OutboxLine, dict[str, object]]]:
        """Every outbox, with how it fares in words."""
        state = await self.aside(self.context.running.state)
        try:
            found = await self.aside(lambda: outboxes(self.context.house, state.data if state.is_running else None))
        except NoSpool:
            found = []
        now = time.time()
        relay = bool(self.context.settings.mail_host)
        return [(one, told.fares(one, self.language, state.is_running, now, relay)) for one in found]


@page("/outbox", title="Outbox", template="outbox.html", place="Outbox")
class OutboxPage(_Outbox):
    """Each destination."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of them."""
        return {"boxes": await self.boxes(), "told": told}


@page(r"/outbox/([^/]{1,200})", title="What waits", template="outbox_entries.html", under="Outbox")
class OutboxEntries(_Outbox):
    """What is in one outbox, oldest first."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """Fifty of it."""
        name, after = groups[0], self.get_query_argument("after", "")[:80]
        state = self.get_query_argument("state", "")
        state = state if state in STATES else ""
        box = next((one for one in await self.boxes() if one[0].name == name), None)
        if box is None:
            raise Refusal(404, "There is no destination {name}.", name=name)
        try:
            found = await self.aside(lambda: entries(self.context.house, name, state, after))
        except (KeyError, NoSpool):
            found = EntryPage((), "")  # declared, and nothing has ever waited for it
        states = [(one, self.say(told.STATE_WORDS[one])) for one in STATES]
        return {
            "line": box[0],
            "shown": box[1],
            "told": told,
            "found": found,
            "states": states,
            "state_words": dict(states),
            "chosen": state,
            "more": urlencode({"state": state, "after": found.next}) if found.next else "",
            "after": after,
            "now": time.time(),
            "here_again": told.outbox_path(name),
        }
