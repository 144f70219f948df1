"""Sessions: who has signed in, from when to when. Kept at the server; the browser has a random id, and we its digest.

They outlive a restart of the console. It must not know passwords, nor the web.
"""

import base64
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.console.book import Book
from appliance.console.keys import digest

IDLE, LONGEST = 3600.0, 12 * 3600.0
"""Seconds without a click, and in all, after which one signs in again."""


@dataclass(slots=True)
class Session:
    """One browser's. id: the digest of what it shows; moments in seconds since 1970."""

    id: str
    name: str
    since: float
    seen: float
    address: str
    notices: list[tuple[str, str]] = field(default_factory=list)
    """What is to be said on the next page: kind and words. Not kept."""
    searches: dict[str, dict[str, str]] = field(default_factory=dict)
    """What was looked for, by a name that may stand in an address. Not kept: it names patients."""


class Sessions:
    """All of them, in memory and in one file. Threads may share one."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.time) -> None:
        """Raises OSError."""
        self._book, self._clock = Book(file), clock
        self._lock = threading.Lock()
        self._known = {key: _session(key, row) for key, row in self._book.rows().items()}
        self._dirty = False

    def begin(self, name: str, address: str) -> str:
        """A new session; answers the secret for the browser. Raises OSError."""
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._known[digest(secret)] = Session(digest(secret), name, now, now, address)
            self._forget_ended()
        self.keep()
        return secret

    def find(self, secret: str, *, touch: bool = True) -> Session | None:
        """The session that has this secret, if it has not ended. touch: it is in use."""
        with self._lock:
            session = self._known.get(digest(secret))
            now = self._clock()
            if session is None or self._has_ended(session, now):
                return None
            if touch and now - session.seen > 1:
                session.seen, self._dirty = now, True
            return session

    def of(self, name: str) -> list[Session]:
        """A user's."""
        with self._lock:
            return [one for one in self._known.values() if one.name == name and not self._has_ended(one, self._clock())]

    def end(self, *keys: str) -> None:
        """End these. Raises OSError: after a restart they might be there again, so it must be tried once more."""
        with self._lock:
            for key in keys:
                self._known.pop(key, None)
            self._dirty = True
        self.keep()

    def end_all(self, name: str, but: str = "") -> None:
        """Sign a user out everywhere, except in one session. Raises OSError."""
        self.end(*(one.id for one in self.of(name) if one.id != but))

    def keep(self) -> None:
        """Write down what has changed. Raises OSError."""
        with self._lock:
            rows = {key: _row(one) for key, one in self._known.items()}
            self._dirty = False
        with self._book.change() as kept:
            kept.clear()
            kept.update(rows)

    def keep_seen(self) -> None:
        """The same, where anything has changed."""
        if self._dirty:
            self.keep()

    def _has_ended(self, session: Session, now: float) -> bool:
        return now - session.seen > IDLE or now - session.since > LONGEST

    def _forget_ended(self) -> None:
        now = self._clock()
        self._known = {key: one for key, one in self._known.items() if not self._has_ended(one, now)}


def csrf_token(secret: str) -> str:
    """What a form must bring along, of whoever has this secret in a cookie. Another one each time (BREACH)."""
    mask = secrets.token_bytes(32)
    masked = bytes(a ^ b for a, b in zip(mask, _csrf(secret), strict=True))
    return base64.urlsafe_b64encode(mask + masked).decode()


def is_csrf_token(text: str, secret: str) -> bool:
    """Whether `csrf_token` has made it for this secret."""
    try:
        data = base64.urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        return False
    unmasked = bytes(a ^ b for a, b in zip(data[:32], data[32:], strict=False))
    return len(data) == 64 and hmac.compare_digest(unmasked, _csrf(secret))


def _csrf(secret: str) -> bytes:
    return hashlib.sha256(b"stellwerk csrf " + secret.encode("utf-8", "surrogatepass")).digest()


def _row(session: Session) -> dict[str, Any]:
    return {"name": session.name, "since": session.since, "seen": session.seen, "address": session.address}


def _session(key: str, row: dict[str, Any]) -> Session:
    return Session(key, str(row["name"]), float(row["since"]), float(row["seen"]), str(row["address"]))
