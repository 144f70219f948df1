"""A line without threads and sockets, and a disk that fails at its nth operation: what the crash tests drive."""

import errno
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from engine import files
from engine.collector import Collector
from engine.condition import Compare, Field, Literal
from engine.destinations.archive import Archive
from engine.entry import Entry
from engine.errors import Later, Never
from engine.inquiry import Ask
from engine.object import Origin
from engine.outbox import Outbox
from engine.plan import prepare
from engine.program import Call, Contact, Destination, Listener, Program, Route
from engine.pump import LOOK_AGAIN, PATIENCE, Pump, Report, Sender, Sent, oldest_first
from engine.reviewer import Reviewer
from engine.router import Router
from engine.seal import Seal
from engine.signature import Argument
from engine.spool import Spool
from engine.step import GATHERING, HOLD, REVIEW, TELLING

STORE = Call(
    "store", {"layout": Argument("path", "", (Argument("word", "Institution"), Argument("word", "PatientName")))}
)
FORWARD = Call("forward", {"destinations": Argument("word", "PACS")})
SET = Call("set", {"tag": Argument("word", "InstitutionName"), "value": Argument("text", "Praxis Nord")})
MAIL = Call("mail", {"contacts": Argument("word", "admin")})
HOLD_STEP = Call("hold", {"why": Argument("text", "the PACS refused it")})
DISCARD = Call("discard", {"why": Argument("text", "not wanted")})


def program(*, failure: bool = False) -> Program:
    """Port 1: store, set, forward, mail (and `on failure → hold` where asked); modality OT is discarded."""
    return Program(
        listeners=(Listener("port 1", "dicom", {"port": Argument("number", "1")}),),
        destinations=(Destination("PACS", "dicom", {"address": Argument("text", "PACS@127.0.0.1:104")}),),
        contacts=(Contact("admin", ("it@praxis.example",)),),
        routes=(
            Route("main", "port 1", _modality("US"), (STORE, SET, FORWARD, MAIL), (HOLD_STEP,) if failure else None),
            Route("rest", "port 1", _modality("OT"), (DISCARD,)),
        ),
    )


def _modality(value: str) -> Compare:
    return Compare(Field("Modality"), "=", Literal("text", value))


class Crash(BaseException):
    """The machine stops here. No handler of the program sees it."""


OPERATIONS = (
    *("sync", "sync_all", "put", "write", "append", "move", "link", "copy"),
    *("remove", "make_folder", "remove_folder"),
)


def as_paths(*arguments: Any) -> tuple[Any, ...]:
    """What a file operation was called with; paths may come as text."""
    return tuple(Path(one) if isinstance(one, str) else one for one in arguments)


