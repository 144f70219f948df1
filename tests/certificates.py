"""Certificates for tests: made by the house's own maker, and authorities of a test's own. Kept for the whole run."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import trustme

from engine.certificates import facts_of, make
from engine.tls import Identity


@cache
def _made(name: str, then: str) -> bytes:
    certificate, key = make(
        [name, "127.0.0.1"], 730, datetime.fromisoformat(then).replace(tzinfo=UTC) if then else None
    )
    return certificate + key


def self_signed(folder: Path, name: str = "localhost", then: str = "") -> Identity:
    """A certificate as the appliance makes it, for this name and 127.0.0.1; made at that day. One file has both."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}{then}.pem"
    file.write_bytes(_made(name, then))
    return Identity(file, file)


def signed(folder: Path, authority: trustme.CA, *names: str) -> Identity:
    """A certificate of an authority, for these names."""
    folder.mkdir(parents=True, exist_ok=True)
    made = authority.issue_cert(*names)
    file = folder / f"{names[0]}-signed.pem"
    made.private_key_and_cert_chain_pem.write_to_path(str(file))
    return Identity(file, file)


def authority_file(folder: Path, authority: trustme.CA) -> Path:
    """The authority's own certificate, as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return file


def pin(identity: Identity) -> str:
    """The fingerprint of a certificate."""
    return facts_of(identity.chain.read_bytes())[0].fingerprint
