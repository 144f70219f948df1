"""A DICOM node as destination: its address, its associations, and how long it is waited for."""

import ssl
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from engine.commitments import Commitments
from engine.destinations.batch import Batch
from engine.destinations.decoding import Decoding
from engine.destinations.usual import connections, retrying
from engine.dicom import Peer, Pool, count
from engine.dicom.commitment import Results, hearing
from engine.entry import Entry
from engine.outbox import Outbox
from engine.parameters import AETitles, Node, Time
from engine.program import Destination
from engine.pump import LOOK_AGAIN, Report, oldest_first

WITHIN = 600.0
"""Seconds after which a destination is asked again to commit, where the rule does not say it."""

LINGER = 1.0
"""Seconds for which the answer to that is waited for at once, as long as the destination answers so."""

RECALLED = 1000
"""Entries of which word has come that are looked for at a time: an archive may commit to a whole day's at once, and
each look sends a window of them only. Of the others it is asked when they are due, and then their word is taken."""


class DicomNode:
    """One declared `dicom` destination, as engine.pump.Sender."""

    def __init__(
        self,
        declared: Destination,
        our_title: str,
        commitments: Commitments | None = None,
        *,
        tls: Callable[[str], ssl.SSLContext] | None = None,
        new_file: Callable[[], Path] | None = None,
        least_mb: int = 0,
    ) -> None:
        """tls: how to speak TLS with the destination of this name; for one that is declared with it.

        new_file: answers names of scratch files; without it nothing is transcoded. least_mb: of the disk, to stay
        free then.
        """
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
        self.connections = connections(declared)
        self.every, self.patience = retrying(declared)
        self.confirm = "confirm" in arguments
        self.within = Time.of(arguments["within"]).duration.seconds if "within" in arguments else WITHIN
        self.commitments = commitments or Commitments()
        decodes = "as-received" not in arguments
        self.decoder = Decoding(new_file, least_mb=least_mb) if new_file is not None and decodes else None
        self.linger = LINGER
        self.pool = Pool(self.peer, event=hearing(self._hear))

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """What word has come of, then oldest first. It is durable that they may be sent before one of them is."""
        words = self.commitments.words(self.name)
        if words:
            self.commitments.forget(self.name, outbox.recall(islice(words, RECALLED)))
        claimed = oldest_first(outbox, now)
        if claimed:
            outbox.remember_claimed()
        return claimed

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Send a batch over as few associations as its presentation contexts allow."""
        Batch(self, report, stopping).send(entries)

    def count(self, study: str, series: str = "") -> int | None:
        """How many objects it has of a study, or of a series; None where it does not say. Raises Later or Never."""
        return count(self.peer, study, series)

    def close(self) -> None:
        """Release the associations that are idle, and the others as soon as they are."""
        self.pool.close()
        # Not the decoder: a batch may still need it, and its process ends by itself once nobody has it any more.

    def _hear(self, results: Results) -> bool:
        """It answers on the association that it was asked on."""
        self.linger = LINGER
        return self.commitments.hear(results)
