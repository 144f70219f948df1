"""Settings: what is set and where, our certificate, the mail relay, the version."""

import re
from typing import Any

from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.setup import certificate_of, mail_test, settings_of
from appliance.console.words import Refusal, Sentence

_ADDRESS = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")


@page("/settings", title="Settings", template="settings.html", least=Role.OPERATOR, place="Settings")
class SettingsPage(PageHandler):
    """To be looked at; only the mail relay can be tried."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """All of it."""
        return {
            "settings": settings_of(self.context),
            "certificate": await self.aside(lambda: certificate_of(self.context)),
            "state": await self.aside(self.context.running.state),
            "mail_host": self.context.settings.mail_host,
            "origins": {
                "default": self.say("nobody: the default"),
                "file": self.say("the settings file"),
                "environment": self.say("the environment"),
                "line": self.say("the command line"),
            },
        }

    async def act(self, *groups: str) -> str | None:
        """Send a mail."""
        assert self.who is not None
        if self.who.role < Role.ADMIN:
            raise Refusal(403, "Your role does not allow this.")
        to = self.field("to", 254)
        if not _ADDRESS.fullmatch(to):
            raise Refusal(422, "This is not written as it should be.")
        subject = self.say("Stellwerk: a mail to try the relay")
        body = self.say("This mail was sent from the console, to see whether the mail relay works. It does.")
        await self.aside(lambda: mail_test(self.context, to, subject, body))
        await self.note("mail-test")
        self.tell(Sentence("The relay has taken the mail. Has it arrived?"))
        return None
