"""How fast do we send? Against DCMTK's dcmsend and storescu, the same files to the same storescp, in turn.

One association each, Nagle's algorithm off for all three, files and what arrives in memory: what is compared is
sending, and no disk. Who goes first changes from round to round.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, generate_uid

from engine.dicom import Done, Outcome, Peer, send
from tests.benchmarks import _page
from tests.benchmarks.__main__ import say

ROUNDS = int(os.environ.get("ROUNDS", "5"))
LOADS = {"CT of 0.5 MB": (400, 512), "JPEG of 20 KB": (2000, 0)}
"""How many files, and how wide their native image is; none for a JPEG."""

Seconds = tuple[float, float]
"""By the clock, and of this machine's processor for the sender alone."""

Sender = Callable[[int, Path], None]


def main() -> None:
    """Print objects a second (median of the rounds, and their range), and ours against theirs in the same round."""
    if not all(map(shutil.which, ("storescp", "storescu", "dcmsend"))):
        say("DCMTK is not installed")
        return
    before, rows = _page.stolen(), []
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as root:
        for load, (count, width) in LOADS.items():
            folder = Path(root) / str(width)
            _write(folder, count, width)
            rows += _compare(load, folder, count, Path(root) / "theirs")
    heads = ["Objects", "sender", "objects/s", "processor, ms each", "we are × as fast"]
    note = f"files in memory; medians of {ROUNDS} rounds in turn, {_page.share_since(before)}"
    _page.table("sending", heads, rows, note)


def _compare(load: str, folder: Path, count: int, received: Path) -> list[list[str]]:
    senders: dict[str, Sender] = {"ours": _ours, "dcmsend": _dcmsend, "storescu": _storescu}
    taken: dict[str, list[Seconds]] = {name: [] for name in senders}
    for turn in range(ROUNDS + 1):
        names = list(senders)
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            with _storescp(received) as port:
                seconds = _timed(senders[name], port, folder)
            arrived = sum(1 for path in received.iterdir() if path.is_file())
            if arrived != count:
                say(f"{load}: {name} delivered {arrived} of {count}: no figure")
                shutil.rmtree(received)
                return []
            shutil.rmtree(received)
            if turn:  # the first round warms up
                taken[name].append(seconds)
    rows = []
    for name, rounds in taken.items():
        rates = sorted(count / wall for wall, _ in rounds)
        cpu = statistics.median(busy for _, busy in rounds) / count * 1e3
        ratio = statistics.median(wall / ours for (wall, _), (ours, _) in zip(rounds, taken["ours"], strict=True))
        say(
            f"{load}, {name:8} {statistics.median(rates):7.0f} objects/s ({rates[0]:.0f} to {rates[-1]:.0f}),"
            f" {cpu:5.2f} ms of processor each; we are {ratio:.2f} times as fast"
        )
        rows.append([load, name, f"{statistics.median(rates):.0f}", f"{cpu:.2f}", f"{ratio:.2f}"])
    return rows


def _timed(sender: Sender, port: int, folder: Path) -> Seconds:
    """A process for each, to know what it uses. Ours is forked when it has been loaded, as it runs on; theirs start."""
    began, child = time.perf_counter(), os.fork()
    if child == 0:
        try:
            sender(port, folder)
            os._exit(0)
        finally:
            os._exit(1)
    _, status, used = os.wait4(child, 0)
    wall = time.perf_counter() - began
    if status:
        sys.exit("a sender has failed")
    return wall, used.ru_utime + used.ru_stime


def _ours(port: int, folder: Path) -> None:
    outcomes: list[Outcome] = []
    send(Peer("STORESCP", "127.0.0.1", port), sorted(folder.iterdir()), lambda _, outcome: outcomes.append(outcome))
    if any(outcome != Done() for outcome in outcomes):
        raise RuntimeError(str(outcomes[0]))


def _dcmsend(port: int, folder: Path) -> None:
    _run("dcmsend", "-nuc", "-dn", "+sd", "127.0.0.1", str(port), str(folder))


def _storescu(port: int, folder: Path) -> None:
    syntax = "-xy" if folder.name == "0" else "-xe"
    _run("storescu", syntax, "-R", "+sd", "127.0.0.1", str(port), str(folder))


def _run(*words: str) -> None:
    # Nagle's algorithm off, as it is with us: otherwise they wait for acknowledgements most of the time.
    environment = {**os.environ, "TCP_NODELAY": "1"}
    os.execvpe(words[0], words, environment)  # in the process that is timed


@contextmanager
def _storescp(folder: Path) -> Iterator[int]:
    folder.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    words = ["storescp", "+B", "+xa", "-pdu", "131072", "-aet", "STORESCP", "-od", str(folder), str(port)]
    environment = {**os.environ, "TCP_NODELAY": "1"}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    try:
        for _ in range(200):
            time.sleep(0.02)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _write(folder: Path, count: int, width: int) -> None:
    folder.mkdir()
    for number in range(count):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2" if width else "1.2.840.10008.5.1.4.1.1.6.1"
        dataset.SOPInstanceUID = generate_uid()
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3", "1.2.3.4"
        dataset.PatientName, dataset.PatientID, dataset.Modality = "Bench^Mark", "1", "CT" if width else "US"
        dataset.Rows = dataset.Columns = width or 256
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        bits = 16 if width else 8
        dataset.BitsAllocated = dataset.BitsStored = bits
        dataset.HighBit, dataset.PixelRepresentation = bits - 1, 0
        if width:
            dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
            dataset.add_new("PixelData", "OW", os.urandom(width * width * 2))
        else:
            dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
            # Nobody on the way decodes it.
            dataset.add_new("PixelData", "OB", encapsulate([b"\xff\xd8" + os.urandom(20_000) + b"\xff\xd9"]))
            dataset["PixelData"].is_undefined_length = True
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)
