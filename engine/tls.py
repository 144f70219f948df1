"""TLS for whatever talks over networks, DICOM and HTTPS alike: who we are, whom we trust, and the words for a refusal.

This file alone makes contexts. They keep to BCP 195 (PS3.15 B.12, and B.10: never below TLS 1.2): forward secrecy and
AES-GCM, which Java 8 has as well. Must not know folders, rules, nor what is said over the line.

Whom we connect to is known by an authority that signed its certificate for this name, or, where a person has said yes
to a fingerprint, by exactly that certificate. Then neither name nor date matter: it is the one that was looked at.
"""

import contextlib
import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from engine.certificates import Facts, facts, fingerprint

HANDSHAKE_SECONDS = 15.0
"""A handshake takes a few round trips; who needs longer holds a thread for nothing."""

_LAST_WORDS_SECONDS = 0.5

# TLS 1.2. Those of TLS 1.3 are all of this kind.
_SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
_UNSPECIFIED = 1
_UNKNOWN = (18, 19, 20, 21)  # X509_V_ERR_…: self-signed, or by an authority that is not known here
_EXPIRED, _NOT_YET = 10, 9
_NAMES = (62, 64)  # not for this host, not for this address


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we are: a PEM file with our certificate and those between it and its authority, and one with the key."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom we trust. name: what a person calls the other side, in the command that says yes to its certificate."""

    name: str = ""
    authorities: tuple[Path, ...] = ()
    """PEM files. Whoever shows a certificate that lies in one of them is trusted like whom it signs."""
    system: bool = False
    """Also whom this machine's own list of authorities has signed."""
    pins: frozenset[str] = frozenset()
    """Fingerprints. Where there are any, only a certificate with one of them counts. For those we connect to."""


class Distrusted(ssl.SSLCertVerificationError):
    """We do not accept the other side's certificate. The text says why, and what a person can do."""

    def __init__(self, words: str, found: str = "") -> None:
        super().__init__(errno.EPROTO, words)
        self.told = self.verify_message = words
        self.verify_code = _UNSPECIFIED
        self.found = found
        """The fingerprint of what it showed, where that could be seen."""

    def __str__(self) -> str:
        return self.told


def server_context(identity: Identity, clients: Trust | None = None) -> ssl.SSLContext:
    """For a port of ours; with `clients`, only for callers that show a certificate one of its authorities has signed.

    Raises OSError (ssl.SSLError is one) where a file cannot be read or is no certificate.
    """
    context = _Context(ssl.PROTOCOL_TLS_SERVER)
    _keep_to_bcp_195(context)
    context.load_cert_chain(identity.chain, identity.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        _load(context, clients, ssl.Purpose.CLIENT_AUTH)
    return context


def client_context(trust: Trust, identity: Identity | None = None) -> ssl.SSLContext:
    """For a connection of ours. `identity` is shown to whoever asks for a certificate.

    Wrap a socket with `server_hostname`; Distrusted then says, with its fingerprint, what is wrong with a certificate.
    Raises OSError where a file cannot be read or is no certificate.
    """
    context = _Context(ssl.PROTOCOL_TLS_CLIENT)
    _keep_to_bcp_195(context)
    context.trust = trust
    if trust.pins:
        # What is pinned needs no authority and no name. The line itself compares, before anything is said on it.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        _load(context, trust, ssl.Purpose.SERVER_AUTH)
    if identity is not None:
        context.load_cert_chain(identity.chain, identity.key)
    return context


def words(error: OSError) -> str:
    """Why a handshake or a line failed, for people."""
    if isinstance(error, Distrusted):
        return str(error)
    if isinstance(error, TimeoutError):
        return "the TLS handshake came to no end in time"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError):
        return "the other side closed the line instead of a TLS handshake"
    reason = (error.reason or "") if isinstance(error, ssl.SSLError) else ""
    return _REASONS.get(reason) or (f"TLS failed: {reason.lower().replace('_', ' ')}" if reason else _plain(error))


