"""Passwords of the console: Argon2id (RFC 9106), as OpenSSL has it. It must not know users.

46 MiB and one pass, of OWASP's choices the one that asks most memory of whoever guesses: a twentieth of a second here.
As only two are made at once, many guesses take turns, and never the memory of the machine.
"""

import secrets
import threading
import unicodedata

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

LEAST, MOST = 10, 1024
"""Characters of a password. More is no password, but an attempt to keep us busy."""

_PASSES, _LANES, _KIB = 1, 1, 46 << 10
_BUSY = threading.BoundedSemaphore(2)


def hashed(password: str) -> str:
    """What is kept of it, with all that is needed to check it (PHC string). Raises ValueError with a sentence."""
    if not LEAST <= len(password) <= MOST:
        raise ValueError("A password has at least 10 characters.")
    kind = Argon2id(salt=secrets.token_bytes(16), length=32, iterations=_PASSES, lanes=_LANES, memory_cost=_KIB)
    with _BUSY:
        return kind.derive_phc_encoded(_secret(password))


def fits(password: str, kept: str) -> bool:
    """Whether it is the one; takes as long for one that is not. With nothing kept it never is, and takes as long."""
    with _BUSY:
        try:
            Argon2id.verify_phc_encoded(_secret(password[:MOST]), kept or _NOBODY)
        except (InvalidKey, UnsupportedAlgorithm, ValueError):
            return False
    return bool(kept) and len(password) <= MOST


def _secret(password: str) -> bytes:
    # Two ways to type the same letter are the same password (RFC 8265).
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


_NOBODY = f"$argon2id$v=19$m={_KIB},t={_PASSES},p={_LANES}${'A' * 22}${'A' * 43}"
"""Checked where there is no such user. No password is known that has this hash, and it would not count."""
