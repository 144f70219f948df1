"""Peers and objects for the tests of engine/dicom: all on 127.0.0.1, on ports the system chooses."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partialmethod
from pathlib import Path

import pydicom.data
import pytest
from pynetdicom import AE, evt
from pynetdicom.transport import ThreadedAssociationServer

from engine.dicom import Listener, Patience, Peer, Reception, part10
from engine.dicom.negotiate import DEFLATED_LITTLE, EXPLICIT_LITTLE
from engine.dicom.requestor import Association
from engine.dicom.status import Outcome
from engine.dicom.stream import FileContent

CT = "1.2.840.10008.5.1.4.1.1.2"
JPEG2000 = "1.2.840.10008.1.2.4.90"
HASTY = Patience(connect=1, associate=1, respond=1, release=1)


@dataclass
class Inbox:
    """An `accept` that keeps what it is given; a test may make it refuse or wait."""

    received: list[Reception] = field(default_factory=list)
    error: Exception | None = None
    gate: threading.Event | None = None

    def accept(self, reception: Reception) -> None:
        if self.gate is not None:
            self.gate.wait(20)
        if self.error is not None:
            raise self.error
        self.received.append(reception)


@dataclass
class Outbox:
    """A `report` that keeps what it is told."""

    reports: list[tuple[Path, Outcome]] = field(default_factory=list)

    def report(self, path: Path, outcome: Outcome) -> None:
        self.reports.append((path, outcome))

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for _, outcome in self.reports]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


Listen = Callable[..., Listener]


@pytest.fixture
def listen(tmp_path: Path, inbox: Inbox) -> Iterator[Listen]:
    """Start a listener that puts files into tmp_path/in."""
    running: list[Listener] = []
    folder = tmp_path / "in"
    folder.mkdir()

    def start(**options: object) -> Listener:
        settings: dict[str, object] = {"folder": folder, "address": "127.0.0.1"}
        port = options.pop("port", 0)
        listener = Listener(port, inbox.accept, **(settings | options))  # type: ignore[arg-type]  # options of any kind
        listener.start()
        running.append(listener)
        return listener

    yield start
    for listener in running:
        listener.stop(grace=0)


@pytest.fixture(autouse=True, scope="session")
def _ends_at_once() -> Iterator[None]:
    """A server of pynetdicom hears within 0.02 seconds that it should end: by itself it looks twice a second."""
    quick = partialmethod(ThreadedAssociationServer.serve_forever, 0.02)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ThreadedAssociationServer, "serve_forever", quick)
        yield


@pytest.fixture
def scp() -> Iterator[Callable[..., Peer]]:
    """Start a pynetdicom SCP with these contexts and handlers."""
    running: list[ThreadedAssociationServer] = []

    def start(contexts: dict[str, list[str]], handlers: list[evt.EventHandlerType], **settings: object) -> Peer:
        ae = AE("PYNETDICOM")
        for name, value in settings.items():
            setattr(ae, name, value)
        for sop_class, syntaxes in contexts.items():
            ae.add_supported_context(sop_class, syntaxes)
        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers)
        assert server is not None
        running.append(server)
        return Peer("PYNETDICOM", "127.0.0.1", server.server_address[1])

    yield start
    for server in running:
        server.shutdown()


def to(listener: Listener, calling_ae: str = "SENDER", called_ae: str = "STELLWERK") -> Peer:
    return Peer(called_ae, "127.0.0.1", listener.port, calling_ae)


def write_object(
    path: Path,
    dataset: bytes = b"\x08\x00\x16\x00UI\x02\x001\x00",
    syntax: str = EXPLICIT_LITTLE,
    sop_class: str = CT,
    sop_instance: str = "1.2.3",
) -> Path:
    """A Part 10 file. Its dataset need not be one: nobody on the way looks inside."""
    path.write_bytes(part10.write_meta(sop_class, sop_instance, syntax, "TEST") + dataset)
    return path


def store_now(association: Association, sop_instance: str, path: Path, length: int) -> int:
    """C-STORE the first bytes of a file as a CT, and wait for the status."""
    content = FileContent(path, 0, length)
    number = association.store(CT, sop_instance, EXPLICIT_LITTLE, content)
    content.close()
    answered, code = association.answer()
    assert answered == number
    return code


def dataset_of(path: Path) -> bytes:
    return path.read_bytes()[part10.read_meta(path).offset :]


def as_sent(path: Path) -> bytes:
    """A file's dataset as it must arrive: unchanged, but for the NUL behind an odd deflated stream (PS3.5 A.5)."""
    dataset = dataset_of(path)
    odd = len(dataset) % 2 and part10.read_meta(path).transfer_syntax_uid == DEFLATED_LITTLE
    return dataset + b"\0" if odd else dataset


def sendable_files() -> list[Path]:
    """pydicom's own test files, those that say what they are in file meta information."""
    folder = Path(pydicom.data.__file__).parent / "test_files"
    files = []
    for path in sorted(folder.glob("*.dcm")):
        try:
            part10.read_meta(path)
        except ValueError:
            continue
        files.append(path)
    assert len(files) > 60
    return files


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())
