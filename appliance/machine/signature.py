"""Whether a text was signed by one of the keys that this machine was built with (Ed25519, RFC 8032).

It must not know what the text says.
"""

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

Key = Ed25519PublicKey

LENGTH = 64
"""Bytes of a signature."""


def keys(folder: Path) -> tuple[Key, ...]:
    """Those in the files `*.pub` of a folder (PEM), none where there is no such folder. Raises OSError, ValueError."""
    return tuple(key(text.encode()) for text in texts(folder))


def texts(folder: Path) -> list[str]:
    """The same as they are written. Raises OSError, ValueError."""
    return [path.read_text("ascii") for path in sorted(folder.glob("*.pub"))]


def key(pem: bytes) -> Key:
    """One of them. Raises ValueError."""
    try:
        read = load_pem_public_key(pem)
    except UnsupportedAlgorithm:
        raise ValueError("no Ed25519 key") from None
    if not isinstance(read, Ed25519PublicKey):
        raise ValueError("no Ed25519 key")
    return read


def is_signed(text: bytes, signature: bytes, by: Sequence[Key]) -> bool:
    """Whether one of these has signed it."""
    for one in by:
        try:
            one.verify(signature, text)
        except InvalidSignature:
            continue
        return True
    return False
