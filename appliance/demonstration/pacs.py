"""A PACS for the demonstration: DCMTK's storescp where it is installed, else a listener of our own."""

import contextlib
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

from engine.dicom import Listener, Reception


def free_port() -> int:
    """A port that nobody listens on at the moment, and that no kernel gives to whoever calls somebody.

    Those are 32768 and more (Linux, ip_local_port_range): whoever stops and starts again may find one of them taken.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20000, 32000)))
            return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Pacs:
    """Keeps every object it is sent as a file below `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: Listener | None = None
        storescp = shutil.which("storescp")
        self.name = "DCMTK's storescp" if storescp else "a listener of our own (DCMTK is not installed)"
        if storescp:
            # +xa: any transfer syntax; +B: the data set's bytes as they come; -pdu: the largest PDU it can take.
            words = [storescp, "+xa", "+B", "-pdu", "131072", "-aet", "PACS_A", "-od", str(folder), str(self.port)]
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while not answers(self.port) and self._process.poll() is None:
                time.sleep(0.05)
        else:
            self._listener = Listener(self.port, self._keep, folder=folder, ae_title="PACS_A", address="127.0.0.1")
            self._listener.start()

    def _keep(self, reception: Reception) -> None:
        reception.dataset_file.rename(self.folder / f"{reception.sop_instance_uid}.dcm")

    def close(self) -> None:
        """Stop."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
        if self._listener is not None:
            self._listener.stop(1)
