"""Who may use the console: users with a role, in DATA/secrets. It must not know sessions, nor the web.

Refusals are sentences (`Refusal`), which the pages translate. Passwords are checked elsewhere for how often they may be
guessed; here for being right.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.console.book import Book, Table
from appliance.console.passwords import fits, hashed
from appliance.console.roles import Role
from appliance.console.words import Refusal

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What a user may be called: it stands in the audit."""


@dataclass(frozen=True, slots=True)
class Account:
    """One user. created: in seconds since 1970. language: de or en, empty where the browser's counts."""

    name: str
    role: Role
    language: str
    disabled: bool
    created: float


class Accounts:
    """The users in one file. Threads may share one. Every method may raise OSError."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        self._book, self._clock = Book(file), clock

    def all(self) -> list[Account]:
        """Everybody, by name."""
        return sorted((_account(name, row) for name, row in self._book.rows().items()), key=lambda one: one.name)

    def find(self, name: str) -> Account | None:
        """The user of this name, who may be disabled; capitals do not count."""
        rows = self._book.rows()
        known = _known(rows, name)
        return None if known is None else _account(known, rows[known])

    def check(self, name: str, password: str) -> Account | None:
        """The user whose password this is. Takes as long for one that does not exist, or is disabled."""
        account = self.find(name)
        kept = "" if account is None or account.disabled else str(self._book.rows()[account.name].get("hash", ""))
        return account if fits(password, kept) else None

    def add(self, name: str, role: Role, password: str, language: str = "") -> Account:
        """A new user. Raises Refusal."""
        if not NAME.fullmatch(name):
            raise Refusal(422, "A name has letters, digits and . _ @ -, and begins with a letter or digit.")
        kept = _hash(password)
        with self._book.change() as rows:
            if _known(rows, name) is not None:
                raise Refusal(409, "There is a user {name} already.", name=name)
            row = {"role": role.word, "language": language, "hash": kept, "disabled": False, "created": self._clock()}
            rows[name] = row
        return _account(name, row)

    def set_password(self, name: str, password: str) -> None:
        """Another password. Raises Refusal."""
        kept = _hash(password)
        with self._book.change() as rows:
            rows[_there(rows, name)]["hash"] = kept

    def set_language(self, name: str, language: str) -> None:
        """Another language. Raises Refusal."""
        with self._book.change() as rows:
            rows[_there(rows, name)]["language"] = language

    def set_role(self, name: str, role: Role) -> None:
        """Another role. Raises Refusal, where nobody would be left who may change users."""
        with self._book.change() as rows:
            rows[_there(rows, name)]["role"] = role.word
            _keep_an_admin(rows)

    def set_disabled(self, name: str, disabled: bool) -> None:
        """Keep a user out, or let them in again. Raises Refusal."""
        with self._book.change() as rows:
            rows[_there(rows, name)]["disabled"] = disabled
            _keep_an_admin(rows)

    def remove(self, name: str) -> None:
        """Remove a user. Raises Refusal."""
        with self._book.change() as rows:
            del rows[_there(rows, name)]
            _keep_an_admin(rows)


def _hash(password: str) -> str:
    try:
        return hashed(password)
    except ValueError:
        raise Refusal(422, "A password has at least 10 characters.") from None


def _known(rows: Table, name: str) -> str | None:
    return next((known for known in rows if known.casefold() == name.casefold()), None)


def _there(rows: Table, name: str) -> str:
    known = _known(rows, name)
    if known is None:
        raise Refusal(404, "There is no user {name}.", name=name)
    return known


def _keep_an_admin(rows: Table) -> None:
    if not any(row["role"] == Role.ADMIN.word and not row["disabled"] for row in rows.values()):
        raise Refusal(409, "This is the last admin: make another one first.")


def _account(name: str, row: dict[str, object]) -> Account:
    created = row.get("created", 0.0)
    return Account(
        name,
        Role.named(str(row["role"])),
        str(row.get("language", "")),
        bool(row.get("disabled", False)),
        float(created) if isinstance(created, int | float) else 0.0,
    )
