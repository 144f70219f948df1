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


def keys(folder: Path) -> tuple[Ed25519PublicKey, ...]:
    """Those in the files `*.pub` of a folder (PEM), none where there is no such folder. Raises OSError, ValueError."""
    found = []
    for path in sorted(folder.glob("*.pub")):
        try:
            key = load_pem_public_key(path.read_bytes())
        except UnsupportedAlgorithm:
            raise ValueError(f"{path}: no Ed25519 key") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError(f"{path}: no Ed25519 key")
        found.append(key)
    return tuple(found)


def is_signed(text: bytes, signature: bytes, by: Sequence[Ed25519PublicKey]) -> bool:
    """Whether one of these has signed it."""
    for key in by:
        try:
            key.verify(signature, text)
        except InvalidSignature:
            continue
        return True
    return False
