"""Secrets: what a rule names and never contains. Each is a file in DATA/secrets, called as the rule calls it.

    login UPLOAD   the file UPLOAD: first line the user, second line the password
    token CLOUD    the file CLOUD: one line
    key UPLOAD     the file UPLOAD: a private key, as ssh-keygen writes it

Read at the moment of use, so that a changed one counts at once. Nothing here prints, logs or quotes what is in them.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import Later
from engine.parameters import RESERVED_SECRETS

_NAME = re.compile(r"\w[\w-]{0,63}")
_MOST = 64 << 10


@dataclass(frozen=True, slots=True)
class Login:
    """A user and the password; neither `str` nor `repr` shows it."""

    user: str
    password: str = field(repr=False)


class Secrets:
    """The folder. What cannot be had is Later, in words: somebody will put it there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def login(self, name: str) -> Login:
        """The user and password of `login NAME`. Raises Later."""
        user, _, password = self._read(name).partition("\n")
        if not user.strip() or not password.strip("\r\n"):
            raise Later(
                f"the secret {name} is no log-in: {self._path(name)} has the user in its first line and the "
                "password in its second"
            )
        return Login(user.strip(), password.partition("\n")[0].rstrip("\r"))

    def token(self, name: str) -> str:
        """The text of `token NAME`. Raises Later."""
        text = self._read(name).strip()
        if not text or any(letter in text for letter in "\r\n"):
            raise Later(f"the secret {name} is no token: {self._path(name)} has it in one line, and nothing else")
        return text

    def text(self, name: str) -> str:
        """All of a secret, like the private key of `key NAME`. Raises Later."""
        return self._read(name)

    def open_to_others(self) -> list[str]:
        """The secrets that other accounts of this machine may read."""
        try:
            return sorted(path.name for path in self.folder.iterdir() if path.is_file() and path.stat().st_mode & 0o077)
        except OSError:
            return []

    def _path(self, name: str) -> Path:
        return self.folder / name

    def _read(self, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise Later(f"{name} cannot be the name of a secret: it has letters, digits, - and _")
        if name.casefold() in RESERVED_SECRETS:
            raise Later(f"{name} cannot be the name of a secret: it is a file of the appliance's own")
        path = self._path(name)
        try:
            with path.open("rb") as stream:
                return stream.read(_MOST).decode("utf-8")
        except FileNotFoundError:
            raise Later(
                f"the secret {name} is not there: write it to {path}, for this account alone (chmod 600)"
            ) from None
        except OSError as error:
            raise Later(f"the secret {name} cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise Later(f"the secret {name} cannot be read: {path} is not UTF-8 text") from None
