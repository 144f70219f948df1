"""Certificates (X.509): what one says, its fingerprint, and a new one of our own. Only this file knows `cryptography`.

Must not know files, rules, or who trusts whom.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# RSA, as Java 8 and old modalities know little else; 3072 bits, which are good beyond 2030 (BSI TR-02102).
_BITS = 3072
_BACKDATED = timedelta(days=1)  # other clocks are not ours


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says."""

    fingerprint: str
    """SHA-256 of its DER form, 64 hexadecimal digits in lower case."""
    subject: str
    names: tuple[str, ...]
    """The host names and addresses that it is for."""
    since: datetime
    until: datetime
    own: bool
    """Self-signed: nobody else vouches for it."""


def fingerprint(der: bytes) -> str:
    """SHA-256, in lower case hexadecimal digits."""
    return hashlib.sha256(der).hexdigest()


def facts(der: bytes) -> Facts:
    """Read a certificate. Raises ValueError."""
    return _facts(x509.load_der_x509_certificate(der))


def facts_of(pem: bytes) -> tuple[Facts, ...]:
    """Each certificate of a PEM file. Raises ValueError where there is none, or one cannot be read."""
    return tuple(_facts(one) for one in x509.load_pem_x509_certificates(pem))


def belongs(pem: bytes, key: bytes) -> bool:
    """Whether this private key (PEM, without a password) is that of a file's first certificate. Raises ValueError."""
    try:
        private = serialization.load_pem_private_key(key, password=None)
    except TypeError:
        raise ValueError("the private key has a password; take it off: openssl pkey -in KEY -out NEW") from None
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    [first, *_] = x509.load_pem_x509_certificates(pem)
    return private.public_key().public_bytes(*form) == first.public_key().public_bytes(*form)


def make(names: Sequence[str], days: int, now: datetime | None = None) -> tuple[bytes, bytes]:
    """A self-signed certificate for these host names and addresses, and its private key; both as PEM."""
    now = now or datetime.now(UTC)
    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, (names[0] if names else "stellwerk")[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(), critical=True)
        # One certificate for both: we show it where we call, too.
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _usage() -> x509.KeyUsage:
    others = ("content_commitment", "data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        **dict.fromkeys((*others, "encipher_only", "decipher_only"), False),
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _facts(certificate: x509.Certificate) -> Facts:
    names: tuple[str, ...] = ()
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = (
            *found.get_values_for_type(x509.DNSName),
            *map(str, found.get_values_for_type(x509.IPAddress)),
        )
    except (x509.ExtensionNotFound, ValueError):
        pass
    return Facts(
        fingerprint(certificate.public_bytes(serialization.Encoding.DER)),
        _printable(certificate.subject.rfc4514_string()),
        tuple(_printable(name) for name in names),
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        certificate.subject == certificate.issuer,
    )


def _printable(text: str) -> str:
    """What a stranger wrote into its certificate goes into words for people: short, and without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:200])
