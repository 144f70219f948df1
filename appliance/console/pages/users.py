"""Users: who may use the console, links for those who are to, tokens for scripts."""

from typing import Any

from appliance.console.accounts import NAME
from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.users import Desk
from appliance.console.words import Refusal, Sentence


@page("/users", title="Users", template="users.html", least=Role.ADMIN, place="Users")
class Users(PageHandler):
    """For admins."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """Everybody, with links and tokens."""
        context = self.context
        accounts = await self.aside(context.accounts.all)
        return {
            "users": [(one, len(context.sessions.of(one.name))) for one in accounts],
            "links": await self.aside(context.links.open),
            "tokens": await self.aside(context.tokens.all),
            "secret": "",
            "secret_words": "",
        }

    async def act(self, *groups: str) -> str | None:
        """What the button says."""
        assert self.who is not None
        name, who, address = self.field("name", 64), self.who, self.address
        desk = Desk(
            self.context,
            who,
            lambda did, *on, detail="": self.context.audit.note(who.name, did, on, address, detail),
        )
        match self.field("do"):
            case "role":
                role = self._role()
                await self.aside(lambda: desk.set_role(name, role))
                self.tell(Sentence("{name} has another role.", {"name": name}))
            case "disable":
                await self.aside(lambda: desk.set_disabled(name, True))
                self.tell(Sentence("{name} is shut out.", {"name": name}))
            case "enable":
                await self.aside(lambda: desk.set_disabled(name, False))
                self.tell(Sentence("{name} may sign in again.", {"name": name}))
            case "remove":
                await self.aside(lambda: desk.remove(name))
                self.tell(Sentence("{name} is removed.", {"name": name}))
            case "reset":
                secret = await self.aside(lambda: desk.reset(name))
                await self._show(self._link(secret), self.say("A new password for {name}, by this link:", name=name))
            case "invite":
                role = self._role()
                secret = await self.aside(lambda: desk.invite(role))
                await self._show(self._link(secret), self.say("A new user, by this link:"))
            case "revoke-link":
                await self.aside(lambda: desk.revoke_link(self.field("id")))
                self.tell(Sentence("The link is worth nothing any more."))
            case "token":
                await self._make_token(desk, name)
            case "revoke-token":
                await self.aside(lambda: desk.revoke_token(self.field("id")))
                self.tell(Sentence("The token is worth nothing any more."))
            case _:
                raise Refusal(400, "The request cannot be understood.")
        return None

    async def _make_token(self, desk: Desk, name: str) -> None:
        days, role = self.field("days"), self._role()
        if not NAME.fullmatch(name):
            raise Refusal(422, "A name has letters, digits and . _ @ -, and begins with a letter or digit.")
        if not (days.isascii() and days.isdecimal() and 1 <= int(days) <= 730):
            raise Refusal(422, "A token is good for 1 to 730 days.")
        secret = await self.aside(lambda: desk.make_token(name, role, int(days)))
        await self._show(secret, self.say("The token {name}. It is shown only now:", name=name))

    async def _show(self, secret: str, words: str) -> None:
        """At once, and never again: it is not kept anywhere."""
        self.show(**{**await self.facts(), "secret": secret, "secret_words": words})

    def _link(self, secret: str) -> str:
        return f"https://{self.request.host}/start/{secret}"

    def _role(self) -> Role:
        try:
            return Role.named(self.field("role"))
        except ValueError:
            raise Refusal(422, "There is no such role.") from None
