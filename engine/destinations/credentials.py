"""Credentials: what we prove ourselves with. Taken out of a secret each time, so that a new one counts at once.

A rule names a secret (`login NAME`, `token NAME`) and never shows it; nor does anything else.
"""

import base64
from collections.abc import Mapping
from typing import Protocol

from engine.errors import Later
from engine.parameters import SecretName
from engine.signature import Argument


class Login(Protocol):
    """A user and the password."""

    @property
    def user(self) -> str:
        """Who."""

    @property
    def password(self) -> str:
        """What nobody sees."""


class Secrets(Protocol):
    """Where secrets are. All raise Later, in words, where there is none of that name."""

    def login(self, name: str) -> Login:
        """The secret of `login NAME`."""

    def token(self, name: str) -> str:
        """The secret of `token NAME`."""

    def text(self, name: str) -> str:
        """A secret of any number of lines, like that of `key NAME`."""


def authorization(arguments: Mapping[str, Argument], secrets: Secrets) -> dict[str, str]:
    """The request header for `login NAME` (RFC 7617) or `token NAME` (RFC 6750); none where nothing is said.

    Raises Later where the secret is not there, or is none that can be sent.
    """
    if "login" in arguments:
        login = secrets.login(SecretName.of(arguments["login"]).name)
        return {"Authorization": f"Basic {base64.b64encode(f'{login.user}:{login.password}'.encode()).decode()}"}
    if "token" in arguments:
        name = SecretName.of(arguments["token"]).name
        token = secrets.token(name)
        if not token.isascii() or not token.isprintable() or " " in token:
            raise Later(f"the secret {name} is no token: it has signs in it that no token has")
        return {"Authorization": f"Bearer {token}"}
    return {}
