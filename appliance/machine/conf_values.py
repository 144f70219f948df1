"""The values of `stellwerk.conf`, one function for each kind: what may stand there, and what is said of all else.

Each takes what TOML has read and answers it in the one form in which it is used, or raises Wrong. It must not know the
file, nor what becomes of a value.
"""

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path

from appliance.machine.said import LANGUAGES, Wrong

ZONES = Path("/usr/share/zoneinfo")

MOST_VALUES, LONGEST = 16, 1000
"""Entries of a list, and characters of a text."""

_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}")
_DEVICE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def text(value: object) -> str:
    """A text of one line."""
    if not isinstance(value, str):
        raise Wrong('a text in quotes belongs here, like "…"', 'hier gehört ein Text in Anführungszeichen hin: "…"')
    if _CONTROL.search(value) or len(value) > LONGEST:
        raise Wrong("a text of one line belongs here", "hier gehört ein Text von einer Zeile hin")
    return value


def several(one: Callable[[object], str]) -> Callable[[object], tuple[str, ...]]:
    """One such value, or a list of them."""

    def read(value: object) -> tuple[str, ...]:
        values = value if isinstance(value, list) else [value]
        if not 0 < len(values) <= MOST_VALUES:
            raise Wrong(f"1 to {MOST_VALUES} entries belong here", f"hier gehören 1 bis {MOST_VALUES} Einträge hin")
        return tuple(one(entry) for entry in values)

    return read


def language(value: object) -> str:
    """de or en."""
    if value not in LANGUAGES:
        raise Wrong('language is "de" or "en"', 'language ist "de" oder "en"')
    return str(value)


def hostname(value: object) -> str:
    """One label or a full name (RFC 1123), at most 64 characters, which is what Linux keeps."""
    name = text(value).lower()
    if len(name) > 64 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise Wrong(
            "a name has letters a-z, digits and hyphens, at most 64 characters, for example stellwerk",
            "ein Name besteht aus Buchstaben a-z, Ziffern und Bindestrichen, höchstens 64 Zeichen, etwa stellwerk",
        )
    return name


def host(value: object) -> str:
    """A name or an address of another machine."""
    said = text(value)
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:
        pass
    if len(said) > 253 or not all(_LABEL.fullmatch(label) for label in said.rstrip(".").split(".")):
        raise Wrong(
            f"{said!r} is no name or address of a machine", f"{said!r} ist kein Name und keine Adresse eines Rechners"
        )
    return said.lower()


def timezone(value: object) -> str:
    """A name of the tz database."""
    name = text(value)
    if not _ZONE.fullmatch(name) or not (ZONES / name).is_file():
        raise Wrong(
            f"{name!r} is no time zone; one is called Europe/Berlin",
            f"{name!r} ist keine Zeitzone; eine heißt Europe/Berlin",
        )
    return name


def address(value: object) -> str:
    """An address with the length of its network: 192.168.10.20/24."""
    said = text(value)
    example = "for example 192.168.10.20/24", "zum Beispiel 192.168.10.20/24"
    if "/" not in said:
        raise Wrong(f"the length of the network is missing, {example[0]}", f"die Netzlänge fehlt, {example[1]}")
    try:
        found = ipaddress.ip_interface(said)
    except ValueError:
        raise Wrong(
            f"{said!r} is no address with a network, {example[0]}",
            f"{said!r} ist keine Adresse mit Netz, {example[1]}",
        ) from None
    wide = found.network.num_addresses > 2
    ends = found.network.network_address, getattr(found.network, "broadcast_address", None)
    if (
        found.is_loopback
        or found.is_multicast
        or found.is_unspecified
        or (wide and found.version == 4 and found.ip in ends)
    ):
        raise Wrong(f"a machine cannot have the address {said}", f"{said} kann keine Adresse eines Rechners sein")
    return str(found)


def plain_address(value: object) -> str:
    """An address without a network."""
    said = text(value)
    try:
        return str(ipaddress.ip_address(said))
    except ValueError:
        raise Wrong(
            f"{said!r} is no address, for example 192.168.10.1", f"{said!r} ist keine Adresse, etwa 192.168.10.1"
        ) from None


def interface(value: object) -> str:
    """A network card, by its name in Linux or its MAC address, which is written with colons then."""
    said = text(value)
    if _MAC.fullmatch(said):
        return said.lower().replace("-", ":")
    if not _DEVICE.fullmatch(said):
        raise Wrong(
            f"{said!r} is no network card: its name (enp1s0) or its MAC address (52:54:00:12:34:56) belongs here",
            f"{said!r} ist keine Netzwerkkarte: ihr Name (enp1s0) oder ihre MAC-Adresse (52:54:00:12:34:56) gehört her",
        )
    return said


def vlan(value: object) -> int:
    """1 to 4094 (IEEE 802.1Q)."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 4094:
        raise Wrong("a VLAN is a number from 1 to 4094", "ein VLAN ist eine Zahl von 1 bis 4094")
    return value


def password(value: object) -> str:
    """A password; it is never quoted."""
    if not isinstance(value, str) or not value or _CONTROL.search(value) or len(value) > LONGEST:
        raise Wrong("a password in quotes belongs here", "hier gehört ein Passwort in Anführungszeichen hin")
    return value


def number(value: object) -> int | float:
    """A number that is not below 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise Wrong("a number belongs here, without quotes", "hier gehört eine Zahl hin, ohne Anführungszeichen")
    return value