@contextmanager
def disk(
    *,
    crash_at: int = 0,
    error_at: int = 0,
    error: int = errno.ENOSPC,
    at_once: Callable[[Path], None] = lambda _: None,
    before: Callable[[int], None] = lambda _: None,
) -> Iterator[list[str]]:
    """Count every file operation; at the nth, crash, or fail with `error`. Yields the operations' names.

    `at_once` is called with the new name of everything that is moved: for another thread that is very quick.
    `before` is called with the number of each operation before it is done.
    """
    done: list[str] = []
    originals = {name: getattr(files, name) for name in OPERATIONS}

    def watched(name: str, *arguments: Any) -> object:
        arguments = as_paths(*arguments)
        done.append(name)
        if len(done) == crash_at:
            if name == "write":
                # Half of the bytes had reached the disk.
                path, data, *_ = arguments
                path.with_name(f".{path.name}.draft").write_bytes(bytes(data)[: len(bytes(data)) // 2])
            if name == "put":
                path, data, *_ = arguments
                path.write_bytes(bytes(data)[: len(bytes(data)) // 2])
            if name == "append":
                path, data, *_ = arguments
                with path.open("ab") as stream:
                    stream.write(bytes(data)[: len(bytes(data)) // 2])
            raise Crash
        if len(done) == error_at:
            raise OSError(error, os.strerror(error))
        before(len(done))
        answer: object = originals[name](*arguments)
        if name == "move":
            at_once(arguments[1])
        return answer

    for name in OPERATIONS:
        setattr(files, name, functools.partial(watched, name))
    try:
        yield done
    finally:
        for name, original in originals.items():
            setattr(files, name, original)


class Pacs:
    """A destination that remembers what it got. `refuse` and `away` are the SOP instances it treats so."""

    outside = False
    every: float | None = None
    patience = PATIENCE
    look_again = LOOK_AGAIN
    connections = 1

    def __init__(self) -> None:
        self.got: list[str] = []
        self.refuse: set[str] = set()
        self.away: set[str] = set()

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: object) -> None:
        """Take each entry as its SOP Instance UID deserves."""
        for entry in entries:
            uid = str(dcmread(entry.file).SOPInstanceUID)
            if uid in self.refuse:
                report(entry, Never("it refuses"))
            elif uid in self.away:
                report(entry, Later("it is away"))
            else:
                self.got.append(uid)
                report(entry, Sent("PACS"))


class Line:
    """Spool, router and pumps, turned by hand."""

    def __init__(self, root: Path, rules: Program, pacs: Pacs) -> None:
        self.root = root
        self.pacs = pacs
        self.archive = root / "archive"
        self.spool = Spool(root / "spool", lambda digest, route: self.router.keeps_received(digest, route))
        self.spool.recover()
        self.plan = prepare(rules)
        self.digest = self.spool.keep_program(rules)
        self.collectors: dict[str, Collector] = {}
        self.open_ones: set[str] = set()
        self.ask: Ask | None = None
        self.router = Router(self.spool, lambda: self.plan, lambda _: None)

    def receive(
        self, uid: str, modality: str = "US", patient: str = "Müller^Änne", *, sealed: bool = True, **tags: str
    ) -> str:
        """Take in one object, as a listener does; what is not sealed is taken in as what is too long for a seal."""
        path = self.spool.new_work_file()
        write_instance(path, uid, modality, patient, **tags)
        origin = Origin("dicom", 1, "SONO1", "STELLWERK", "10.0.0.1", "2026-11-23T10:00:00+01:00")
        return self.spool.accept(path, origin, self.digest, seal=Seal.of(path) if sealed else None)

    def turn(self, now: float) -> None:
        """Route everything and let every pump look once."""
        while self.router.turn():
            pass
        for name in self.spool.outboxes():
            if name == HOLD or name.endswith(TELLING):
                continue
            sender = self._sender(name)
            Pump(self.spool.outbox(name), lambda sender=sender: sender, self.router.refuse).turn(now)

    def _sender(self, name: str) -> Sender:
        if name == REVIEW:
            return Reviewer(self.spool, self.router)
        if name.endswith(GATHERING):
            if name not in self.collectors:
                asked = None if self.ask is None else lambda *what: self.ask(*what) if self.ask else None
                self.collectors[name] = Collector(self.spool, self.router, lambda: self.open_ones, asked)
            return self.collectors[name]
        return Archive(self.archive, self.spool.arrivals.stored) if name.endswith(".store") else self.pacs

    def stored(self) -> list[str]:
        """SOP Instance UIDs in the archive, one for each file."""
        return sorted(str(dcmread(path).SOPInstanceUID) for path in self.archive.rglob("*.dcm"))

    def held(self) -> list[str]:
        """SOP Instance UIDs in the hold."""
        return sorted(str(dcmread(entry.file).SOPInstanceUID) for entry in self.spool.outbox(HOLD).all())

    def owed(self, name: str) -> list[str]:
        """SOP Instance UIDs that an outbox still owes."""
        return sorted(str(dcmread(entry.file).SOPInstanceUID) for entry in self.spool.outbox(name).all())


def write_instance(path: Path, uid: str, modality: str = "US", patient: str = "Müller^Änne", **tags: str) -> None:
    """A small real DICOM file."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    dataset.SOPInstanceUID = uid
    dataset.StudyInstanceUID = "1.2.3"
    dataset.Modality = modality
    dataset.PatientName = patient
    dataset.PatientID = "4711"
    dataset.InstitutionName = "Praxis Süd"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path, enforce_file_format=True)


def new_uid() -> str:
    """A fresh UID."""
    return str(generate_uid())
