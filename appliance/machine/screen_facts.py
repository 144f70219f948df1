"""What the screen shows, gathered: from the kernel, from systemd, from what the set-up and the service have left.

Whatever the service has written is looked at like a stranger's: of a certain form, or it is not there. It must not know
how anything is shown.
"""

import contextlib
import ipaddress
import os
import re
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from appliance.machine import letters
from appliance.machine.said import Mistake, Said
from appliance.machine.setup import RUN, USERS

SERVICES = ("stellwerk.service", "stellwerk-console.service")
PATIENCE = 10.0

CARDS = Path("/sys/class/net")
NETWORK = Path("/proc/self/net")
"""The kernel's tables (proc_pid_net(5)): they are read without a socket, which the screen may not have."""

_SECRET = re.compile(r"[\w-]{20,100}")
_FINGERPRINT = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){31}")


@dataclass(frozen=True, slots=True)
class Card:
    """A network card. plugged: a cable is in it. addresses: with their networks, those of this link alone left out."""

    name: str
    plugged: bool
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """As systemd sees it: active, activating, failed, …; words: what the service says of itself."""

    state: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it. secret: of the first admin's link. key, no_key: of recovery. setup: where the stellwerk.conf lies.

    gone_back: the version that was given up, and why, as far as it could say so.
    """

    version: str = ""
    hostname: str = ""
    language: str = "de"
    cards: tuple[Card, ...] = ()
    gateway: str = ""
    synchronized: bool = False
    receiver: Service = Service()
    console: Service = Service()
    fingerprint: str = ""
    secret: str = ""
    key: str = ""
    no_key: str = ""
    setup: str = ""
    taken: bool = False
    mistakes: tuple[Mistake, ...] = ()
    rules_left: bool = False
    rules: tuple[str, ...] = ()
    on_trial: bool = False
    gone_back: tuple[str, str] = ("", "")

    @property
    def addresses(self) -> tuple[str, ...]:
        """Those of this machine, without their networks, IPv4 first."""
        found = [ipaddress.ip_interface(one).ip for card in self.cards for one in card.addresses]
        return tuple(str(one) for one in sorted(found, key=lambda one: one.version))


def gather(run: Path = RUN, has_users: bool | None = None) -> Facts:
    """All of it, now."""
    users = USERS.exists() if has_users is None else has_users
    setup, console = _letter(run / "stellwerk-machine/setup.json"), _letter(run / "stellwerk/console.json")
    recovery = {} if users else _letter(run / "stellwerk-machine/recovery.json")
    machine = _letter(run / "stellwerk-machine/facts.json")
    services = states()
    print_ = str(console.get("fingerprint", ""))
    return Facts(
        version(),
        socket.gethostname(),
        str(setup.get("language", "de")),
        tuple(seen_cards()),
        gateway(),
        (run / "systemd/timesync/synchronized").exists(),
        services.get(SERVICES[0], Service()),
        services.get(SERVICES[1], Service()),
        print_ if _FINGERPRINT.fullmatch(print_) else "",
        "" if users else secret(run / "stellwerk/first-admin"),
        str(recovery.get("key", "")),
        str(recovery.get("no", "")),
        str(setup.get("where", "")),
        setup.get("taken") is True,
        tuple(_mistakes(setup.get("mistakes"))),
        setup.get("rules_left") is True,
        tuple(_words(_letter(run / "stellwerk/rules.json").get("trouble"))),
        machine.get("trial") is True,
        _gone_back(machine.get("rolled_back")),
    )


def secret(path: Path) -> str:
    """That of the link for the first admin; empty where there is none, or anything else lies there."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            said = stream.read(200).decode("ascii").strip()
        return said if _SECRET.fullmatch(said) else ""
    return ""


