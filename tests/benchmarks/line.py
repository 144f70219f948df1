"""How fast is the whole line, from the sender to the PACS? The appliance against Orthanc that forwards by Lua.

Both receive, keep, and pass on to the same DCMTK storescp, whose folder is in memory. A round is from the first byte
that is sent until the last object is whole at the PACS; each is as its makers ship it. They take turns.

ROUNDS=5, LOADS=CT,JPEG, AT=1,4, MANY=160 objects in a round, WHERE=/var/tmp is the disk.
"""

import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from appliance.demonstration.pacs import answers, free_port
from appliance.torture.victim import Victim
from tests.benchmarks import _load, _orthanc, _page
from tests.benchmarks.__main__ import say

RULES = """version 1
destination PACS_A = dicom "PACS_A@127.0.0.1:{pacs}"
on port {port} → store by Institution/PatientName → forward PACS_A
"""

WARM = 8
PATIENCE = 300


def main() -> None:
    """Print objects a second, and ours to Orthanc's in the same round."""
    if not (shutil.which("storescp") and _orthanc.there()):
        say("DCMTK or Orthanc is not installed")
        return
    rounds, many = int(os.environ.get("ROUNDS", "5")), int(os.environ.get("MANY", "160"))
    at = [int(number) for number in os.environ.get("AT", "1,4").split(",")]
    where = Path(os.environ.get("WHERE", "/var/tmp"))
    before, rows = _page.stolen(), []
    for load in filter(None, os.environ.get("LOADS", "CT,JPEG").split(",")):
        kind = _load.kinds()[load]
        done: dict[tuple[int, str], list[float]] = {}
        for _ in range(rounds):
            for associations in at:
                for name in ("we", "Orthanc"):
                    done.setdefault((associations, name), []).append(_round(name, kind, associations, many, where))
        for associations in at:
            ours, theirs = done[associations, "we"], done[associations, "Orthanc"]
            ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
            cells = [f"{statistics.median(them):.1f} ({min(them):.1f} to {max(them):.1f})" for them in (ours, theirs)]
            rows.append([kind.name, str(associations), *cells, f"{statistics.median(ratios):.2f}"])
    heads = ["Objects", "associations", "we, objects/s", "Orthanc, objects/s", "we are × as fast"]
    note = f"{_page.file_system(where)}; {many} objects, medians of {rounds} rounds in turn"
    _page.table("line", heads, rows, f"{note}, {_page.share_since(before)}")


def _round(name: str, kind: _load.Kind, associations: int, many: int, where: Path) -> float:
    """Objects a second, from the first byte to the last object at the PACS."""
    root = Path(tempfile.mkdtemp(prefix="stellwerk-line-", dir=where))
    try:
        with _pacs() as (pacs, arrived), (_we if name == "we" else _they)(root, pacs) as port:
            _load.send(kind, port, 1, WARM)
            _await(arrived, WARM, len(kind.dataset))
            taken = _load.send(kind, port, associations, many)
            end = _await(arrived, WARM + len(taken.each), len(kind.dataset))
            return len(taken.each) / (end - taken.began)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _await(folder: Path, many: int, size: int) -> float:
    """When so many objects were whole. They are written as they come, so a name alone says nothing."""
    end = time.monotonic() + PATIENCE
    while True:
        there = [entry for entry in os.scandir(folder) if entry.is_file()]
        now = time.monotonic()
        if len(there) >= many and all(entry.stat().st_size >= size for entry in there):
            return now
        if now > end:
            raise RuntimeError(f"{len(there)} of {many} objects have arrived after {PATIENCE} s")
        time.sleep(0.01)


@contextlib.contextmanager
def _pacs() -> Iterator[tuple[int, Path]]:
    """The PACS: DCMTK, which writes what comes as it comes."""
    folder = Path(tempfile.mkdtemp(prefix="stellwerk-pacs-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    port = free_port()
    words = ["storescp", "+B", "+xa", "--max-pdu", "131072", "--fork", "-aet", "PACS_A", "-od", str(folder), str(port)]
    try:
        with _running(words, port):
            yield port, folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _we(root: Path, pacs: int) -> Iterator[int]:
    """`stellwerk run`, with the rules above."""
    port = free_port()
    (root / "data" / "rules").mkdir(parents=True)
    (root / "data" / "rules" / "line.rules").write_text(RULES.format(port=port, pacs=pacs))
    victim = Victim(root / "data", port, root / "log")
    victim.start()
    try:
        yield port
    finally:
        victim.stop()


@contextlib.contextmanager
def _they(root: Path, pacs: int) -> Iterator[int]:
    """Orthanc, with a line of Lua that forwards each instance."""
    port = free_port()
    with _running(_orthanc.command(root, port, pacs=pacs), port):
        yield port


@contextlib.contextmanager
def _running(words: list[str], port: int) -> Iterator[None]:
    environment = {**os.environ, "TCP_NODELAY": "1"}  # DCMTK, which is in both of them, leaves Nagle's algorithm on
    process = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        end = time.monotonic() + 30
        while not answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{words[0]} does not start")
            time.sleep(0.05)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
