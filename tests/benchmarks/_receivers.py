"""Who receives in the measurements: we, and those that we are compared with, each in a process of its own.

    python -m tests.benchmarks._receivers ours|sink FOLDER PORT

`ours` is the listener with the spool behind it, without the router: an object is durable when it is answered. `sink`
knows no DICOM: it takes a length and so many bytes, writes them to a file, flushes that and its folder, and answers.
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

from engine.dicom import Listener, Reception
from engine.object import Origin
from engine.spool import Spool

ALL = ("ours", "sink", "storescp", "storescp+B", "pynetdicom")
DURABLE = ("ours", "sink")


def there(name: str) -> bool:
    """Whether it is installed here."""
    return not name.startswith("storescp") or shutil.which("storescp") is not None


@contextlib.contextmanager
def receiver(name: str, folder: Path, associations: int) -> Iterator[tuple[int, int]]:
    """Start one; its port and its process."""
    folder.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    match name:
        case "storescp" | "storescp+B":
            tuned = ["+B", "--max-pdu", "131072"] if name.endswith("+B") else []
            # Of itself it takes no compressed images, and serves one association after the other.
            fork = ["--fork"] if associations > 1 else []
            command = ["storescp", "+xa", *tuned, *fork, "-od", str(folder), str(port)]
        case "pynetdicom":
            command = [sys.executable, "-m", "pynetdicom", "storescp", "-od", str(folder), str(port)]
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
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def ours(folder: Path, port: int) -> None:
    """The listener and the spool as the appliance puts them together."""
    spool = Spool(folder / "spool")

    def accept(reception: Reception) -> None:
        sender = (reception.calling_ae, reception.called_ae, reception.address)
        origin = Origin("dicom", port, *sender, association=reception.association)
        spool.accept(reception.dataset_file, origin, "0" * 64, seal=reception.seal)

    Listener(port, accept, folder=spool.work, address="127.0.0.1").start()
    threading.Event().wait()


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
    {"ours": ours, "sink": sink}[which](Path(where), int(number))
