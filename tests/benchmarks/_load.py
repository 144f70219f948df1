"""What the measurements of receiving send: objects of four kinds, ready to go, and a sender that is never the limit.

A sender writes a whole object with one call, and waits for its answer. It says nothing of what is received.
"""

import contextlib
import json
import multiprocessing
import socket
import struct
import threading
import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEGBaseline8Bit, MRImageStorage

from engine.dicom.associate import decode_acceptance
from engine.dicom.command import decode
from engine.dicom.pdu import MAX_PDU
from tests.dicom.pdus import RELEASE, established, p_data, pdv, request, store

PROCESSES = 2
UID = "1.2.826.0.1.3680043.9.1{:018}"  # of the same length for all, so that it can be put into what is ready
US_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"


@dataclass(frozen=True)
class Kind:
    """One kind of object, as its data set goes over the wire; `many` are sent in a round."""

    name: str
    sop_class: str
    syntax: str
    dataset: bytes
    many: int

    def pdus(self, longest: int) -> bytes:
        """The data set, in PDUs of this length."""
        room = longest - 6
        starts = range(0, len(self.dataset), room)
        return b"".join(
            p_data(pdv(2 if at + room >= len(self.dataset) else 0, self.dataset[at : at + room])) for at in starts
        )


def kinds() -> dict[str, Kind]:
    """What there is, by name."""
    ct = _dataset(CTImageStorage, 512, 512, 16)
    mr = _dataset(MRImageStorage, 256, 256, 16)
    jpeg = _dataset(US_MULTIFRAME, 480, 640, 8, encapsulate([b"\xff\xd8" + bytes(range(256)) * 84 + b"\xff\xd9"]))
    cine = _dataset(US_MULTIFRAME, 768, 1024, 8, bytes(768 * 1024 * 128))
    native, baseline = ExplicitVRLittleEndian, JPEGBaseline8Bit
    found = (
        Kind("CT", CTImageStorage, native, ct, 160),
        Kind("JPEG", US_MULTIFRAME, baseline, jpeg, 480),
        Kind("MR", MRImageStorage, native, mr, 320),
        Kind("cine", US_MULTIFRAME, native, cine, 8),
    )
    return {kind.name: kind for kind in found}


def large(length: int) -> Kind:
    """One object of so many bytes, sent in one go."""
    pixels = _dataset(US_MULTIFRAME, 1024, 1024, 8, bytes(length))
    return Kind("large", US_MULTIFRAME, ExplicitVRLittleEndian, pixels, 1)


