"""Destinations: what the rules declare, how each fares, and a test that sends no image.

A test talks to the other side as a delivery would, with the same secrets and certificates, and is over within a minute.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, runtime_checkable

from appliance.settings import Settings, SettingsError
from appliance.tls import Certificates
from appliance.ways_out import way_out
from engine.destinations.node import DicomNode
from engine.destinations.relay import reach
from engine.dicom import probe
from engine.dicom.probe import CLASSES, SYNTAXES
from engine.errors import Later, Never
from engine.graph import sinks
from engine.parameters import Node, ScheduleName, WebAddress
from engine.program import Destination, Program, calls
from engine.step import MAIL, NOTICE
from engine.tls import shown_by

from .house import House
from .outboxes import OutboxLine, outboxes


@runtime_checkable
class Reachable(Protocol):
    """A sender that can be asked whether the other side is there."""

    def reach(self) -> str:
        """What was answered, in words. Raises Later or Never."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window of time in which a rule sends there: its name, when it is open, and whether it is now."""

    name: str
    words: str
    open: bool


@dataclass(frozen=True, slots=True)
class DestinationLine:
    """A declared destination. address: as it is written; no secret is in it. outbox: what waits for it."""

    name: str
    kind: str
    address: str
    tls: bool
    outside: bool
    windows: tuple[Window, ...]
    outbox: OutboxLine | None


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that stands there. Moments in ISO 8601 (UTC)."""

    fingerprint: str
    subject: str
    names: tuple[str, ...]
    since: str
    until: str
    days_left: int


@dataclass(frozen=True, slots=True)
class Takes:
    """A SOP class (by name) and the transfer syntaxes (by name) that the node takes it in; none: it is refused."""

    sop_class: str
    syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tested:
    """What a test has found. words: what was answered, or why it is not well."""

    name: str
    well: bool
    words: str
    later: bool
    """It may be well another time: it is away. Otherwise somebody has to change something."""
    seconds: float
    takes: tuple[Takes, ...]
    certificate: Certificate | None


def destinations(house: House, state: Mapping[str, object] | None = None) -> list[DestinationLine]:
    """All that the rules declare that run, or ran last. state: what the control socket says."""
    program = house.program()
    if program is None:
        return []
    boxes = {one.name: one for one in outboxes(house, state)}
    windows = _windows(program, datetime.now())
    return [
        DestinationLine(
            one.name,
            one.kind,
            _address(one),
            _end_of_tls(one) is not None,
            one.outside,
            tuple(windows.get(one.name, {}).values()),
            boxes.get(one.name if one.takes_objects else f"{one.name}{NOTICE}"),
        )
        for one in program.destinations
    ]


def mails(house: House, state: Mapping[str, object] | None = None) -> list[DestinationLine]:
    """Those who get mail, under the names of their outboxes. state: as above."""
    program = house.program()
    contacts = () if program is None else program.contacts
    if not contacts:
        return []
    boxes = {one.name: one for one in outboxes(house, state)}
    names = {one: f"{one.name}{MAIL}" for one in contacts}
    return [
        DestinationLine(name, "mail", ", ".join(one.addresses), False, False, (), boxes.get(name))
        for one, name in names.items()
    ]


def test(house: House, name: str) -> Tested:
    """Test a declared destination, or `NAME.mail`, an address by its relay. Raises KeyError where there is none."""
    program = house.program()
    declared = None if program is None else program.destination(name)
    began = time.monotonic()
    takes: tuple[Takes, ...] = ()
    later = False
    try:
        if name.endswith(MAIL) and program is not None and program.contact(name.removesuffix(MAIL)) is not None:
            words = _mail(house.settings)
        elif declared is None:
            raise KeyError(name)
        elif declared.kind == "dicom":
            takes = _node(declared, house.settings)
            words = "it answers"
        else:
            words = _other(declared, house.settings)
        well = True
    except (Later, Never) as refusal:
        well, words, later = False, refusal.reason, isinstance(refusal, Later)
    end = None if declared is None else _end_of_tls(declared)
    certificate = None if end is None else _certificate(*end)
    return Tested(name, well, words, later, round(time.monotonic() - began, 3), takes, certificate)


def _node(declared: Destination, settings: Settings) -> tuple[Takes, ...]:
    peer = DicomNode(declared, settings.ae_title, tls=Certificates(settings.tls).client).peer
    found = probe.probe(peer)
    return tuple(Takes(CLASSES[one], tuple(SYNTAXES[syntax] for syntax in taken)) for one, taken in found.items())


def _other(declared: Destination, settings: Settings) -> str:
    sender = way_out(declared, settings, Certificates(settings.tls).client)
    if not isinstance(sender, Reachable):
        raise Never(f"a destination of the kind {declared.kind} cannot be tested")
    return sender.reach()


def _mail(settings: Settings) -> str:
    try:
        relay = settings.relay()
    except SettingsError as error:
        raise Never(str(error)) from None
    if relay is None:
        raise Never("no mail relay is set (mail_host)")
    refusal = reach(relay)
    if refusal is not None:
        raise refusal
    return f"{relay.host}:{relay.port} takes our mail"


def _windows(program: Program, now: datetime) -> dict[str, dict[str, Window]]:
    """Destination → the windows of time in which rules send there."""
    found: dict[str, dict[str, Window]] = {}
    for route in program.routes:
        for call in calls((*route.chain, *(route.failure or ()))):
            if call.step == "forward" and "schedule" in call.arguments:
                [name] = ScheduleName.of(call.arguments["schedule"]).names
                schedule = program.schedule(name)
                if schedule is not None:
                    window = Window(name, str(schedule.window), schedule.window.is_open(now))
                    for destination in sinks(call):
                        found.setdefault(destination, {})[name] = window
    return found


def _address(declared: Destination) -> str:
    said = declared.arguments.get("address") or declared.arguments.get("path")
    return "" if said is None else said.text


def _end_of_tls(declared: Destination) -> tuple[str, int] | None:
    """Host and port where TLS is spoken; None where it is not."""
    said = declared.arguments.get("endpoint") or declared.arguments.get("address")
    if declared.kind == "dicom" and "tls" in declared.arguments and said is not None:
        node = Node.of(said)
        return node.host, node.port
    if said is None or not said.text.startswith("https://"):
        return None
    address = WebAddress.of(said)
    return address.host, address.port


def _certificate(host: str, port: int) -> Certificate | None:
    found = shown_by(host, port)
    if found is None:
        return None
    since, until = (one.astimezone(UTC).isoformat(timespec="seconds") for one in (found.since, found.until))
    left = (found.until - datetime.now(UTC)).days
    return Certificate(found.fingerprint, found.subject, found.names, since, until, left)
