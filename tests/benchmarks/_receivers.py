"""Who receives in the measurements: we, and those that we are compared with, each in a process of its own.

    python -m tests.benchmarks._receivers ours|sink|pynetdicom FOLDER PORT

`ours` is the listener with the spool behind it, without the router: an object is durable when it is answered. `sink`
knows no DICOM: it takes a length and so many bytes, writes them to a file, flushes that and its folder, and answers.
`pynetdicom` is the program that comes with it, but for its limit of ten associations at once.
"""

import contextlib
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pynetdicom import AE
from pynetdicom.apps.storescp import storescp

from engine.dicom import Listener, Reception
from engine.object import Origin
from engine.spool import Spool
from tests.benchmarks import _orthanc

FLUSHES = {
    "ours": "the object, and the folder with its name; its note once an association",
    "sink": "each file, and the folder after it",
    "storescp": "nothing",
    "storescp+B": "nothing; writes what comes as it comes (`+B`), PDUs of 128 KB",
    "orthanc": "each file (`SyncStorageArea`, its default); not its folder, and its index only now and then",
    "pynetdicom": "nothing",
}
"""Who there is, and what it has had flushed to the disk when it answers "success"."""

ALL = tuple(FLUSHES)
DURABLE = ("ours", "sink", "orthanc")

SLOW = ("orthanc", "pynetdicom")
"""They get fewer objects in a round, so that it ends: a rate is a rate."""

MOST = 100
"""Associations at once, where a receiver has a limit of its own."""


def there(name: str) -> bool:
    """Whether it is installed here."""
    if name == "orthanc":
        return _orthanc.there()
    return not name.startswith("storescp") or shutil.which("storescp") is not None


@contextlib.contextmanager
def receiver(name: str, folder: Path, associations: int) -> Iterator[tuple[int, int]]:
    """Start one; its port and its process. The folder is new; afterwards its files are empty, and still there.

    For ext4 without a journal looks at each file that was deleted in the last minutes before it makes a new one: it
    would be the next receiver that pays for the files of this one.
    """
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    match name:
        case "storescp" | "storescp+B":
            tuned = ["+B", "--max-pdu", "131072"] if name.endswith("+B") else []
            # Of itself it takes no compressed images, and serves one association after the other.
            fork = ["--fork"] if associations > 1 else []
            command = ["storescp", "+xa", *tuned, *fork, "-od", str(folder), str(port)]
        case "orthanc":
            command = _orthanc.command(folder, port, associations)
        case _:
            command = [sys.executable, "-m", "tests.benchmarks._receivers", name, str(folder), str(port)]
    # DCMTK leaves Nagle's algorithm on, unless it is told otherwise.
    environment = {**os.environ, "TCP_NODELAY": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        end = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > end or process.poll() is not None:
                    raise RuntimeError(f"{name} does not start") from None
                time.sleep(0.05)
        yield port, process.pid
    finally:
        with contextlib.suppress(ProcessLookupError):  # it has not started, or ended by itself
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        _empty(folder)


def _empty(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            os.truncate(path, 0)


def ours(folder: Path, port: int) -> None:
    """The listener and the spool as the appliance puts them together."""
    spool = Spool(folder / "spool")

    def accept(reception: Reception) -> None:
        sender = (reception.calling_ae, reception.called_ae, reception.address)
        origin = Origin("dicom", port, *sender, association=reception.association)
        spool.accept(reception.dataset_file, origin, "0" * 64, seal=reception.seal, handle=reception.handle)

    limits = {"max_associations": MOST, "max_associations_each": MOST}
    Listener(port, accept, folder=spool.work, address="127.0.0.1", **limits).start()
    threading.Event().wait()


def pynetdicom(folder: Path, port: int) -> None:
    """Its own storescp, which would reject the eleventh association."""

    class Roomy(AE):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self.maximum_associations = MOST

    storescp.AE = Roomy
    storescp.main(["-od", str(folder), str(port)])


def sink(folder: Path, port: int) -> None:
    """Bytes to files, durably."""
    numbers = itertools.count()

    def take(sock: socket.socket) -> None:
        room = memoryview(bytearray(1 << 20))
        head = memoryview(bytearray(8))
        while sock.recv_into(head, 8, socket.MSG_WAITALL) == 8:
            left = int.from_bytes(head, "big")
            handle = os.open(folder / f"{next(numbers)}", os.O_WRONLY | os.O_CREAT, 0o600)
            while left:
                got = sock.recv_into(room, min(left, len(room)), socket.MSG_WAITALL)
                if not got:
                    return
                os.write(handle, room[:got])
                left -= got
            os.fsync(handle)
            os.close(handle)
            home = os.open(folder, os.O_RDONLY)
            os.fsync(home)
            os.close(home)
            sock.send(b"\0")

    with socket.create_server(("127.0.0.1", port), backlog=64) as server:
        while True:
            sock, _ = server.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=take, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    which, where, number = sys.argv[1:]
    {"ours": ours, "sink": sink, "pynetdicom": pynetdicom}[which](Path(where), int(number))
