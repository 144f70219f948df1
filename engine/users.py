"""Users: who may send with a name and a password, over HTTPS or DICOM. A file of names and hashes (scrypt, RFC 7914).

The file is read anew whenever it has changed. A password is never kept, printed or logged, and a wrong one costs as
much time as a right one, for a user that exists and for one that does not. Must not know listeners.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import threading
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.throttle import Throttle

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
"""What a user may be called: it stands in rules, in logs and in a line of the file."""

# 16 MB and about 50 ms for each guess (OWASP's figures for scrypt).
_N, _R, _P = 1 << 14, 8, 5
_MEMORY = 64 << 20
_MOST = 1024  # characters; more is no password, but an attempt to keep us busy
_BUSY = threading.BoundedSemaphore(2)  # so many hashes at once: the rest of the appliance must go on


@dataclass(frozen=True, slots=True)
class Hash:
    """A password's hash with what is needed to make it again."""

    n: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def of(cls, password: str) -> "Hash":
        """A new hash."""
        salt = secrets.token_bytes(16)
        return cls(_N, _R, _P, salt, _scrypt(password, _N, _R, _P, salt))

    def fits(self, password: str) -> bool:
        """Whether it is this password's."""
        return hmac.compare_digest(_scrypt(password, self.n, self.r, self.p, self.salt), self.digest)

    def __str__(self) -> str:
        salt, digest = (base64.b64encode(part).decode() for part in (self.salt, self.digest))
        return f"scrypt:{self.n}:{self.r}:{self.p}:{salt}:{digest}"

    @classmethod
    def parse(cls, text: str) -> "Hash":
        """What `str` wrote. Raises ValueError."""
        kind, n, r, p, salt, digest = text.split(":")
        if kind != "scrypt" or not int(n) * int(r) * 128 <= _MEMORY // 2:
            raise ValueError("not a hash of ours")
        try:
            parts = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
        except binascii.Error:
            raise ValueError("not a hash of ours") from None
        return cls(int(n), int(r), int(p), *parts)


_NOBODY = Hash(_N, _R, _P, bytes(16), bytes(64))
"""Checked for a user that does not exist, so that the time taken tells nothing. No password has this hash."""


class Users:
    """The users in one file: each line `name scrypt:…`. Threads may share one."""

    def __init__(self, file: Path, throttle: Throttle) -> None:
        self.file = file
        self._throttle = throttle
        self._seen: tuple[int, int, int] | None = None
        self._known: Mapping[str, Hash] = {}

    def names(self) -> list[str]:
        """Who there is."""
        return sorted(self._read())

    def knows(self, name: str) -> bool:
        """Whether there is such a user."""
        return name in self._read()

    def check(self, name: str, password: str, address: str) -> bool:
        """Whether this is that user's password. False, unseen, while address or user must wait (`wait`)."""
        counted = _counted(name)
        with _BUSY:
            # Asked when it is its turn: of many guesses at the same moment, most have only then to wait.
            if self._throttle.wait(address, counted) > 0:
                return False
            known = self._read().get(name)
            right = (known or _NOBODY).fits(password[:_MOST]) and known is not None and len(password) <= _MOST
            (self._throttle.succeeded if right else self._throttle.failed)(address, counted)
        return right

    def standing(self, name: str) -> str:
        """Changes when this user is removed, or gets another password; empty where there is none."""
        return str(self._read().get(name, ""))

    def wait(self, name: str, address: str) -> float:
        """Seconds until these are asked again, after too many failures; 0 where that is now."""
        return self._throttle.wait(address, _counted(name))

    def add(self, name: str, password: str) -> None:
        """Add a user, or give one another password. Raises ValueError (in words), OSError."""
        if not NAME.fullmatch(name):
            raise ValueError("a user's name has letters, digits and . _ @ -, and begins with a letter or digit")
        if not 8 <= len(password) <= _MOST:
            raise ValueError(f"a password has at least 8 and at most {_MOST} characters")
        self._write({**self._read(), name: Hash.of(password)})

    def remove(self, name: str) -> bool:
        """Remove a user; whether there was one. Raises OSError."""
        known = dict(self._read())
        if known.pop(name, None) is None:
            return False
        self._write(known)
        return True

    def _read(self) -> Mapping[str, Hash]:
        try:
            stat = self.file.stat()
            seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if seen != self._seen:
                self._known, self._seen = _parse(self.file.read_text("utf-8")), seen
        except FileNotFoundError:
            self._known, self._seen = {}, None
        return self._known

    def _write(self, known: Mapping[str, Hash]) -> None:
        files.make_folder(self.file.parent)
        self.file.parent.chmod(0o700)
        text = "".join(f"{name} {known[name]}\n" for name in sorted(known))
        files.write(self.file, text.encode())
        self.file.chmod(0o600)
        files.sync(self.file.parent)
        self._seen = None


def _counted(name: str) -> str:
    """What can be nobody's name is counted by its address alone: it may be very long, and is remembered."""
    return name if NAME.fullmatch(name) else ""


def _parse(text: str) -> dict[str, Hash]:
    """Lines that cannot be read are users that cannot come in."""
    known = {}
    for line in text.splitlines():
        name, _, rest = line.strip().partition(" ")
        try:
            known[name] = Hash.parse(rest.strip())
        except (ValueError, OverflowError):
            continue
    return known


def _scrypt(password: str, n: int, r: int, p: int, salt: bytes) -> bytes:
    # Two ways to type the same letter are the same password (RFC 8265).
    secret = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=_MEMORY, dklen=64)
