"""A DICOM application elsewhere: its AE title, host and port, and the AE title we call it with.

Reads `PACS_A@pacs.example:11112` and `dicom://PACS_A:STELLWERK@pacs.example:11112`. Pure: it must not know sockets
or whether such a host exists.
"""

import ipaddress
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

OUR_AE_TITLE = "STELLWERK"
_HOST_NAME = re.compile(r"[^\W_]([\w.-]{0,251}\w)?\.?", re.ASCII)


@dataclass(frozen=True)
class Peer:
    """Where to send, and as whom. AE titles keep no leading or trailing spaces: they mean nothing (PS3.5 6.2)."""

    called_ae: str
    host: str
    port: int
    calling_ae: str = OUR_AE_TITLE
    tls: Callable[[], ssl.SSLContext] | None = field(default=None, compare=False, repr=False)
    """How to speak TLS there, asked anew for each connection; raises Later where that cannot be said."""

    def __post_init__(self) -> None:
        # Through object.__setattr__, because a frozen dataclass offers no other way to tidy what it was given.
        object.__setattr__(self, "called_ae", ae_title(self.called_ae))
        object.__setattr__(self, "calling_ae", ae_title(self.calling_ae))
        object.__setattr__(self, "host", _host(self.host))
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port {self.port} does not exist: ports are 1 to 65535")

    @staticmethod
    def parse(text: str) -> "Peer":
        """The peer that `AET@host:port` or `dicom://CALLED[:CALLING]@host:port` names; ValueError says why none."""
        if text.startswith("dicom://"):
            titles, at, address = text.removeprefix("dicom://").removesuffix("/").rpartition("@")
            # An AE title may contain ":", "@" and "/"; in the URL form they are written %3A, %40 and %2F.
            called, colon, calling = titles.partition(":")
            called, calling = unquote(called), unquote(calling) if colon else OUR_AE_TITLE
        else:
            called, at, address = text.strip().rpartition("@")
            calling = OUR_AE_TITLE
        host, colon, port = address.rpartition(":")
        if not at or not colon:
            raise ValueError(f"{text!r} is not an address: write AE_TITLE@host:port, for example PACS@10.0.0.5:11112")
        if ":" in host and not (host.startswith("[") and host.endswith("]")):
            raise ValueError(f"{host!r}: write an IPv6 address in brackets, for example PACS@[fd00::5]:11112")
        if not (port.isascii() and port.isdecimal()):
            raise ValueError(f"{port!r} is not a port: ports are 1 to 65535")
        return Peer(called, host.removeprefix("[").removesuffix("]"), int(port[:9]), calling)

    def __str__(self) -> str:
        """The peer for people, and for `parse` when our own AE title is the usual one."""
        return f"{self.called_ae}@{self.address}"

    @property
    def address(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """The form that also says how we call ourselves."""
        return f"dicom://{quote(self.called_ae, safe='')}:{quote(self.calling_ae, safe='')}@{self.address}"


def ae_title(text: str) -> str:
    """An AE title without its meaningless spaces, or ValueError (PS3.5 Table 6.2-1, VR AE)."""
    title = text.strip(" ")
    if not title:
        raise ValueError("an AE title is missing")
    if len(title) > 16:
        raise ValueError(f"AE title {title!r} has {len(title)} characters: at most 16 are allowed")
    if not all(" " <= letter <= "~" and letter != "\\" for letter in title):
        raise ValueError(f"AE title {title!r}: only ASCII letters, digits and signs, and no backslash")
    return title


def _host(text: str) -> str:
    if ":" in text:
        try:
            return str(ipaddress.IPv6Address(text))
        except ValueError:
            raise ValueError(f"{text!r} is not an IPv6 address") from None
    if not _HOST_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a host name or IP address")
    return text
