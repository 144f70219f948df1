"""What the network must let through for a program: the ports that its rules open, and whom they and the settings name.

Pure. Each kind of destination has its line here; a kind that has none is refused, so that a new one is not forgotten.
It must not know firewalls.
"""

import urllib.parse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from appliance.settings import Settings
from engine.destinations.s3 import AMAZON
from engine.parameters import Bucket, Networks, Node, SftpPlace, Text, WebAddress
from engine.program import Destination, Program

FOLDERS = ("folder",)
"""Kinds of destinations that are a folder of this machine. Whoever mounts a share has its connection, not we."""


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """A port that others may reach, from everywhere where no networks are said."""

    port: int
    networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Reach:
    """A place that we must reach, and what for: the name of a destination, or of a setting."""

    name: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of both; console: the port of the console, 0 where there is none."""

    inbound: tuple[Opening, ...]
    outbound: tuple[Reach, ...]
    console: int = 0

    def letter(self) -> dict[str, object]:
        """As JSON values, as /run/stellwerk/network.json has them."""
        return {
            "inbound": [{"port": one.port, "networks": list(one.networks)} for one in self.inbound],
            "outbound": [{"name": one.name, "host": one.host, "port": one.port} for one in self.outbound],
            "console": self.console,
        }

    def and_also(self, other: "Wanted") -> "Wanted":
        """What both want: while one program takes over from another. A port that one has open to all is open to all."""
        networks: dict[int, set[str]] = {}
        for one in (*self.inbound, *other.inbound):
            networks.setdefault(one.port, set()).update(one.networks)
        everywhere = {one.port for one in (*self.inbound, *other.inbound) if not one.networks}
        inbound = (Opening(port, () if port in everywhere else tuple(sorted(some))) for port, some in networks.items())
        outbound = sorted({*self.outbound, *other.outbound})
        return Wanted(tuple(sorted(inbound)), tuple(outbound), self.console or other.console)


def wanted(program: Program, settings: Settings) -> Wanted:
    """What this program wants of the network, with these settings."""
    console = settings.console_port
    inbound = {one.port: one for one in _ports(program)}
    if console:
        inbound[console] = Opening(console)
    outbound = [reach for one in program.destinations for reach in reaches(one)]
    return Wanted(tuple(sorted(inbound.values())), tuple(sorted({*outbound, *of_settings(settings)})), console)


def reaches(declared: Destination) -> Iterator[Reach]:
    """Where this destination is, with all that it is asked. Raises ValueError for a kind that is not known here."""
    arguments, name = declared.arguments, declared.name
    match declared.kind:
        case "dicom":
            # Images, questions and storage commitment, also what is told of it on an association of our own.
            node = Node.of(arguments["address"])
            yield Reach(name, node.host, node.port)
        case "https" | "http" | "dicomweb" | "webhook":
            web = WebAddress.of(arguments["address"])
            yield Reach(name, web.host, web.port)
        case "sftp":
            place = SftpPlace.of(arguments["address"])
            yield Reach(name, place.host, place.port)
        case "s3":
            yield from _store(declared)
        case kind if kind not in FOLDERS:
            raise ValueError(f"where a destination of the kind {kind} is, appliance/network.py does not know")


def of_settings(settings: Settings) -> Iterator[Reach]:
    """The places that settings name."""
    relay = settings.relay_address()
    if relay is not None:
        yield Reach("mail", *relay)
    updates = place_of(settings.update_url)
    if updates is not None:
        yield Reach("update_url", *updates)
    rules = place_of(settings.rules_git)
    if rules is not None:
        yield Reach("rules_git", *rules)


def place_of(address: str) -> tuple[str, int] | None:
    """Host and port of the address of a web server, as a setting has it; None where it is none."""
    try:
        found = urllib.parse.urlsplit(address)
        port = found.port or {"https": 443, "http": 80}.get(found.scheme)
    except ValueError:
        return None
    return (found.hostname, port) if found.hostname and port else None


def _ports(program: Program) -> Iterable[Opening]:
    for listener in program.listeners:
        if listener.port is not None:
            arguments = listener.arguments
            networks = Networks.of(arguments["networks"]).networks if "networks" in arguments else ()
            yield Opening(listener.port, tuple(sorted(networks)))


def _store(declared: Destination) -> Iterator[Reach]:
    """An S3 store where it is told to be. Amazon's has a name for each region, and in it for each bucket."""
    arguments, name = declared.arguments, declared.name
    store = WebAddress.of(arguments["endpoint"]) if "endpoint" in arguments else AMAZON
    yield Reach(name, store.host, store.port)
    if store.host.endswith(".amazonaws.com"):
        bucket = Bucket.of(arguments["address"]).name
        region = Text.of(arguments["region"]).text if "region" in arguments else "us-east-1"
        regional = f"s3.{region}.amazonaws.com"
        for host in (regional, f"{bucket}.{store.host}", f"{bucket}.{regional}"):
            yield Reach(name, host, store.port)
