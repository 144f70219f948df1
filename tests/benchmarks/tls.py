"""What does TLS cost? MB/s with and without it, our two sides and DCMTK's in turn, and a handshake.

Both sides run on this machine, so each figure is of two programs on its cores. What is received is thrown away.
"""

import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.demonstration.pacs import free_port
from engine.dicom import Done, Listener, Outcome, Peer, Reception, echo, send
from engine.errors import Later
from engine.tls import Identity, Trust, client_context, server_context
from tests.benchmarks.__main__ import say
from tests.certificates import pin, self_signed
from tests.dicom.conftest import write_object

SIZE = 512 << 10
OBJECTS = int(os.environ.get("OBJECTS", "400"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SHAKES = 100


def main() -> None:
    """Print the median of each way, and of a handshake."""
    if not shutil.which("storescu") or not shutil.which("storescp"):
        say("DCMTK is not installed.")
        return
    with tempfile.TemporaryDirectory(prefix="stellwerk-tls-") as name:
        folder = Path(name)
        me = self_signed(folder)
        file = write_object(folder / "one.dcm", _dataset())
        files = [file] * OBJECTS
        ways: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for tls in (False, True):
                said = "TLS" if tls else "plain"
                with _storescp(me, folder, tls) as peer:
                    ways.setdefault(f"storescu → storescp, {said}", []).append(_storescu(peer.port, files, tls))
                    ways.setdefault(f"we → storescp, {said}", []).append(_we(peer, files, me, tls))
                with _listener(me, folder, tls) as listener:
                    ways.setdefault(f"storescu → us, {said}", []).append(_storescu(listener.port, files, tls))
                    peer = Peer("STELLWERK", "127.0.0.1", listener.port)
                    ways.setdefault(f"we → us, {said}", []).append(_we(peer, files, me, tls))
        for way, seconds in sorted(ways.items()):
            rates = [SIZE * OBJECTS / 1e6 / one for one in seconds]
            say(f"{way:28} {statistics.median(rates):6.0f} MB/s  ({min(rates):.0f} to {max(rates):.0f})")
        for tls in (False, True):
            with _listener(me, folder, tls) as listener:
                peer = _peer(Peer("STELLWERK", "127.0.0.1", listener.port), me, tls)
                took = [_seconds(lambda: echo(peer)) for _ in range(SHAKES)]  # noqa: B023  # called at once
                said = "with a handshake" if tls else "without"
                say(f"association and C-ECHO, {said}: {statistics.median(took) * 1000:.1f} ms")


def _dataset() -> bytes:
    """A small head that DCMTK reads, and pixels."""
    uid, instance = b"1.2.840.10008.5.1.4.1.1.2\0", b"1.2.3\0"
    head = b"\x08\x00\x16\x00UI" + len(uid).to_bytes(2, "little") + uid
    head += b"\x08\x00\x18\x00UI" + len(instance).to_bytes(2, "little") + instance
    return head + b"\xe0\x7f\x10\x00OW\0\0" + SIZE.to_bytes(4, "little") + os.urandom(SIZE)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _peer(peer: Peer, me: Identity, tls: bool) -> Peer:
    trust = Trust("BENCH", pins=frozenset({pin(me)}))
    return Peer(peer.called_ae, peer.host, peer.port, tls=lambda: client_context(trust)) if tls else peer


def _we(peer: Peer, files: list[Path], me: Identity, tls: bool) -> float:
    outcomes: list[Outcome] = []
    took = _seconds(lambda: send(_peer(peer, me, tls), files, lambda _, outcome: outcomes.append(outcome)))
    assert all(isinstance(outcome, Done) for outcome in outcomes), outcomes[:1]
    return took


def _storescu(port: int, files: list[Path], tls: bool) -> float:
    options = ["+tla", "-ic"] if tls else []
    command = ["storescu", *options, "--max-pdu", "131072", "127.0.0.1", str(port), *map(str, files)]
    return _seconds(lambda: subprocess.run(command, check=True, capture_output=True, timeout=600))


@contextlib.contextmanager
def _storescp(me: Identity, folder: Path, tls: bool) -> Iterator[Peer]:
    port = free_port()
    text = me.chain.read_text()
    at = text.index("-----BEGIN PRIVATE KEY")
    (folder / "key").write_text(text[at:])
    (folder / "certificate").write_text(text[:at])
    options = ["+tls", str(folder / "key"), str(folder / "certificate"), "-ic"] if tls else []
    command = ["storescp", *options, "--ignore", "--max-pdu", "131072", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = Peer("STORESCP", "127.0.0.1", port)
    try:
        for _ in range(100):
            try:
                echo(_peer(peer, me, tls))
                break
            except Later:
                time.sleep(0.05)
        yield peer
    finally:
        process.terminate()
        process.wait(5)


@contextlib.contextmanager
def _listener(me: Identity, folder: Path, tls: bool) -> Iterator[Listener]:
    context = server_context(me)
    listener = Listener(0, _throw_away, folder=folder, address="127.0.0.1", tls=(lambda: context) if tls else None)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop(grace=0)


def _throw_away(reception: Reception) -> None:
    reception.dataset_file.unlink()
