"""What memory does one object of 2 GB take? We, and DCMTK's storescp as shipped and tuned, one after the other."""

import os
import shutil
import tempfile
from pathlib import Path

from tests.benchmarks import _load, _page, _receivers
from tests.benchmarks.__main__ import say

SIZE = 2_000_000_000
WHO = ("ours", "storescp", "storescp+B")


def main() -> None:
    """Print MB a second, and the most memory that the receiver has had, before and while it came."""
    where = Path(os.environ.get("WHERE", "/var/tmp"))
    root = Path(tempfile.mkdtemp(prefix="stellwerk-large-", dir=where))
    whole, rows = _load.large(SIZE), []
    try:
        for name in filter(_receivers.there, WHO):
            with _receivers.receiver(name, root / name, 1) as (port, process):
                before = _peak(process)
                taken = _load.send(whole, port, 1, 1)
                after = _peak(process)
            rows.append([name, f"{SIZE / 1e6 / taken.seconds:.0f}", f"{before:.0f}", f"{after:.0f}"])
            say(f"{name}: {after:.0f} MB")
    finally:
        shutil.rmtree(root, ignore_errors=True)
    heads = ["Receiver", "MB/s", "MB of memory when started", "most, while 2 GB came"]
    _page.table("large", heads, rows, f"{_page.file_system(where)}; once")


def _peak(process: int) -> float:
    """The most resident memory that it has had, in MB."""
    return int(Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
