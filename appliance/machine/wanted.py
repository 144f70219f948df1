"""What the service asks of the firewall (network.json), judged to the last value before root acts by it.

It may be anything at all, as whoever has taken the service over could write it. Names become addresses here, and are
remembered: a name server that is away for a while must not cut a connection that works.
"""

import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path

from appliance.machine import letters
from appliance.machine.ruleset import Address, Network

MOST = 2000
"""Entries of one kind; and networks in one entry."""
REMEMBERED = 86400.0
"""Seconds for which an address still counts that a name has had: large services have many, and tell a few at a time."""
PATIENCE = 15.0
"""Seconds for which all names together are waited for."""


class Unfit(Exception):
    """What is asked for cannot be; the text says what of it."""


@dataclass(frozen=True)
class Wanted:
    """inbound: port and networks. outbound: what for, host and port. console: its port, or 0."""

    inbound: tuple[tuple[int, tuple[Network, ...]], ...]
    outbound: tuple[tuple[str, str, int], ...]
    console: int

    @classmethod
    def of(cls, letter: Mapping[str, object]) -> "Wanted":
        """Read it. Raises Unfit."""
        _only(letter, "inbound", "outbound", "console")
        inbound = []
        for entry in _entries(letter, "inbound"):
            _only(entry, "port", "networks")
            inbound.append((_port(entry.get("port")), _networks(entry.get("networks"))))
        outbound = []
        for entry in _entries(letter, "outbound"):
            _only(entry, "name", "host", "port")
            outbound.append((_name(entry.get("name")), _host(entry.get("host")), _port(entry.get("port"))))
        return cls(tuple(inbound), tuple(outbound), _port(letter.get("console"), least=0))

    @property
    def hosts(self) -> set[str]:
        """All that are to be reached, by name or address."""
        return {host for _, host, _ in self.outbound}


Resolve = Callable[[str], list[str]]
"""The addresses of a host; none where it has none or nobody knows."""


def resolved(host: str) -> list[str]:
    """By the name service of this machine."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(address[0]).partition("%")[0] for _, _, _, _, address in found]


class Names:
    """Which addresses hosts have, and have had lately; kept in a file of root's."""

    def __init__(self, file: Path, resolve: Resolve = resolved, patience: float = PATIENCE) -> None:
        self._file, self._resolve, self._patience = file, resolve, patience
        self._known = _remembered(file)

    def look_up(self, hosts: set[str], now: float) -> dict[str, set[Address]]:
        """The addresses of each host. One of which nothing is known has none."""
        answers: dict[str, list[str]] = {}
        threads = [
            threading.Thread(target=lambda host=host: answers.update({host: self._resolve(host)}), daemon=True)
            for host in hosts
            if _address(host) is None
        ]
        for thread in threads:
            thread.start()
        end = time.monotonic() + self._patience
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        kept: dict[str, dict[str, float]] = {}
        for host in hosts:
            answered = [str(one) for text in answers.get(host, []) if (one := _address(text)) is not None]
            before = self._known.get(host, {})
            # Without an answer, all that was known goes on to count, however old.
            fresh = {one: at for one, at in before.items() if not answered or now - at < REMEMBERED}
            kept[host] = fresh | dict.fromkeys(answered, now)
        self._known = kept
        return self.known(hosts)

    def known(self, hosts: set[str]) -> dict[str, set[Address]]:
        """The addresses that are known of each host, without asking anybody."""
        texts = {host: (host, *self._known.get(host, {})) for host in hosts}
        return {host: {one for text in some if (one := _address(text)) is not None} for host, some in texts.items()}

    def keep(self) -> None:
        """Remember them for the next time. Raises OSError."""
        letters.write(self._file, {host: dict(known) for host, known in self._known.items()}, 0o600)


def _remembered(file: Path) -> dict[str, dict[str, float]]:
    try:
        found = letters.read(file)
    except (FileNotFoundError, letters.Unreadable):
        return {}
    known: dict[str, dict[str, float]] = {}
    for host, addresses in found.items():
        if isinstance(addresses, dict):
            known[host] = {str(one): float(at) for one, at in addresses.items() if isinstance(at, int | float)}
    return known


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _only(entry: Mapping[str, object], *names: str) -> None:
    if set(entry) - set(names):
        raise Unfit("something is asked for that no firewall has")


def _entries(letter: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    found = letter.get(name)
    if not isinstance(found, list) or len(found) > MOST or not all(isinstance(entry, dict) for entry in found):
        raise Unfit(f"{name} is no list of at most {MOST} entries")
    return found


def _port(value: object, least: int = 1) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= 65535:
        raise Unfit("a port is a number from 1 to 65535")
    return value


def _networks(value: object) -> tuple[Network, ...]:
    if not isinstance(value, list) or len(value) > MOST:
        raise Unfit(f"networks are a list of at most {MOST}")
    try:
        # A number would be taken for an address.
        return tuple(ip_network(str(one) if isinstance(one, str) else "", strict=False) for one in value)
    except ValueError:
        raise Unfit("a network is written like 192.168.10.0/24") from None


def _host(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w.:-]{1,253}", value, re.ASCII):
        raise Unfit("a host is a name or an address")
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[\w .-]{1,128}", value):
        raise Unfit("a destination has a name")
    return value