def _dataset(sop_class: str, rows: int, columns: int, bits: int, pixels: bytes | None = None) -> bytes:
    """A data set of an image without anybody on it."""
    image = Dataset()
    image.SOPClassUID, image.SOPInstanceUID = sop_class, UID.format(0)
    image.StudyInstanceUID, image.SeriesInstanceUID = "1.2.4", "1.2.5"
    image.PatientID, image.PatientName, image.Modality = "4711", "PHANTOM", "OT"
    image.Rows, image.Columns, image.BitsAllocated, image.BitsStored, image.HighBit = (
        rows,
        columns,
        bits,
        bits,
        bits - 1,
    )
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PixelRepresentation = 1, "MONOCHROME2", 0
    image.add_new(0x7FE00010, "OW" if bits > 8 else "OB", pixels or bytes(rows * columns * bits // 8))
    image["PixelData"].is_undefined_length = bool(pixels) and pixels[:4] == b"\xfe\xff\x00\xe0"
    stream = DicomBytesIO()
    stream.is_implicit_VR, stream.is_little_endian = False, True
    write_dataset(stream, image)
    return bytes(stream.getvalue())


@dataclass(frozen=True)
class Taken:
    """How a round went: seconds in all, and for each object, and when it began (`time.monotonic`)."""

    seconds: float
    each: list[float]
    began: float = 0


def send(kind: Kind, port: int, associations: int, many: int, raw: bool = False) -> Taken:
    """Send so many objects over so many associations at once, from processes of their own.

    Raises RuntimeError if one of them was not taken.
    """
    workers = min(PROCESSES, associations)
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(workers + 1), context.Queue()
    share = [list(range(number, associations, workers)) for number in range(workers)]
    each = max(1, many // associations)
    started = [
        context.Process(target=_worker, args=(kind, port, mine, each, raw, barrier, results), daemon=True)
        for mine in share
    ]
    for process in started:
        process.start()
    barrier.wait(60)
    began = time.monotonic()
    found: list[float] = []
    end = began
    for _ in started:
        ended, latencies = json.loads(results.get(timeout=600))
        if latencies is None:
            raise RuntimeError("an association or an object was not accepted")
        end = max(end, ended)
        found += latencies
    for process in started:
        process.join(10)
    return Taken(end - began, found, began)


def _worker(
    kind: Kind,
    port: int,
    numbers: list[int],
    each: int,
    raw: bool,
    barrier: Barrier,
    results: "multiprocessing.Queue[str]",
) -> None:
    found: list[list[float]] = [[] for _ in numbers]
    first = UID.format(0).encode()
    ready: dict[int, bytes] = {}
    ended = [0.0] * len(numbers)  # when the last object of each association was answered
    failed: list[int] = []
    building, go = threading.Lock(), threading.Barrier(len(numbers) + 1)

    def body(longest: int) -> bytes:
        with building:
            if longest not in ready:
                raws = struct.pack(">Q", len(kind.dataset)) + kind.dataset
                ready[longest] = kind.pdus(longest) if longest else raws
            return ready[longest]

    def run(at: int) -> None:
        try:
            talk(at)
        except Exception:
            failed.append(at)
            go.abort()
            raise

    def talk(at: int) -> None:
        sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        longest = 0
        if not raw:
            asked = request(b"ANY-SCP", b"LOAD", kind.syntax.encode(), sop_class=kind.sop_class)
            # As long as the receiver takes them, up to what senders have: as they all do.
            longest = min(decode_acceptance(established(sock, asked)).max_pdu or MAX_PDU, MAX_PDU)
        whole = body(longest)
        where = whole.index(first) + len(first)  # within the first PDU
        start, rest = whole[:where], memoryview(whole)[where:]
        go.wait()
        answer = bytearray(4096)
        for number in range(each):
            head = start
            if not raw:
                uid = UID.format(time.time_ns() * 100 % 10**18 + numbers[at])
                head = p_data(pdv(3, store(number + 1, uid, kind.sop_class))) + head.replace(first, uid.encode())
            began = time.monotonic()
            _send(sock, head, rest)
            _answered(sock, answer, raw)
            ended[at] = time.monotonic()
            found[at].append(ended[at] - began)
        if not raw:
            sock.sendall(RELEASE)
            sock.recv(10)
        sock.close()

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(numbers))]
    for thread in threads:
        thread.start()
    barrier.wait(60)
    with contextlib.suppress(threading.BrokenBarrierError):
        go.wait()
    for thread in threads:
        thread.join()
    latencies = None if failed else [one for several in found for one in several]
    results.put(json.dumps((max(ended), latencies)))


def _send(sock: socket.socket, head: bytes, body: memoryview) -> None:
    sent = sock.sendmsg((head, body))
    if sent < len(head) + len(body):
        sock.sendall(body[sent - len(head) :])
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _answered(sock: socket.socket, answer: bytearray, raw: bool) -> None:
    """Wait for the answer; anything but success ends the measurement."""
    if raw:
        if sock.recv_into(answer, 1) != 1:
            raise RuntimeError("the sink has gone")
        return
    there = 0
    while there < 6 or there < 6 + int.from_bytes(answer[2:6], "big"):
        got = sock.recv_into(memoryview(answer)[there:])
        if not got:
            raise RuntimeError("the receiver has gone")
        there += got
    if status := decode(bytes(answer[12:there])).status:
        raise RuntimeError(f"the receiver refuses with status {status:04X}")
