"""What does it cost that very many objects wait? Start and memory with none, 100,000 and, if MILLION=1, 1,000,000."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.demonstration.pacs import free_port
from appliance.torture.victim import Victim
from engine.entry import Entry
from engine.object import Origin
from engine.spool import Spool
from tests.benchmarks.__main__ import say
from tests.engine.spool.crash_kit import write_instance

LINKS = 50_000
"""Names that one file may have: ext4 allows 65,000."""


def main() -> None:
    """Print seconds until it listens, and the memory then and after a while in which it tries to send."""
    for many in (0, 100_000, *([1_000_000] if os.environ.get("MILLION") else [])):
        with _spool(many) as (data, port):
            victim = Victim(data, port, data / "log")
            began = time.monotonic()
            victim.start(600)
            ready = time.monotonic() - began
            first = _memory(victim.process_id)
            time.sleep(20)
            later = _memory(victim.process_id)
            began = time.monotonic()
            victim.stop()
            stop = time.monotonic() - began
            say(
                f"{many:9,} waiting: listens after {ready:5.2f} s with {first:4.0f} MB, {later:4.0f} MB after 20 s; "
                f"stops in {stop:4.1f} s"
            )


@contextlib.contextmanager
def _spool(many: int) -> Iterator[tuple[Path, int]]:
    """A data folder in which so many objects are owed to a destination that is away."""
    root = Path(tempfile.mkdtemp(prefix="stellwerk-waiting-"))
    try:
        port, away = free_port(), free_port()
        (root / "rules").mkdir()
        (root / "rules" / "waiting.rules").write_text(
            f'destination AWAY = dicom "AWAY@127.0.0.1:{away}" retry every 1 second for 1 day\n'
            f"on port {port} → forward AWAY\n"
        )
        home = Spool(root / "spool").outbox("AWAY")
        note = Entry("NUMBER", "OBJECT", "AWAY", "route 1", "1", "", Origin("dicom", port, "SONO1"), since=time.time())
        text = note.to_bytes()
        began = time.time_ns() - many
        payload = root / "payload"
        for number in range(many):
            if number % LINKS == 0:
                payload = root / f"payload{number}"
                write_instance(payload, f"1.2.{number + 1}")
            name = f"{began + number:016x}000-0123456789ab"
            (home.entries / f"{name}.json").write_bytes(text.replace(b"NUMBER", name.encode()))
            (home.ready / f"{name}.dcm").hardlink_to(payload)
        yield root, port
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _memory(process: int) -> float:
    """Resident memory in MB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
