"""What one HTTP request brings, from its first byte to the answer: the wire of RSNA CTP and its FileSender.

The whole body is one object, or a ZIP of them. What has come whole is never refused for what it is: CTP deletes what is
refused. It is taken, and what rules can not be asked about is held with its flaw. Threads other than the network's own
call this. It must not know HTTP's framing, nor the spool.
"""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from engine.errors import Later
from engine.sources.credentials import DURABLE, Claim
from engine.sources.taking import flaw_of, shown
from engine.sources.wholeness import DICOM, DICOMDIR, ZIP, look_into
from engine.sources.zips import Limits, Unfit, unpack, unpacked_size

log = logging.getLogger("stellwerk.https")

SURE = ("application/x-mirc", "application/dicom", "application/zip", "application/x-zip")
"""Content types that say: this is for you. They may be longer (x-mirc-dicom), and in any capitals."""
UNSURE = ("", "application/octet-stream", "binary/octet-stream")
"""Those that say nothing: taken if the body is DICOM or a ZIP, and otherwise not ours."""

AT_ONCE = 8
"""So many members of a ZIP are made durable at once."""

LOOK_EVERY = 64 << 20
"""So many bytes of a body are written before it is looked again whether the disk has room."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    kind: str = "text/plain;charset=UTF-8"


KEEP = Answer(404)
"""The only answer after which CTP keeps its file and tries again, for ever."""


@dataclass(frozen=True, slots=True)
class Upload:
    """One object that came, in a file that the callee takes over by renaming."""

    file: Path
    user: str
    address: str
    name: str = ""
    """Of the file at its sender, where it told it."""
    flaw: str = ""
    """Why rules can not be asked about it."""


@dataclass(frozen=True, slots=True)
class House:
    """What takes the objects: `accept` makes one durable or raises Later; `room` says why so many bytes do not fit."""

    accept: Callable[[Upload], None]
    new_file: Callable[[], Path]
    room: Callable[[int], str | None] = lambda _: None
    limits: Limits = Limits()
    largest: int = 16 << 30
    """Bytes of one body; more is refused, and stays with its sender."""


class Body(Protocol):
    """What is done with the bytes of a request."""

    def write(self, piece: bytes | bytearray) -> None:
        """The next bytes. Raises Later and OSError: then it must be discarded."""

    def finish(self) -> Answer:
        """All have come. Raises Later and OSError."""

    def discard(self) -> None:
        """Leave nothing behind; harmless after `finish`."""

    def sorry(self) -> Answer:
        """The answer where it could not be taken although its sender has done nothing wrong."""


class Posted:
    """A body that is one file: an object, or a ZIP of objects."""

    def __init__(self, house: House, claim: Claim, user: str, address: str, name: str, *, sure: bool) -> None:
        self._house, self._claim, self._sure = house, claim, sure
        self._user, self._address, self._name = user, address, name
        self._path = house.new_file()
        self._file: BinaryIO | None = None
        self._made = [self._path]
        self._since_look = 0

    def write(self, piece: bytes | bytearray) -> None:
        """The next bytes."""
        if self._file is None:
            self._file = self._path.open("wb", buffering=0)
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]
        self._claim.add(piece)
        self._since_look += len(piece)
        if self._since_look > LOOK_EVERY:
            self._since_look = 0
            ask(self._house, 0)

    def finish(self) -> Answer:
        """Take it in, all of it, before the answer."""
        self._close()
        if not self._claim.holds:
            log.warning("from %s: a body is not what its sender said that it is; it will be sent again", self._address)
            return KEEP
        found = look_into(self._path)
        if found.kind not in (DICOM, DICOMDIR, ZIP) and not self._sure:
            return KEEP
        uploads = self._unpacked() if found.kind == ZIP else [self._upload(self._path, self._name, flaw_of(found))]
        if found.kind == DICOMDIR and not found.lacks:
            uploads = []  # a table of contents, and no object
        if len(uploads) > 1:
            # A sender waits seconds, and each takes a flush of the disk: together they share them.
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._house.accept, uploads))
        else:
            for upload in uploads:
                self._house.accept(upload)
        durable = ((DURABLE, f"sha-256={self._claim.sha256}"),) if self._claim.sha256 else ()
        return Answer(200, b"OK", durable)

    def discard(self) -> None:
        """What was accepted has been moved away; the rest goes."""
        self._close()
        for path in self._made:
            path.unlink(missing_ok=True)

    def sorry(self) -> Answer:
        """It keeps its file."""
        return KEEP

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _upload(self, file: Path, name: str, flaw: str) -> Upload:
        return Upload(file, self._user, self._address, name, flaw)

    def _unpacked(self) -> list[Upload]:
        """Every object of a ZIP; where it can not be unpacked, the ZIP as it is, for a person."""

        def new_file() -> Path:
            self._made.append(self._house.new_file())
            return self._made[-1]

        uploads = []
        try:
            ask(self._house, unpacked_size(self._path, self._house.limits))
            for member in unpack(self._path, self._house.limits, new_file):
                found = look_into(member.file)
                if found.kind == DICOMDIR and not found.lacks:
                    continue
                uploads.append(self._upload(member.file, shown(member.name), flaw_of(found)))
        except Unfit as unfit:
            return [self._upload(self._path, self._name, unfit.why)]
        return uploads


def ask(house: House, for_bytes: int) -> None:
    """Whether there is room. Raises Later."""
    if (why := house.room(for_bytes)) is not None:
        raise Later(why)
