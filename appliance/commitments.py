"""Storage commitment in the appliance: what destinations are asked for, and what others ask us for, on every listener.

Results that their caller did not wait for are told on an association of our own, where the rules know its address: as a
`dicom` destination of that AE title.
"""

import logging
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from appliance.overheard import Overheard
from appliance.settings import Settings
from engine.commitments import Commitments
from engine.custody import refused
from engine.dicom import Peer
from engine.dicom.commitment import Instance, Results
from engine.dicom.committing import services, tell
from engine.dicom.services import Call
from engine.errors import Later
from engine.parameters import Node
from engine.program import Program

log = logging.getLogger("stellwerk")

TRIES = (1.0, 30.0, 300.0)
"""Seconds before each try to tell results. After the last, whoever asked may ask again."""

AT_ONCE = 100
"""Results that may wait to be told: whoever asks and runs away must not cost us more threads than that."""


class Promises:
    """Both directions of storage commitment for one appliance."""

    def __init__(
        self,
        settings: Settings,
        program: Callable[[], Program],
        heard: Callable[[str], None],
        stopping: threading.Event,
        tls: Callable[[str], ssl.SSLContext],
    ) -> None:
        """heard: word has come for this outbox. tls: how to speak TLS with the destination of this name."""
        self._settings, self._program, self._stopping = settings, program, stopping
        self._tls = tls
        self._telling = threading.Semaphore(AT_ONCE)
        self.asked = Commitments(heard)
        self._overheard = Overheard(settings.spool / "asked")
        self.services = services(self._judge, self._hear, self._unheard)

    def _hear(self, results: Results) -> bool:
        return self.asked.hear(results) or self._overheard.hear(results)

    def _judge(self, instances: Sequence[Instance]) -> Mapping[Instance, int]:
        failed = refused(self._settings.spool, instances, self._copy_there)
        log.info("storage commitment: asked for %d objects, given for %d", len(instances), len(instances) - len(failed))
        return failed

    def _copy_there(self, outbox: str, place: str) -> bool:
        return (Path(self._settings.archive_folder(outbox.removesuffix(".store"))) / place).is_file()

    def _unheard(self, call: Call, results: Results) -> None:
        peer = self._peer(call)
        if peer is None:
            log.warning(
                "storage commitment: %s has gone before it was answered, and no destination in the house has that AE"
                " title by the rules, so it cannot be told; it may ask again",
                call.calling_ae,
            )
        elif self._telling.acquire(blocking=False):
            threading.Thread(target=self._tell, args=(peer, results), name="commitment", daemon=True).start()

    def _peer(self, call: Call) -> Peer | None:
        for destination in self._program().destinations:
            # An AE title can be made up, and outside the house not even the UID of an object is told.
            if destination.kind == "dicom" and not destination.outside:
                node = Node.of(destination.arguments["address"])
                if node.called == call.calling_ae:
                    secure = partial(self._tls, destination.name) if "tls" in destination.arguments else None
                    return Peer(node.called, node.host, node.port, call.called_ae, secure)
        return None

    def _tell(self, peer: Peer, results: Results) -> None:
        try:
            for seconds in TRIES:
                if self._stopping.wait(seconds):
                    return
                try:
                    tell(peer, results)
                except Later as reason:
                    log.warning("storage commitment: %s", reason)
                else:
                    return
        finally:
            self._telling.release()
