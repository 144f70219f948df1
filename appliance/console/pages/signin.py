"""Sign-in, sign-out, and the language: what everybody may do."""

from typing import Any

from appliance.console.context import TooManyGuesses
from appliance.console.handler import LANGUAGE, SESSION, PageHandler
from appliance.console.page import page
from appliance.console.words import LANGUAGES, Refusal


@page("/sign-in", title="Sign in", template="signin.html", least=None)
class SignIn(PageHandler):
    """A name and a password; the same words for a wrong name and a wrong password."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """The form, or how to begin where there is nobody yet."""
        empty = not await self.aside(self.context.accounts.all)
        return {"name": "", "wrong": "", "next": local(self.get_query_argument("next", "/")), "empty": empty}

    async def act(self, *groups: str) -> str | None:
        """Begin a session: always a new one, whatever the browser came with."""
        name, password = self.field("name", 64), self.get_body_argument("password", "", strip=False)
        try:
            account = await self.context.prove(self.address, name, password)
        except TooManyGuesses as guesses:
            self.set_header("Retry-After", str(round(guesses.seconds + 0.5)))
            self._again(429, name, self.say("Too many wrong passwords. Wait a moment, then try again."))
            return None
        if account is None:
            known = await self.aside(lambda: self.context.accounts.find(name))
            # What is nobody's name may be a password that went into the wrong field.
            await self.note("sign-in-refused", *([known.name] if known else []))
            self._again(403, name, self.say("User or password is wrong."))
            return None
        old = self.get_cookie(SESSION, "")
        session = self.context.sessions.find(old, touch=False) if old else None
        if session is not None:
            await self.aside(lambda: self.context.sessions.end(session.id))
        secret = await self.aside(lambda: self.context.sessions.begin(account.name, self.address))
        await self.note("sign-in", who=account.name)
        self.set_host_cookie(SESSION, secret)
        return local(self.get_body_argument("next", "/"))

    def _again(self, status: int, name: str, wrong: str) -> None:
        next_page = local(self.get_body_argument("next", "/"))
        self.show(status=status, name=name, wrong=wrong, next=next_page, empty=False)


@page("/sign-out", title="Sign out", template="error.html", least=None)
class SignOut(PageHandler):
    """End this session."""

    async def get(self, *groups: str) -> None:
        """Nothing ends by a link."""
        raise Refusal(405, "This cannot be done here.")

    async def act(self, *groups: str) -> str | None:
        """At the server, so that the cookie is worth nothing afterwards."""
        session = self.who.session if self.who else None
        if session is not None:
            await self.aside(lambda: self.context.sessions.end(session.id))
            await self.note("sign-out")
        self.clear_cookie(SESSION, path="/", secure=True, httponly=True, samesite="Strict")
        return "/sign-in"


@page("/language", title="Language", template="error.html", least=None)
class Language(PageHandler):
    """Remember a language: in this browser, and for the user."""

    async def get(self, *groups: str) -> None:
        """Nothing changes by a link."""
        raise Refusal(405, "This cannot be done here.")

    async def act(self, *groups: str) -> str | None:
        """de or en."""
        language = self.field("language")
        if language in LANGUAGES:
            self.set_host_cookie(LANGUAGE, language, days=365)
            who = self.who
            if who is not None:
                await self.aside(lambda: self.context.accounts.set_language(who.name, language))
        return local(self.field("back", 2000))


def local(address: str) -> str:
    """An address of ours; the first page in place of any other: nobody is sent elsewhere from here."""
    fine = address.startswith("/") and not address.startswith("//")
    odd = "\\" in address or any(ord(letter) < 0x20 for letter in address)
    return address if fine and not odd else "/"
