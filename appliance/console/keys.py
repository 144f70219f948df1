"""Secrets that we hand out ourselves: links by which somebody becomes a user, and tokens for scripts.

They are random (256 bits), end by themselves, and only their digests are kept. It must not know users or the web.
"""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.console.book import Book
from appliance.console.roles import Role

LINK_HOURS = 24.0
DAY = 86400.0


def digest(secret: str) -> str:
    """What is kept of a random secret. It cannot be guessed, so it needs no slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """What a link is good for: a new user with this role, or another password for the user `name`."""

    id: str
    role: Role
    name: str
    by: str
    until: float


@dataclass(frozen=True, slots=True)
class Token:
    """What a script shows instead of a session."""

    id: str
    name: str
    role: Role
    by: str
    until: float


class Links:
    """The links that are open. Threads may share one. Every method may raise OSError."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._book, self._clock = Book(file), clock

    def make(self, role: Role, by: str, name: str = "", hours: float = LINK_HOURS, secret: str = "") -> str:
        """A new one; answers its secret, which is not kept.

        by: empty where nobody is signed in. secret: one that was made for it, where somebody has to type it. Former
        links for the same user end, and former ones that nobody has made.
        """
        secret = secret or secrets.token_urlsafe(32)
        with self._book.change() as rows:
            now = self._clock()
            for key, row in list(rows.items()):
                if row["until"] <= now or (name and row["name"] == name) or (not by and not row["by"]):
                    del rows[key]
            rows[digest(secret)] = {"role": role.word, "by": by, "name": name, "until": now + hours * 3600}
        return secret

    def find(self, secret: str) -> Link | None:
        """What this one is good for; None where it is not known, is used, or has ended."""
        row = self._book.rows().get(digest(secret))
        return None if row is None or row["until"] <= self._clock() else _link(digest(secret), row)

    def use(self, secret: str) -> Link | None:
        """The same, once: of two who come with it, one gets it."""
        with self._book.change() as rows:
            row = rows.pop(digest(secret), None)
        return None if row is None or row["until"] <= self._clock() else _link(digest(secret), row)

    def open(self) -> list[Link]:
        """All that may still be used."""
        now = self._clock()
        return [_link(key, row) for key, row in self._book.rows().items() if row["until"] > now]

    def revoke(self, key: str) -> bool:
        """End one, by its id; whether there was one."""
        with self._book.change() as rows:
            return rows.pop(key, None) is not None


class Tokens:
    """The tokens of scripts. Threads may share one. Every method may raise OSError."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._book, self._clock = Book(file), clock

    def make(self, name: str, role: Role, by: str, days: float) -> str:
        """A new one; answers its secret, which is not kept."""
        secret = f"stw_{secrets.token_urlsafe(32)}"
        with self._book.change() as rows:
            rows[digest(secret)] = {"name": name, "role": role.word, "by": by, "until": self._clock() + days * DAY}
        return secret

    def find(self, secret: str) -> Token | None:
        """The token that this is; None where it is not known, or has ended."""
        row = self._book.rows().get(digest(secret))
        return None if row is None or row["until"] <= self._clock() else _token(digest(secret), row)

    def all(self) -> list[Token]:
        """All of them, also those that have ended."""
        return sorted((_token(key, row) for key, row in self._book.rows().items()), key=lambda one: one.name)

    def revoke(self, key: str) -> bool:
        """End one, by its id; whether there was one."""
        with self._book.change() as rows:
            return rows.pop(key, None) is not None


def _link(key: str, row: dict[str, object]) -> Link:
    return Link(key, Role.named(str(row["role"])), str(row["name"]), str(row["by"]), float(str(row["until"])))


def _token(key: str, row: dict[str, object]) -> Token:
    return Token(key, str(row["name"]), Role.named(str(row["role"])), str(row["by"]), float(str(row["until"])))
