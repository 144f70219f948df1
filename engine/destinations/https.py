"""HTTPS as destination: one POST per image, as RSNA CTP's HttpExportService and HttpImportService speak it.

The other side says that it has an image by answering `OK`, those two letters and nothing else. One of our own kind also
answers with the digest of what it has made durable, and that must be ours. An image that was sent twice is harmless.
"""

import hashlib
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.destinations.credentials import Secrets, authorization
from engine.destinations.exchange import PATIENT, Answer, Patience, Site
from engine.destinations.usual import connections, one_by_one, retrying
from engine.entry import Entry
from engine.errors import Later, Never
from engine.outbox import Outbox
from engine.parameters import WebAddress
from engine.program import Destination
from engine.pump import LOOK_AGAIN, Report, oldest_first

DIGEST, DURABLE = "Stellwerk-Digest", "Stellwerk-Durable"
"""Headers of our own: `sha-256=<hex>` of what is sent, and of what the other side has made durable."""

ABOUT_THE_IMAGE = {
    409: "it has something else in its place",
    413: "it is too large for it",
    415: "it does not take such objects",
    422: "it cannot do anything with it",
}
"""Statuses that speak of what was sent. All others speak of the peer, and trying again is right."""


READ_ONCE = 1 << 20
"""Bytes that are kept between the digest and the sending; of what is larger, it is read for each."""


class Https:
    """One declared `https` or `http` destination, as engine.pump.Sender."""

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
        self._digest = "digest" in arguments
        self._path = address.path
        self._secrets, self._arguments = secrets, arguments
        self._site = Site(address, context, keeps=_keeps, patience=patience)

    def close(self) -> None:
        """Close the connections that lie idle."""
        self._site.close()

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """One after the other."""
        one_by_one(entries, lambda entry: self._deliver(entry.file), report, stopping, self.name)

    def reach(self) -> str:
        """Whether somebody answers there and lets us in; in words. Nothing is sent. Raises Later."""
        return reached(self._site.get(self._path, authorization(self._arguments, self._secrets)), self._site.who)

    def _deliver(self, file: Path) -> None:
        """Send one. Raises Later, Never."""
        # CTP takes anything below `application/x-mirc`, and nothing else; it looks for itself what it is.
        headers = {"Content-Type": "application/x-mirc", **authorization(self._arguments, self._secrets)}
        try:
            ours = hashlib.sha256()
            ctp = hashlib.md5(usedforsecurity=False)
            body: bytes | Path = b""
            with file.open("rb") as stream:
                while data := stream.read(READ_ONCE):
                    ours.update(data)
                    if self._digest:
                        ctp.update(data)
                    # What is small is not read a second time.
                    body = file if body else data
        except OSError as error:
            raise Later(f"the image cannot be read from our own disk ({error.strerror})") from None
        headers[DIGEST] = f"sha-256={ours.hexdigest()}"
        if self._digest:
            # As Java writes a number: CTP compares text, and knows no leading zeros.
            headers["Digest"] = ctp.hexdigest().lstrip("0") or "0"
        answer = self._site.post(self._path, headers, [body])
        understand(answer, self._site.who)
        durable = answer.headers.get(DURABLE.lower())
        if durable is not None and durable.strip().lower() != headers[DIGEST]:
            raise Later(f"{self._site.who} has not kept what was sent: its digest is another")
        if answer.body != b"OK":
            raise Later(
                f"{self._site.who} answers, but not with OK as a receiver of images does; "
                "is a proxy or another program in between, or is the address wrong?"
            )


def understand(answer: Answer, who: str) -> None:
    """What a status means where it is no success. Raises Later or Never; none of the peer's own words are shown.

    Such words may quote what was sent.
    """
    status = answer.status
    if 200 <= status <= 202:
        return
    if status in ABOUT_THE_IMAGE:
        raise Never(f"{who} refuses the image: {ABOUT_THE_IMAGE[status]} (HTTP {status})")
    if status in (401, 403):
        raise Later(f"{who} refuses our user name and password, or our token (HTTP {status})")
    if status == 407:
        raise Later(f"a proxy in front of {who} wants a log-in (HTTP 407)")
    if status == 404:
        raise Later(f"{who} has nothing at this address, or cannot take anything now (HTTP 404)")
    if 300 <= status < 400:
        raise Later(f"{who} sends us to another address (HTTP {status}); write that one into the rules")
    if status >= 500:
        raise Later(f"{who} has trouble of its own (HTTP {status})")
    raise Later(f"{who} does not take anything so (HTTP {status}); is the address right?")


def reached(answer: Answer, who: str) -> str:
    """What the answer to a mere question says of whoever answers. Raises Later where nothing could be sent now."""
    if answer.status in (401, 403, 407) or answer.status >= 500 or 300 <= answer.status < 400:
        understand(answer, who)
    return f"{who} answers (HTTP {answer.status})"


def _keeps(answer: Answer) -> bool:
    """CTP closes after each answer and does not say so; whoever keeps a connection says it."""
    return DURABLE.lower() in answer.headers or "keep-alive" in answer.headers.get("connection", "").lower()
