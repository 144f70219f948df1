"""What an admin does with users, links and tokens, for page and API alike: the change, what follows, and its audit.

It must not know the web.
"""

from collections.abc import Callable

from appliance.console.context import Context, Who
from appliance.console.roles import Role
from appliance.console.words import Refusal

Note = Callable[..., None]
"""(act, *on, detail="") → written into the audit."""


class Desk:
    """For one admin. Every method may raise Refusal and OSError; what is done is in the audit before it is answered."""

    def __init__(self, context: Context, who: Who, note: Note) -> None:
        self._context, self._who, self._note = context, who, note

    def set_role(self, name: str, role: Role) -> None:
        """Another role; it counts at once."""
        self._context.accounts.set_role(name, role)
        self._note("user-role", name, detail=role.word)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Keep out, at once, or let in again."""
        self._context.accounts.set_disabled(name, disabled)
        if disabled:
            self._context.sessions.end_all(name)
        self._note("user-disabled" if disabled else "user-enabled", name)

    def remove(self, name: str) -> None:
        """Remove a user, and end their sessions. Their lines in the audit stay."""
        self._context.accounts.remove(name)
        self._context.sessions.end_all(name)
        self._note("user-removed", name)

    def invite(self, role: Role) -> str:
        """A link for a new user; answers its secret."""
        secret = self._context.links.make(role, self._who.name)
        self._note("link-made", detail=role.word)
        return secret

    def reset(self, name: str) -> str:
        """A link by which this user chooses another password."""
        account = self._context.accounts.find(name)
        if account is None:
            raise Refusal(404, "There is no user {name}.", name=name)
        secret = self._context.links.make(account.role, self._who.name, account.name)
        self._note("link-made", account.name)
        return secret

    def revoke_link(self, key: str) -> None:
        """Take back a link that is still open."""
        if not self._context.links.revoke(key):
            raise Refusal(404, "There is no such link any more.")
        self._note("link-revoked")

    def make_token(self, name: str, role: Role, days: int) -> str:
        """A token for a script; answers its secret."""
        secret = self._context.tokens.make(name, role, self._who.name, days)
        self._note("token-made", name, detail=role.word)
        return secret

    def revoke_token(self, key: str) -> None:
        """End a token, at once."""
        name = next((one.name for one in self._context.tokens.all() if one.id == key), "")
        if not self._context.tokens.revoke(key):
            raise Refusal(404, "There is no such token.")
        self._note("token-revoked", name)
