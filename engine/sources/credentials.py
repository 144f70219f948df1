"""Who sends, and what the sender says of its bytes: the header fields of an HTTP request, read.

It must not know who may send: it only says who claims to be whom.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

DIGEST, DURABLE = "Stellwerk-Digest", "Stellwerk-Durable"
"""Between two of us: what the bytes are, and that they are safe. CTP takes no notice of either."""

REMEMBERED = 60.0
"""Seconds for which a right password is not checked again, as long as its user stands as then."""

_HEX = re.compile(r"[0-9a-fA-F]{1,32}")
_OURS = re.compile(r"sha-256=([0-9a-fA-F]{64})")


def credentials(headers: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password, by RFC 7617 or as CTP sends them beside it (`RSNA: user:password`); None for none."""
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    said = headers.get("RSNA", "")
    if scheme.lower() == "basic":
        try:
            raw = base64.b64decode(rest.strip(), validate=True)
        except (binascii.Error, ValueError):
            return None
        try:
            said = raw.decode("utf-8")
        except UnicodeDecodeError:
            said = raw.decode("latin-1")
    user, colon, password = said.partition(":")
    return (user, password) if colon and user else None


class Unreadable(ValueError):
    """A digest that is none."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What the sender says that its bytes are, and the sums that this takes."""

    md5: int | None = None
    """As a number: CTP leaves leading zeros out."""
    sha256: str = ""
    sums: Mapping[str, "hashlib._Hash"] = field(default_factory=dict)

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Claim":
        """What a request says. Raises Unreadable."""
        md5, sha256 = None, ""
        theirs, ours = headers.get("Digest", "").strip(), headers.get(DIGEST, "").strip()
        if theirs:
            md5 = _md5(theirs)
        if ours:
            found = _OURS.fullmatch(ours)
            if found is None:
                raise Unreadable(f"{DIGEST} is not sha-256= and 64 hexadecimal digits")
            sha256 = found[1].lower()
        wanted = {"md5": md5 is not None, "sha256": bool(sha256)}
        return cls(
            md5,
            sha256,
            {name: hashlib.new(name, usedforsecurity=False) for name, is_wanted in wanted.items() if is_wanted},
        )

    def add(self, piece: bytes | bytearray) -> None:
        """The next bytes."""
        for one in self.sums.values():
            one.update(piece)

    @property
    def holds(self) -> bool:
        """Whether the bytes are what they are said to be."""
        if self.md5 is not None and int.from_bytes(self.sums["md5"].digest()) != self.md5:
            return False
        return not self.sha256 or self.sums["sha256"].hexdigest() == self.sha256


def _md5(words: str) -> int | None:
    if _HEX.fullmatch(words):
        return int(words, 16)
    # RFC 3230 may name several; those that we do not know say nothing to us.
    for part in words.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "md5":
            try:
                return int.from_bytes(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError):
                raise Unreadable("Digest is no MD5 sum") from None
    return None


def remembering(
    identify: Callable[[str, str, str], bool | None],
    clock: Callable[[], float] = time.monotonic,
    standing: Callable[[str], str] = lambda _: "",
) -> Callable[[str, str, str], bool | None]:
    """The same, with what was right remembered for a while: to check a password is slow, and CTP sends it each time.

    standing: changes when a user is removed, or gets another password.
    """
    key = secrets.token_bytes(32)
    known: dict[bytes, float] = {}

    def asked(user: str, password: str, address: str) -> bool | None:
        said = f"{user}\0{password}\0{standing(user)}".encode("utf-8", "surrogatepass")
        now, mark = clock(), hmac.digest(key, said, "sha256")
        if known.get(mark, 0.0) > now:
            return True
        answer = identify(user, password, address)
        for old in [one for one, until in list(known.items()) if until <= now]:
            known.pop(old, None)
        if answer:
            known[mark] = now + REMEMBERED
        return answer

    return asked


def file_name(disposition: str) -> str:
    """The name that a file had at its sender (FileSender tells it); for people, and never a path."""
    found = re.search(r'filename\s*=\s*"?([^";]*)"?', disposition, re.IGNORECASE)
    if found is None:
        return ""
    raw = found[1].encode("latin-1", "replace")
    name = raw.decode("utf-8", "replace").replace("\\", "/").rpartition("/")[2]
    return "".join(sign if sign.isprintable() else "�" for sign in name)[:200]