_NO_TLS = "the other side does not speak TLS there"
_NO_COMMON = "both sides have no version of TLS or no cipher suite in common; TLS 1.2 with AES-GCM is the least"
_OURS_UNKNOWN = "the other side does not accept our certificate; have it trusted there (`stellwerk tls` shows it)"
_REASONS = {
    "WRONG_VERSION_NUMBER": _NO_TLS,
    "HTTP_REQUEST": _NO_TLS,
    "HTTPS_PROXY_REQUEST": _NO_TLS,
    "RECORD_LAYER_FAILURE": _NO_TLS,
    "PACKET_LENGTH_TOO_LONG": _NO_TLS,
    "UNSUPPORTED_PROTOCOL": _NO_COMMON,
    "NO_SHARED_CIPHER": _NO_COMMON,
    "VERSION_TOO_LOW": _NO_COMMON,
    "TLSV1_ALERT_PROTOCOL_VERSION": _NO_COMMON,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": _NO_COMMON,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": _NO_COMMON,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the other side shows no certificate, and here one is required",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the other side requires a certificate of ours",
    "TLSV1_ALERT_UNKNOWN_CA": _OURS_UNKNOWN,
    "SSLV3_ALERT_BAD_CERTIFICATE": _OURS_UNKNOWN,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": _OURS_UNKNOWN,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": _OURS_UNKNOWN,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the other side finds our certificate expired; see `stellwerk tls`",
    "TLSV1_ALERT_ACCESS_DENIED": _OURS_UNKNOWN,
}


class _Line(ssl.SSLSocket):
    """A socket with TLS on it that fails in words, says goodbye, and looks at the certificate before anything else."""

    def do_handshake(self, block: bool = False) -> None:
        trust = getattr(self.context, "trust", None)
        if trust is None:
            super().do_handshake(block)
            return
        try:
            there = self.getpeername()
        except OSError:
            there = None
        try:
            super().do_handshake(block)
        except ssl.SSLCertVerificationError as error:
            _distrust(trust, error, self.server_hostname or "", there)
        if trust.pins:
            shown = fingerprint(self.getpeercert(binary_form=True) or b"")
            if shown not in trust.pins:
                raise Distrusted(_changed(trust, shown), shown)

    def recv_into(self, buffer, nbytes=None, flags: int = 0) -> int:  # type: ignore[no-untyped-def]  # typeshed's own
        try:
            return super().recv_into(buffer, nbytes, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            raise OSError(errno.EPROTO, words(error)) from None

    def send(self, data, flags: int = 0) -> int:  # type: ignore[no-untyped-def]  # typeshed's own
        try:
            return super().send(data, flags)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError, TimeoutError):
            raise
        except OSError as error:
            raise OSError(errno.EPIPE, self._last_words() or _plain(error)) from None

    def _last_words(self) -> str:
        """Why the other side hung up, if it has said so: its alert may have come, and nobody has read it yet.

        With TLS 1.3 a refusal of our certificate always comes so, since our handshake is over before theirs.
        """
        if self.gettimeout() == 0:
            return ""  # whoever does not block must not be held up
        try:
            self.settimeout(_LAST_WORDS_SECONDS)
            super().recv_into(bytearray(1))
        except ssl.SSLError as alert:
            return words(alert) if alert.reason else ""
        except OSError:
            pass
        return ""

    def shutdown(self, how: int) -> None:
        # Python's own always forgets that there was TLS: after SHUT_RD, what is said next would go out in the clear.
        if how != socket.SHUT_RD:
            self._goodbye()
            self._sslobj = None  # what still comes is read to be thrown away, also where TLS has failed
        socket.socket.shutdown(self, how)

    def _real_close(self) -> None:
        # Not in `close`: http.client closes a connection that ends with its answer before that was read.
        self._goodbye()
        super()._real_close()  # type: ignore[misc]  # typeshed does not know it

    def _goodbye(self) -> None:
        """Tell the other side that no more comes (close_notify), without waiting for its answer."""
        if self.fileno() < 0 or self._sslobj is None:
            return
        with contextlib.suppress(OSError, ValueError):
            self.settimeout(0)
            self._sslobj.shutdown()


