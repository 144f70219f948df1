"""DICOMweb as destination: STOW-RS (PS3.18 section 10.5), several images in one request.

An image is delivered when the answer names its UID among those that were stored (0008,1199), and at no other word.
"""

import ssl
import uuid
from collections.abc import Callable, Iterator, Sequence

from engine.destinations.credentials import Secrets, authorization
from engine.destinations.exchange import PATIENT, Answer, Body, Patience, Site, Unreachable
from engine.destinations.https import reached, understand
from engine.destinations.stow import Verdict, read_answer
from engine.destinations.usual import connections, retrying
from engine.dicom.status import Done, outcome
from engine.enough import IN_A_ROW
from engine.entry import Entry
from engine.errors import Later, Never
from engine.header import Header
from engine.outbox import Outbox
from engine.parameters import WebAddress
from engine.program import Destination
from engine.pump import LOOK_AGAIN, Report, Result, Sent, oldest_first

TOGETHER, AT_MOST = 32 << 20, 50
"""Bytes and images in one request: servers have limits, and what breaks off is sent again as a whole."""

JSON, XML = "application/dicom+json", "application/dicom+xml"


class DicomWeb:
    """One declared `dicomweb` destination, as engine.pump.Sender."""

    def __init__(
        self,
        declared: Destination,
        secrets: Secrets,
        context: Callable[[], ssl.SSLContext],
        patience: Patience = PATIENT,
    ) -> None:
        arguments = declared.arguments
        address = WebAddress.of(arguments["address"])
        self.name = declared.name
        self.outside = declared.outside
        self.look_again = LOOK_AGAIN
        self.connections = connections(declared)
        self.every, self.patience = retrying(declared)
        path, question, query = address.path.partition("?")
        self._path = path.rstrip("/").removesuffix("/studies") + "/studies" + question + query
        self._secrets, self._arguments = secrets, arguments
        self._site = Site(address, context, patience=patience)

    def close(self) -> None:
        """Close the connections that lie idle."""
        self._site.close()

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """In as few requests as their size allows. A peer that is away is not asked for each of them."""
        failures = 0
        groups = list(_groups(entries))
        while groups and failures < IN_A_ROW and not stopping():
            group = groups.pop(0)
            results: list[Result | None]
            try:
                results = self._deliver(group)
            except Unreachable as away:
                report(group[0], away)
                return
            except Never as refusal:
                if len(group) > 1:
                    # It is said of all of them; which one it is about, only one by one can tell.
                    groups[:0] = [[entry] for entry in group]
                    continue
                results = [refusal]
            except Later as later:
                results = [later] * len(group)
            for entry, result in zip(group, results, strict=True):
                if result is None:
                    groups.insert(0, [entry])
                else:
                    report(entry, result)
            failures = failures + 1 if all(isinstance(result, Later) for result in results) else 0

    def reach(self) -> str:
        """Whether somebody answers there and lets us in; in words. Raises Later. It is asked for one study (QIDO-RS).

        A service that only takes (STOW-RS) need not answer that, and is reached all the same.
        """
        more = "&" if "?" in self._path else "?"
        headers = {"Accept": JSON, **authorization(self._arguments, self._secrets)}
        answer = self._site.get(f"{self._path}{more}limit=1", headers)
        if answer.status == 404:
            understand(answer, self._site.who)
        return reached(answer, self._site.who)

    def _deliver(self, group: Sequence[Entry]) -> list[Result | None]:
        """What became of each; None where it must be asked alone. Raises Later, or Never where none is named."""
        uids = [_uid(entry) for entry in group]
        if len(set(uids)) < len(uids):
            raise Never("two of one UID: the answer would not say which of them was stored")
        boundary = uuid.uuid4().hex
        headers = {
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": f"{JSON}, {XML};q=0.5",
            **authorization(self._arguments, self._secrets),
        }
        answer = self._site.post(self._path, headers, _parts(group, boundary))
        verdict = read_answer(answer.headers.get("content-type", ""), answer.body)
        if not verdict.names_any:
            self._refuse_unnamed(answer)
        several = len(group) > 1
        return [self._result(uid, verdict, answer.status, several) for uid in uids]

    def _refuse_unnamed(self, answer: Answer) -> None:
        """The answer says nothing of any image: what its status alone means. Always raises."""
        who = self._site.who
        if answer.status in (400, 409):
            raise Never(f"{who} refuses the image and does not say why (HTTP {answer.status})")
        understand(answer, who)
        raise Later(
            f"{who} answers, but does not say which images it has stored; does the address lead to a STOW-RS service?"
        )

    def _result(self, uid: str, verdict: Verdict, status: int, several: bool) -> Result | None:
        who = self._site.who
        if uid in verdict.failed:
            said = outcome(verdict.failed[uid], who)
            # A warning in the list of failures is no success.
            return Never(f"{who} refuses the image, and does not say why") if isinstance(said, Done) else said
        if uid in verdict.stored and status < 300:
            return Sent(self.name)
        if uid in verdict.stored and several:
            # Orthanc answers 400 to all where one is refused, and names the others as stored. Alone it says so plainly.
            return None
        return Later(f"{who} does not say what became of the image (HTTP {status})")


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    group: list[Entry] = []
    room = TOGETHER
    for entry in entries:
        try:
            size = entry.file.stat().st_size
        except OSError:
            size = TOGETHER  # it goes by itself, and is told by itself
        if group and (size > room or len(group) == AT_MOST):
            yield group
            group, room = [], TOGETHER
        group.append(entry)
        room -= size
    if group:
        yield group


def _parts(group: Sequence[Entry], boundary: str) -> Body:
    """A multipart body (RFC 2046 section 5.1), the files still on disk."""
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    parts: list[Body] = [(head, entry.file, b"\r\n") for entry in group]
    return [*(piece for part in parts for piece in part), f"--{boundary}--\r\n".encode()]


def _uid(entry: Entry) -> str:
    try:
        uid = Header.read(entry.file).first("SOPInstanceUID")
    except OSError as error:
        raise Later(f"the image cannot be read from our own disk ({error.strerror})") from None
    if not uid:
        raise Never("it has no SOP Instance UID, and without one nobody can say that it was stored")
    return uid
