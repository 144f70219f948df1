"""A DICOM node as destination: C-STORE through engine.dicom."""

import ssl
from collections.abc import Callable, Sequence
from functools import partial

from engine.dicom import Done, Peer, count, send
from engine.entry import Entry
from engine.errors import Later, Never
from engine.outbox import Outbox
from engine.parameters import AETitles, Connections, Node, Time
from engine.program import Destination
from engine.pump import LOOK_AGAIN, PATIENCE, Report, Sent, oldest_first


class DicomNode:
    """One declared `dicom` destination, as engine.pump.Sender."""

    def __init__(
        self, declared: Destination, our_title: str, *, tls: Callable[[str], ssl.SSLContext] | None = None
    ) -> None:
        """tls: how to speak TLS with the destination of this name; for one that is declared with it."""
        arguments = declared.arguments
        node = Node.of(arguments["address"])
        calling = AETitles.of(arguments["title"]).titles[0] if "title" in arguments else our_title
        secure = partial(tls, declared.name) if tls is not None and "tls" in arguments else None
        if "tls" in arguments and secure is None:
            raise ValueError(f"{declared.name} is declared with tls, and nothing here can speak it")
        self.peer = Peer(node.called, node.host, node.port, calling, secure)
        self.name = declared.name
        self.outside = declared.outside
        self.look_again = LOOK_AGAIN
        self.connections = Connections.of(arguments["connections"]).number if "connections" in arguments else 1
        self.every: float | None = None
        self.patience = PATIENCE
        if "every" in arguments:
            self.every = Time.of(arguments["every"]).duration.seconds
            self.patience = Time.of(arguments["patience"]).duration.seconds

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Send a batch over as few associations as its presentation contexts allow."""
        by_file = {entry.file: entry for entry in entries}
        send(
            self.peer,
            [entry.file for entry in entries],
            lambda file, result: report(by_file[file], _result(result, self.name)),
            stop=stopping,
        )

    def count(self, study: str, series: str = "") -> int | None:
        """How many objects it has of a study, or of a series; None where it does not say. Raises Later or Never."""
        return count(self.peer, study, series)


def _result(result: Done | Later | Never, name: str) -> Sent | Later | Never:
    return Sent(name) if isinstance(result, Done) else result
