"""Ways out for whoever sends by hand: a destination of the rules, or an address. A new kind is one line in WAYS.

It must not know files' names, progress or what was sent before.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from appliance.overheard import Overheard
from appliance.presence import is_running
from appliance.sending.committing import Committed, ask
from appliance.settings import Settings
from appliance.tls import Certificates
from appliance.ways_out import way_out
from engine.destinations.node import DicomNode
from engine.dicom import Done, Outcome, Peer, count, send
from engine.dicom.commitment import Instance
from engine.entry import Entry
from engine.errors import Later, Never
from engine.object import Origin
from engine.program import Destination, Program
from engine.pump import Result, Sender

Report = Callable[[Path, Outcome], None]


class Way(Protocol):
    """Where objects go."""

    @property
    def key(self) -> str:
        """What is remembered under: the same address, the same memory, whatever it is called."""

    @property
    def confirm(self) -> bool:
        """Whether the rules want it to answer for what it has taken (storage commitment)."""

    def commit(self, instances: Sequence[Instance], stop: Callable[[], bool]) -> Committed:
        """Ask whether it does; only where `confirm` says so."""

    def send(self, files: Sequence[Path], report: Report, stop: Callable[[], bool]) -> None:
        """Send each once, and report each whose outcome is known."""

    def count(self, study: str) -> int | None:
        """How many objects it has of a study; None where it does not say. Raises Later or Never."""


class NoWay(Exception):
    """There is no such destination, or nothing may be sent there by hand; the text says why and what would do."""


class DicomWay:
    """A DICOM node: C-STORE, and C-FIND for the count. confirm: the rules want storage commitment of it."""

    def __init__(self, peer: Peer, *, confirm: bool = False, overheard: Overheard | None = None) -> None:
        """overheard: what an appliance that runs here hears of commitments."""
        self._peer, self.confirm, self._overheard = peer, confirm, overheard

    def __str__(self) -> str:
        return str(self._peer)

    @property
    def key(self) -> str:
        """Its address and both AE titles."""
        return self._peer.url

    def send(self, files: Sequence[Path], report: Report, stop: Callable[[], bool]) -> None:
        """As few associations as the objects' classes allow."""
        send(self._peer, files, report, stop=stop)

    def count(self, study: str) -> int | None:
        """As the peer says."""
        return count(self._peer, study)

    def commit(self, instances: Sequence[Instance], stop: Callable[[], bool]) -> Committed:
        """As the peer says."""
        return ask(self._peer, instances, stop, overheard=self._overheard)


class SenderWay:
    """Any kind of destination, by the sender that empties its outbox. It has no outbox here."""

    confirm = False

    def __init__(self, declared: Destination, sender: Sender) -> None:
        self._name, self._sender = declared.name, sender
        place = declared.arguments.get("address") or declared.arguments.get("path")
        self.key = f"{declared.kind}:{declared.name if place is None else place.text}"

    def __str__(self) -> str:
        return self._name

    def send(self, files: Sequence[Path], report: Report, stop: Callable[[], bool]) -> None:
        """What it does not report has not been tried."""
        owed = [
            Entry(str(number), "", self._name, "", "", "", Origin("file"), file=file)
            for number, file in enumerate(files, 1)
        ]

        def told(entry: Entry, result: Result) -> None:
            report(entry.file, result if isinstance(result, Later | Never) else Done())

        self._sender.send(owed, told, stop)

    def count(self, study: str) -> int | None:
        """It is not asked."""
        return None

    def commit(self, instances: Sequence[Instance], stop: Callable[[], bool]) -> Committed:
        """It is not asked."""
        return Committed()


def _posted(declared: Destination, settings: Settings) -> Way:
    return SenderWay(declared, way_out(declared, settings, Certificates(settings.tls).client))


WAYS: dict[str, Callable[[Destination, Settings], Way]] = {
    **dict.fromkeys(("https", "http", "dicomweb"), _posted),
    "dicom": lambda declared, settings: DicomWay(
        DicomNode(declared, settings.ae_title, tls=Certificates(settings.tls).client).peer,
        confirm="confirm" in declared.arguments,
        overheard=Overheard(settings.spool / "asked") if is_running(settings) else None,
    ),
}
"""By the word behind `destination NAME =`: how objects are sent there by hand."""


def address(text: str) -> Way:
    """The way to an address like dicom://CALLED:CALLING@host:port. Raises NoWay."""
    if "://" in text and not text.startswith("dicom://"):
        raise NoWay(f"{text.partition('://')[0]}:// is no address to send to by hand: declare it in the rules")
    try:
        return DicomWay(Peer.parse(text))
    except ValueError as error:
        raise NoWay(f"{error}; with our own name: dicom://CALLED:CALLING@host:port") from None


def declared(program: Program, name: str) -> Destination:
    """The destination of this name. Raises NoWay."""
    found = program.destination(name)
    if found is None:
        known = ", ".join(destination.name for destination in program.destinations) or "none"
        raise NoWay(f"the rules declare no destination {name}; declared: {known}")
    return found


def way_to(destination: Destination, settings: Settings) -> Way:
    """The way to a declared destination. Raises NoWay."""
    if destination.outside:
        raise NoWay(
            f"{destination.name} is outside this house, and gets only what rules have cleaned: "
            f"send with --via outbox, where rules may say `on outbox {destination.name}`"
        )
    if not destination.takes_objects:
        raise NoWay(f"{destination.name} is a webhook, and takes no images")
    if destination.kind not in WAYS:
        raise NoWay(f"{destination.name} is a destination of the kind {destination.kind}: send with --via outbox")
    return WAYS[destination.kind](destination, settings)
