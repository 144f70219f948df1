"""Destinations: what the rules declare, how each fares, and a test that sends no image."""

import time
from dataclasses import dataclass
from typing import Any

from appliance.console import told
from appliance.console.facts.destinations import DestinationLine, Takes, Tested, destinations, mails
from appliance.console.facts.house import NoSpool
from appliance.console.handler import PageHandler
from appliance.console.hands import Hands
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.words import Refusal

SOON = 30
"""Days before the end of a certificate from which on it is said."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A destination, and how its outbox fares in words (told.fares); None where it has none."""

    line: DestinationLine
    fares: dict[str, object] | None


@page("/destinations", title="Destinations", template="destinations.html", place="Destinations")
class DestinationsPage(PageHandler):
    """To be looked at; operators may test."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of them, those who get mail last."""
        state = await self.aside(self.context.running.state)
        data, house = state.data if state.is_running else None, self.context.house
        try:
            found = await self.aside(lambda: [*destinations(house, data), *mails(house, data)])
        except NoSpool:
            found = []
        now = time.time()
        relay = bool(self.context.settings.mail_host)
        language, running = self.language, state.is_running
        shown = [
            Shown(one, told.fares(one.outbox, language, running, now, relay) if one.outbox else None) for one in found
        ]
        rates = {one.outbox.name: list(one.outbox.rate.minutes) for one in found if one.outbox is not None}
        return {
            "shown": shown,
            "told": told,
            "rates": {"minute": int(now // 60), "rates": rates},
            "tested": None,
            "SOON": SOON,
            "takes_words": by_syntaxes,
        }

    async def act(self, *groups: str) -> str | None:
        """Test one, and show what has come out."""
        assert self.who is not None
        who, address, name = self.who, self.address, self.field("name")
        if who.role < Role.OPERATOR:
            raise Refusal(403, "Your role does not allow this.")
        hands = Hands(
            self.context, lambda did, *on, detail="": self.context.audit.note(who.name, did, on, address, detail)
        )
        tested: Tested = await self.aside(lambda: hands.test(name))
        self.show(**{**await self.facts(), "tested": tested})
        return None


def by_syntaxes(takes: tuple[Takes, ...]) -> list[tuple[tuple[str, ...], list[str]]]:
    """Transfer syntaxes → the SOP classes that are taken in just these; the most first, those that are refused last."""
    found: dict[tuple[str, ...], list[str]] = {}
    for one in takes:
        found.setdefault(one.syntaxes, []).append(one.sop_class)
    return sorted(found.items(), key=lambda item: (not item[0], -len(item[1])))
