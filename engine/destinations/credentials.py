"""Credentials: what we prove ourselves with. Taken out of a secret each time, so that a new one counts at once.

A rule names a secret (`login NAME`, `token NAME`) and never shows it; nor does anything else.
"""

import base64
from collections.abc import Callable, Mapping

from engine.errors import Later
from engine.parameters import SecretName
from engine.signature import Argument

Secrets = Callable[[str], str]
"""The text of a secret by its name. Raises LookupError, with words, where there is none or it cannot be read."""


def authorization(arguments: Mapping[str, Argument], secrets: Secrets) -> dict[str, str]:
    """The request header for `login NAME` (RFC 7617) or `token NAME` (RFC 6750); none where nothing is said.

    Raises Later where the secret is not there.
    """
    if "login" in arguments:
        user, password = login(SecretName.of(arguments["login"]).name, secrets)
        return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}
    if "token" in arguments:
        name = SecretName.of(arguments["token"]).name
        token = read(name, secrets)
        if not token.isascii() or not token.isprintable() or " " in token:
            raise Later(f"the secret {name} is no token: it has signs in it that no token has")
        return {"Authorization": f"Bearer {token}"}
    return {}


def login(name: str, secrets: Secrets) -> tuple[str, str]:
    """User name and password out of a secret `user:password`. Raises Later."""
    user, colon, password = read(name, secrets).partition(":")
    if not colon or not user:
        raise Later(f"the secret {name} should be a user name, a colon and a password")
    return user, password


def read(name: str, secrets: Secrets) -> str:
    """The text of a secret, without the line end that an editor puts there. Raises Later."""
    try:
        text = secrets(name).strip("\r\n")
    except LookupError as error:
        # A KeyError shows its text in quotes.
        raise Later(str(error.args[0]) if error.args else f"there is no secret called {name}") from None
    if not text:
        raise Later(f"the secret {name} is empty")
    return text
