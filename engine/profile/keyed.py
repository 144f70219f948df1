"""What follows from the key: new UIDs, how far dates are moved, pseudonyms. Must not know where the key is kept.

All of it is HMAC-SHA-256 (RFC 2104): the same input and key give the same answer on every machine, and without the key
neither direction can be computed. The input is preceded by what it is for, so that no answer tells of another.
"""

import base64
import hmac
from functools import lru_cache

from engine.profile.values import padded

_SHORTEST = 16
"""Bytes of a key."""

_STANDARD = "1.2.840.10008."
"""The root of the UIDs that PS3.6 defines: the same for everybody, and so not of an object."""

_MOST_DAYS = 3650


class Keyed:
    """One key at work. Threads may share it."""

    def __init__(self, key: bytes) -> None:
        """Raises ValueError for a key that could be guessed."""
        if len(key) < _SHORTEST:
            raise ValueError(f"a key has at least {_SHORTEST} bytes")
        self._key = key
        self.uid = lru_cache(maxsize=1 << 16)(self._uid)
        self.uids = lru_cache(maxsize=1 << 16)(self._uids)
        self.id = self._digest("id", "").hex()[:8]
        """Tells keys apart and nothing about them: what an object says of the key it was made with."""

    def _uid(self, uid: str) -> str:
        """The UID that takes the place of this one: `2.25.` and a UUID (PS3.5 B.2). Those of the standard stay."""
        if not uid or uid.startswith(_STANDARD):
            return uid
        digest = bytearray(self._digest("uid", uid)[:16])
        digest[6] = digest[6] & 0x0F | 0x80  # version 8 of RFC 9562: the bits are the maker's own
        digest[8] = digest[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(digest, 'big')}"

    def _uids(self, raw: bytes) -> bytes:
        """The same for the value of a UI as it is encoded, one or several."""
        uids = raw.decode("latin-1").split("\\")
        return padded("\\".join([self.uid(one.strip(" \0")) for one in uids]).encode("latin-1"), b"\0")

    def days(self, patient_id: str) -> int:
        """By how many days all dates of this patient are moved, into the past: -1 to -3650."""
        return -1 - int.from_bytes(self._digest("days", patient_id)[:8], "big") % _MOST_DAYS

    def pseudonym(self, patient_id: str) -> str:
        """Sixteen capital letters and digits that stand for this patient."""
        return base64.b32encode(self._digest("pseudonym", patient_id)[:10]).decode()

    def _digest(self, purpose: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{purpose}\0{text}".encode(), "sha256")