def seen_cards(folder: Path = CARDS, tables: Path = NETWORK) -> Iterator[Card]:
    """Each network card, and each VLAN on one, with its addresses."""
    addresses = [*_addresses_4(tables), *_addresses_6(tables)]
    for card in sorted(folder.glob("*")):
        name = card.name
        if not (card / "device").exists() and not name.startswith("vlan"):
            continue
        plugged = False
        with contextlib.suppress(OSError):
            plugged = (folder / name / "carrier").read_text().strip() == "1"
        yield Card(name, plugged, tuple(address for at, address in addresses if at == name))


def gateway(tables: Path = NETWORK) -> str:
    """The way out by IPv4; empty where there is none."""
    for _, network, by in _routes(tables):
        if network.prefixlen == 0 and int(by):
            return str(by)
    return ""


def states() -> Mapping[str, Service]:
    """The service's units, as systemd sees them; none where it cannot be asked."""
    wanted = "--property=Id,ActiveState,SubState,StatusText"
    try:
        done = subprocess.run(
            ["systemctl", "show", wanted, *SERVICES],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    return read_states(done.stdout)


def read_states(said: str) -> Mapping[str, Service]:
    """What `systemctl show` prints: lines of NAME=VALUE, an empty one between two units."""
    found = {}
    for block in said.split("\n\n"):
        told = dict(line.partition("=")[::2] for line in block.splitlines())
        waits = told.get("SubState") == "auto-restart"
        state = "failed" if waits else told.get("ActiveState", "")
        found[told.get("Id", "")] = Service(state, told.get("StatusText", ""))
    return found


def version(file: Path = Path("/usr/lib/os-release")) -> str:
    """That of the image."""
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith("IMAGE_VERSION="):
                return line.partition("=")[2].strip("\"'")
    return ""


def _letter(path: Path) -> Mapping[str, object]:
    with contextlib.suppress(FileNotFoundError, letters.Unreadable):
        return letters.read(path)
    return {}


def _gone_back(found: object) -> tuple[str, str]:
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("version", "")), str(found.get("why", ""))


def _words(found: object) -> Iterator[str]:
    if isinstance(found, list):
        yield from (one for one in found if isinstance(one, str))


def _mistakes(found: object) -> Iterator[Mistake]:
    if isinstance(found, list):
        for one in found:
            with contextlib.suppress(ValueError, TypeError):
                line, en, de = one
                yield Mistake(int(line), Said(str(en), str(de)))


def _routes(tables: Path) -> Iterator[tuple[str, ipaddress.IPv4Network, ipaddress.IPv4Address]]:
    """By which card which network is reached, and by which gateway; 0.0.0.0 where there is none."""

    def quad(said: str) -> str:
        return socket.inet_ntoa(struct.pack("=I", int(said, 16)))

    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in (tables / "route").read_text().splitlines()[1:]:
            field = line.split()
            network = ipaddress.IPv4Network(f"{quad(field[1])}/{quad(field[7])}")
            yield field[0], network, ipaddress.IPv4Address(quad(field[2]))


def _addresses_4(tables: Path) -> Iterator[tuple[str, str]]:
    """Each card with each address, which is ours by one table, and the card's by the network of another."""
    own: set[ipaddress.IPv4Address] = set()
    with contextlib.suppress(OSError, ValueError):
        leaf = ""
        for line in (tables / "fib_trie").read_text().splitlines():
            if "|-- " in line:
                leaf = line.partition("|-- ")[2].strip()
            elif "/32 host LOCAL" in line:
                own.add(ipaddress.IPv4Address(leaf))
    near = [(name, network) for name, network, by in _routes(tables) if not int(by) and network.prefixlen]
    for address in sorted(own):
        for name, network in near:
            if address in network:
                yield name, f"{address}/{network.prefixlen}"


def _addresses_6(tables: Path) -> Iterator[tuple[str, str]]:
    with contextlib.suppress(OSError, ValueError):
        for line in (tables / "if_inet6").read_text().splitlines():
            raw, _, length, scope, _, name = line.split()
            if scope == "00":
                yield name, f"{ipaddress.IPv6Address(int(raw, 16))}/{int(length, 16)}"
