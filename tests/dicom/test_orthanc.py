"""DICOM both ways with Orthanc, and to DCMTK's archive: they keep what they get, and give it on."""

import contextlib
import hashlib
import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom import dcmread

from engine.dicom import Done, Peer, echo, part10, send
from engine.dicom.negotiate import EXPLICIT_LITTLE, IMPLICIT_LITTLE
from engine.errors import Later
from tests.dicom.conftest import Inbox, Listen, Outbox, as_sent, dataset_of, sendable_files
from tests.ports import free_port

ORTHANC = shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")
DAMAGED = ("rtplan_truncated",)
CANNOT_READ = {
    *("UN_sequence", "badVR", "no_meta_group_length", "priv_SQ", "rtdose_rle", "rtplan"),  # damaged, or DCMTK thinks so
    *("JPEGLSNearLossless_08", "JPEGLSNearLossless_16", "SC_rgb_jls_lossy_line", "SC_rgb_jls_lossy_sample"),
    "SC_rgb_jpeg",
}
"""What DCMTK's reader of a whole object, which both of them have, refuses or aborts over, whoever sends it."""

needs_orthanc = pytest.mark.skipif(ORTHANC is None, reason="Orthanc is not here: apt-get install orthanc")


@contextlib.contextmanager
def running(words: list[str], peer: Peer) -> Iterator[Peer]:
    """A server, once it answers."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            try:
                echo(peer)
                break
            except Later:
                assert process.poll() is None, f"{words[0]} does not start"
                time.sleep(0.1)
        yield peer
    finally:
        process.terminate()
        process.wait(20)


@dataclass(frozen=True)
class Orthanc:
    """One that runs; it knows a node STELLWERK on a port of ours."""

    peer: Peer
    http: int

    def ask(self, path: str, body: object = None) -> bytes:
        """What it answers to its own REST interface."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", data, timeout=60) as answer:
            said: bytes = answer.read()
        return said


@pytest.fixture
def ours() -> int:
    """The port on which Orthanc finds us."""
    return free_port()


@pytest.fixture
def orthanc(tmp_path: Path, ours: int) -> Iterator[Orthanc]:
    home = tmp_path / "orthanc"
    home.mkdir()
    http, dicom = free_port(), free_port()
    settings = {
        "StorageDirectory": str(home / "images"),
        "IndexDirectory": str(home / "images"),
        "HttpPort": http,
        "DicomPort": dicom,
        "UnknownSopClassAccepted": True,
        "OverwriteInstances": False,
        "DicomModalities": {"STELLWERK": ["STELLWERK", "127.0.0.1", ours]},
    }
    (home / "orthanc.json").write_text(json.dumps(settings))
    with running([str(ORTHANC), str(home / "orthanc.json")], Peer("ORTHANC", "127.0.0.1", dicom)) as peer:
        yield Orthanc(peer, http)


def one_of_each() -> list[Path]:
    """pydicom's files, one for each SOP instance: an archive keeps one."""
    first: dict[str, Path] = {}
    for path in sendable_files():
        if path.stem not in DAMAGED:
            first.setdefault(part10.read_meta(path).sop_instance_uid, path)
    return list(first.values())


def says_the_same(one: Path, other: Path) -> bool:
    """Element by element, apart from group lengths, trailing padding and whether encapsulated pixels are OB, as they
    should be, or OW."""
    first, second = dcmread(one), dcmread(other)
    pixels = []
    for dataset in (first, second):
        pixels.append(dataset.get("PixelData"))
        for tag in [item.tag for item in dataset if item.tag.element == 0 or item.tag in (0x7FE00010, 0xFFFCFFFC)]:
            del dataset[tag]
    return bool(pixels[0] == pixels[1] and first == second)


def digest(dataset: bytes) -> str:
    return hashlib.sha1(dataset).hexdigest()


@needs_orthanc
def test_orthanc_keeps_every_object_that_we_send_byte_for_byte_and_sends_it_back_so(
    orthanc: Orthanc, ours: int, listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    files = one_of_each()
    send(orthanc.peer, files, outbox.report)
    refused = {path.stem for path, outcome in outbox.reports if not isinstance(outcome, Done)}
    sent = {part10.read_meta(path).sop_instance_uid: path for path in files if path.stem not in refused}
    kept = {}
    for name in json.loads(orthanc.ask("/instances")):
        path = tmp_path / f"{name}.dcm"
        path.write_bytes(orthanc.ask(f"/instances/{name}/file"))
        kept[part10.read_meta(path).sop_instance_uid] = path
    assert set(kept) == set(sent)
    assert refused <= CANNOT_READ, refused - CANNOT_READ
    # It writes lengths and padding anew before it keeps an object; what is in it stays.
    assert [sent[uid].stem for uid, path in kept.items() if not says_the_same(path, sent[uid])] == []
    assert sum(dataset_of(path) == as_sent(sent[uid]) for uid, path in kept.items()) > 20

    assert listen(port=ours).port == ours
    for path in kept.values():
        orthanc.ask("/modalities/STELLWERK/store", {"Resources": [path.stem], "Synchronous": True})
    came = {reception.sop_instance_uid: reception.dataset_file for reception in inbox.received}
    assert set(came) == set(kept)
    assert [sent[uid].stem for uid, path in kept.items() if not says_the_same(came[uid], path)] == []
    assert sum(dataset_of(came[uid]) == dataset_of(path) for uid, path in kept.items()) > 20


@pytest.mark.skipif(shutil.which("dcmqrscp") is None, reason="DCMTK is not installed")
def test_dcmqrscp_keeps_every_object_that_we_send_byte_for_byte(outbox: Outbox, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "archive"
    folder.mkdir()
    (tmp_path / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 131072\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nARCHIVE {folder} RW (500, 1024mb) ANY\nAETable END\n"
    )
    words = ["dcmqrscp", "-c", str(tmp_path / "dcmqrscp.cfg"), "+B", "+xs"]
    files = one_of_each()
    files = [path for path in files if part10.read_meta(path).transfer_syntax_uid in (IMPLICIT_LITTLE, EXPLICIT_LITTLE)]
    with running(words, Peer("ARCHIVE", "127.0.0.1", port)) as peer:
        send(peer, files, outbox.report)
    refused = {path.stem for path, outcome in outbox.reports if outcome != Done()}
    assert refused <= CANNOT_READ
    kept = {digest(dataset_of(path)) for path in folder.iterdir() if path.name != "index.dat"}
    assert kept == {digest(as_sent(path)) for path in files if path.stem not in refused}
    assert len(kept) >= 10
