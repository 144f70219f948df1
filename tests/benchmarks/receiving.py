"""How fast is receiving, durably, against DCMTK, pynetdicom and a mere sink? ROUNDS=5, LOADS=CT,JPEG, AT=1,4,8,32.

All in turn, several rounds, and of each the median: what else the machine does then hits everybody alike. Read the
ratios, not the figures, and nothing into a ratio between 0.8 and 1.25. Ours and the sink answer when an object would
survive a power cut; the others answer when it is written, or not even that.

WHERE=/var/tmp is the disk to write to (the default), TWO_GB=1 receives an object of 2 GB and says what memory it took.
"""

import os
import shutil
import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from tests.benchmarks import _load, _receivers
from tests.benchmarks.__main__ import say


def main() -> None:
    """Print objects and MB a second, how long one took, what processor time it cost, and the ratios."""
    rounds = int(os.environ.get("ROUNDS", "3"))
    loads = os.environ.get("LOADS", "CT,JPEG,MR,cine").split(",")
    at = [int(number) for number in os.environ.get("AT", "1,4,8,32").split(",")]
    who = [one for one in os.environ.get("WHO", ",".join(_receivers.ALL)).split(",") if _receivers.there(one)]
    root = Path(tempfile.mkdtemp(prefix="stellwerk-receiving-", dir=os.environ.get("WHERE", "/var/tmp")))
    say(f"on {_file_system(root)}; durable: {', '.join(one for one in who if one in _receivers.DURABLE)}")
    try:
        for load in filter(None, loads):
            for associations in at:
                _compare(_load.kinds()[load], associations, rounds, who, root)
        if os.environ.get("TWO_GB"):
            _large(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _compare(kind: _load.Kind, associations: int, rounds: int, who: list[str], root: Path) -> None:
    rates: dict[str, list[float]] = defaultdict(list)
    waits: dict[str, list[float]] = defaultdict(list)
    costs: dict[str, list[float]] = defaultdict(list)
    many = max(kind.many, associations * 2)
    stolen, total = _stolen()
    for _ in range(rounds):
        for name in who:
            # The slowest gets less, so that a round ends; a rate is a rate.
            some = max(associations, many // 4) if name == "pynetdicom" else many
            with _receivers.receiver(name, root / "in", associations) as (port, process):
                raw = name == "sink"
                _load.send(kind, port, associations, associations, raw)  # a warm-up
                before = _processor_seconds(process)
                taken = _load.send(kind, port, associations, some, raw)
                costs[name].append((_processor_seconds(process) - before) / len(taken.each))
            rates[name].append(len(taken.each) / taken.seconds)
            waits[name] += taken.each
    after_stolen, after_total = _stolen()
    stolen_share = (after_stolen - stolen) / max(1, after_total - total)
    say(f"{kind.name} ({len(kind.dataset) / 1e6:.2f} MB) x {associations}, {rounds} rounds, steal {stolen_share:.0%}")
    mine = statistics.median(rates.get("ours", [0.0]))
    for name in who:
        rate = statistics.median(rates[name])
        spread = f"{min(rates[name]):.0f}-{max(rates[name]):.0f}"
        slow = statistics.quantiles(waits[name], n=100) if len(waits[name]) > 1 else waits[name] * 99
        say(
            f"  {name:11} {rate:7.1f}/s ({spread:>11}) {rate * len(kind.dataset) / 1e6:7.1f} MB/s  "
            f"p50 {slow[49] * 1000:6.1f}  p95 {slow[94] * 1000:6.1f}  p99 {slow[98] * 1000:6.1f} ms  "
            f"cpu {statistics.median(costs[name]) * 1000:6.2f} ms  ours is {mine / rate:5.2f} x"
        )


def _large(root: Path) -> None:
    """Two gigabytes in one object."""
    whole = _load.large(2_000_000_000)
    with _receivers.receiver("ours", root / "in", 1) as (port, process):
        taken = _load.send(whole, port, 1, 1)
        peak = Path(f"/proc/{process}/status").read_text().partition("VmHWM:")[2].split()[0]
    say(f"2 GB in one object: {2000 / taken.seconds:.0f} MB/s, at most {int(peak) // 1024} MB of memory")


def _processor_seconds(process: int) -> float:
    """What a process and those it has started have used, also those that have ended."""
    total = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == process:  # its process group: each receiver leads one
            own = int(fields[11]) + int(fields[12])
            ended = int(fields[13]) + int(fields[14]) if stat.parent.name == str(process) else 0
            total += (own + ended) / os.sysconf("SC_CLK_TCK")
    return total


def _stolen() -> tuple[int, int]:
    """Ticks that the machine was not given although it wanted them, and all ticks."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return ticks[7], sum(ticks)


def _file_system(path: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    home = max((one for one in mounts if str(path).startswith(one[1])), key=lambda one: len(one[1]))
    return f"{home[2]} ({home[1]})"
