"""The page behind a link: who opens it first becomes a user, or chooses another password."""

from typing import Any

from appliance.console.context import Context
from appliance.console.handler import SESSION, PageHandler
from appliance.console.keys import Link
from appliance.console.page import page
from appliance.console.words import Refusal


@page(r"/start/([\w-]{1,100})", title="Welcome", template="start.html", least=None)
class Start(PageHandler):
    """Looking at it uses nothing up: programs that read mails look at links, too."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """The form, or what to do where the link is worth nothing any more."""
        link = await self.aside(lambda: self.context.links.find(groups[0]))
        if link is None:
            self.show(status=404, link=None, wrong="", name="")
        return {"link": link, "wrong": "", "name": ""}

    async def get(self, *groups: str) -> None:
        """Show it."""
        facts = await self.facts(*groups)
        if not self._finished:
            self.show(**facts)

    async def act(self, *groups: str) -> str | None:
        """Use it, and sign in."""
        name, password = self.field("name", 64), self.get_body_argument("password", "", strip=False)
        again = self.get_body_argument("again", "", strip=False)
        link = await self.aside(lambda: self.context.links.find(groups[0]))
        try:
            if link is not None and again != password:
                raise Refusal(422, "The two passwords are not the same.")
            name = await self.aside(lambda: take(self.context, groups[0], name, password, self.language))
        except Refusal as refusal:
            self.show(status=refusal.status, link=link, wrong=refusal.sentence.said(self.language), name=name)
            return None
        await self.note("password" if link is not None and link.name else "user-added", who=name)
        secret = await self.aside(lambda: self.context.sessions.begin(name, self.address))
        self.set_host_cookie(SESSION, secret)
        return "/"


def take(context: Context, secret: str, name: str, password: str, language: str) -> str:
    """Use a link up; answers who may come in by it. Raises Refusal, and the link is as good as before then."""
    link = context.links.find(secret)
    if link is None:
        raise Refusal(404, "This link has been used, or its time is over.")
    if not link.name and context.accounts.find(name) is not None:
        raise Refusal(409, "There is a user {name} already.", name=name)
    return _take(context, link, secret, name, password, language)


def _take(context: Context, link: Link, secret: str, name: str, password: str, language: str) -> str:
    if link.name:
        context.accounts.set_password(link.name, password)
        context.sessions.end_all(link.name)
        used = context.links.use(secret)
        name = link.name
    else:
        context.accounts.add(name, link.role, password, language)
        used = context.links.use(secret)
        if used is None:
            # Somebody else was faster with the same link: only one becomes a user by it.
            context.accounts.remove(name)
    if used is None:
        raise Refusal(404, "This link has been used, or its time is over.")
    return name
