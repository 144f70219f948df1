"""One's own account: password, and where one is signed in."""

from typing import Any

from appliance.console.context import TooManyGuesses
from appliance.console.handler import SESSION, PageHandler
from appliance.console.page import page
from appliance.console.words import Refusal, Sentence


@page("/account", title="Your account", template="account.html")
class Account(PageHandler):
    """For whoever has signed in."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """The sessions, the newest first."""
        assert self.who is not None
        found = sorted(self.context.sessions.of(self.who.name), key=lambda one: -one.since)
        return {"sessions": found}

    async def act(self, *groups: str) -> str | None:
        """Another password, or the end of all sessions."""
        assert self.who is not None
        assert self.who.session is not None
        name, session = self.who.name, self.who.session
        if self.field("do") == "everywhere":
            await self.note("sign-out-everywhere")
            await self.aside(lambda: self.context.sessions.end_all(name))
            self.clear_cookie(SESSION, path="/", secure=True, httponly=True, samesite="Strict")
            return "/sign-in"
        old, new = (self.get_body_argument(field, "", strip=False) for field in ("old", "password"))
        if new != self.get_body_argument("again", "", strip=False):
            raise Refusal(422, "The two passwords are not the same.")
        try:
            account = await self.context.prove(self.address, name, old)
        except TooManyGuesses:
            raise Refusal(429, "Too many wrong passwords. Wait a moment, then try again.") from None
        if account is None:
            raise Refusal(403, "The password until now is another one.")
        await self.aside(lambda: self.context.accounts.set_password(name, new))
        await self.aside(lambda: self.context.sessions.end_all(name, but=session.id))
        await self.note("password")
        self.tell(Sentence("The password is changed, and you are signed out everywhere else."))
        return None