class _Context(ssl.SSLContext):
    trust: Trust | None = None
    sslsocket_class = _Line

    def wrap_bio(self, *_: object, **__: object) -> NoReturn:
        """Not for asyncio: there nobody would compare a pinned certificate."""
        raise NotImplementedError("this context wraps sockets only")


def _keep_to_bcp_195(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_SUITES)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    # Who hangs up without a goodbye is common, and no fault of TLS: DICOM and HTTP know by themselves what is whole.
    # Otherwise OpenSSL answers the end with an alert, and nothing more can be said, our own A-ABORT neither.
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF


def _load(context: ssl.SSLContext, trust: Trust, purpose: ssl.Purpose) -> None:
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # who lies there is trusted, authority or not
    if trust.system:
        context.load_default_certs(purpose)
    for file in trust.authorities:
        context.load_verify_locations(file)


def _distrust(trust: Trust, error: ssl.SSLCertVerificationError, host: str, there: object) -> NoReturn:
    shown = _look(host, there)
    if error.verify_code in _UNKNOWN:
        why = "its certificate is signed by nobody who is trusted here"
    elif error.verify_code == _EXPIRED:
        why = "its certificate has expired" + (f" on {shown.until:%Y-%m-%d}" if shown else "")
    elif error.verify_code == _NOT_YET:
        why = "its certificate is not valid yet; is the clock right?"
    elif error.verify_code in _NAMES:
        names = f", but for {_some(shown.names)}" if shown and shown.names else ""
        why = f"its certificate is not for {host}{names}"
    else:
        why = f"its certificate is not accepted ({error.verify_message})"
    if shown is None:
        raise Distrusted(why) from None
    say = f"{why}. Its fingerprint is {told(shown.fingerprint)}. If the other side shows the same, say yes to it: "
    raise Distrusted(say + _command(trust, shown.fingerprint), shown.fingerprint) from None


def _changed(trust: Trust, shown: str) -> str:
    known = ", ".join(told(pin) for pin in sorted(trust.pins))
    return (
        f"its certificate is not the one that was trusted. That has the fingerprint {known}, this one "
        f"{told(shown)}. Ask the other side whether it was renewed, and only then: {_command(trust, shown)}"
    )


def _command(trust: Trust, shown: str) -> str:
    return f"stellwerk tls trust {trust.name or 'NAME'} {told(shown)}"


def shown_by(host: str, port: int) -> Facts | None:
    """The certificate that stands there, trusted or not; None where no handshake comes about."""
    return _look(host, (host, port))


def _look(host: str, there: object) -> Facts | None:
    """What certificate stands there: a handshake more, as a refused one shows nothing. Nothing is said over it."""
    if not isinstance(there, tuple):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _keep_to_bcp_195(context)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(there[:2], timeout=HANDSHAKE_SECONDS) as line,
            context.wrap_socket(line, server_hostname=host or None) as secured,
        ):
            return facts(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        return None


def told(pin: str) -> str:
    """A fingerprint as people compare it: AB:CD:…"""
    return ":".join(pin[at : at + 2] for at in range(0, len(pin), 2)).upper()


def heard(text: str) -> str:
    """A fingerprint (SHA-256) as a person writes it: with colons, spaces or neither. Raises ValueError."""
    pin = text.strip().lower().removeprefix("sha256").lstrip(":= ")
    pin = pin.replace(":", "").replace(" ", "")
    if len(pin) != 64 or not set(pin) <= set("0123456789abcdef"):
        raise ValueError("a fingerprint (SHA-256) has 64 hexadecimal digits, like AB:CD:… with 32 pairs")
    return pin


def _some(names: Iterable[str]) -> str:
    (*few,) = list(names)[:4]
    return ", ".join(few)


def _plain(error: OSError) -> str:
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return "the other side closed the line"
    return error.strerror or "the network failed"
