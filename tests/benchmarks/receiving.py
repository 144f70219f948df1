"""How fast is receiving, durably, against DCMTK, Orthanc, pynetdicom and a mere sink? LOADS=CT,JPEG, AT=1,4,8,32.

All in turn, ROUNDS=5 rounds, and of each the median: what else the machine does then hits everybody alike. Read the
ratios, not the figures, and nothing into a ratio between 0.8 and 1.25. What each has flushed when it answers is said
first. WHERE=/var/tmp is the disk to write to (the default), WHO=ours,storescp leaves others out.
"""

import itertools
import os
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks import _load, _page, _receivers
from tests.benchmarks.__main__ import say

Round = dict[tuple[int, str], float]
"""Objects a second in one round, by the number of associations and by who received."""

HEAVY = 10 << 20
"""Bytes from which on some hold several copies of an object in memory, so that they get no more than EIGHT at once."""

EIGHT = 8
TRIES = 3
_FOLDERS = itertools.count()


def main() -> None:
    """Print objects and MB a second, how long one took, what processor time it cost, and the ratios."""
    rounds = int(os.environ.get("ROUNDS", "5"))
    loads = os.environ.get("LOADS", "CT,JPEG,MR,cine").split(",")
    at = [int(number) for number in os.environ.get("AT", "1,4,8,32").split(",")]
    who = [one for one in os.environ.get("WHO", ",".join(_receivers.ALL)).split(",") if _receivers.there(one)]
    root = Path(tempfile.mkdtemp(prefix="stellwerk-receiving-", dir=os.environ.get("WHERE", "/var/tmp")))
    for name in who:
        say(f"{name:11} has flushed when it answers: {_receivers.FLUSHES[name]}")
    before, rows, widths = _page.stolen(), [], []
    try:
        for load in filter(None, loads):
            kind = _load.kinds()[load]
            done = _compare(kind, at, rounds, who, root)
            rows += [_row(kind, number, done, who) for number in at]
            widths += [_width(kind, done, who)] if {4, 32} <= set(at) else []
    finally:
        shutil.rmtree(root, ignore_errors=True)
    others = [name for name in who if name != "ours"]
    where = f"{_page.file_system(root.parent)}; medians of {rounds} rounds in turn, {_page.share_since(before)}"
    _page.table("receiving", ["Objects", "associations", "we, objects/s", *(f"× {one}" for one in others)], rows, where)
    if widths:
        _page.table("width", ["Objects, 32 associations to 4", *who], widths, where)


def _compare(kind: _load.Kind, at: Sequence[int], rounds: int, who: list[str], root: Path) -> list[Round]:
    """Every receiver with every number of associations, in turn, so often."""
    done: list[Round] = []
    waits: dict[tuple[int, str], list[float]] = defaultdict(list)
    costs: dict[tuple[int, str], list[float]] = defaultdict(list)
    before = _page.stolen()
    for _ in range(rounds):
        round_: Round = {}
        for associations in at:
            for name in who:
                if len(kind.dataset) > HEAVY and associations > EIGHT and name in _receivers.SLOW:
                    continue
                taken, cost = _again(kind, associations, name, root)
                round_[associations, name] = len(taken.each) / taken.seconds
                waits[associations, name] += taken.each
                costs[associations, name].append(cost)
        done.append(round_)
    for associations in at:
        say(f"{kind.name} ({len(kind.dataset) / 1e6:.2f} MB) × {associations}, {rounds} rounds")
        for name in who:
            if all((associations, name) in one for one in done):
                each = waits[associations, name], costs[associations, name]
                rates = [one[associations, name] for one in done]
                say(f"  {name:11}{_line(kind, rates, *each, _ratio(done, associations, name))}")
    say(_page.share_since(before))
    return done


def _again(kind: _load.Kind, associations: int, name: str, root: Path) -> tuple[_load.Taken, float]:
    """As `_one`; another receiver that refuses an object gets a second and a third try, and it is said. We get none."""
    for _ in range(TRIES - 1):
        try:
            return _one(kind, associations, name, root)
        except RuntimeError as error:
            if name == "ours":
                raise
            say(f"  once more: {error}")
    return _one(kind, associations, name, root)


def _one(kind: _load.Kind, associations: int, name: str, root: Path) -> tuple[_load.Taken, float]:
    """One receiver, one round, and the seconds of processor that an object cost it."""
    least = associations * (1 if len(kind.dataset) > HEAVY else 4)
    many = max(least, kind.many // 4 if name in _receivers.SLOW else kind.many)
    raw = name == "sink"
    with _receivers.receiver(name, root / f"in-{next(_FOLDERS)}", associations) as (port, process):
        warm = min(associations, EIGHT)
        _load.send(kind, port, warm, warm, raw)
        before = _processor_seconds(process)
        try:
            taken = _load.send(kind, port, associations, many, raw)
        except RuntimeError as error:
            raise RuntimeError(f"{name}, {kind.name} × {associations}: {error}") from None
        return taken, (_processor_seconds(process) - before) / len(taken.each)


def _line(kind: _load.Kind, rates: list[float], waits: list[float], costs: list[float], ratio: str) -> str:
    rate = statistics.median(rates)
    spread = f"{min(rates):.0f}-{max(rates):.0f}"
    slow = statistics.quantiles(waits, n=100) if len(waits) > 1 else waits * 99
    return (
        f"  {rate:7.1f}/s ({spread:>11}) {rate * len(kind.dataset) / 1e6:7.1f} MB/s  "
        f"p50 {slow[49] * 1000:6.1f}  p95 {slow[94] * 1000:6.1f}  p99 {slow[98] * 1000:6.1f} ms  "
        f"cpu {statistics.median(costs) * 1000:6.2f} ms  we are {ratio} times as fast"
    )


def _ratio(done: list[Round], associations: int, name: str) -> str:
    """Ours to theirs: the median of what it was in each round."""
    if not all((associations, one) in rates for rates in done for one in ("ours", name)):
        return "–"
    return f"{statistics.median(one[associations, 'ours'] / one[associations, name] for one in done):.2f}"


def _row(kind: _load.Kind, associations: int, done: list[Round], who: list[str]) -> list[str]:
    ours = statistics.median(one.get((associations, "ours"), 0.0) for one in done)
    ratios = [_ratio(done, associations, name) for name in who if name != "ours"]
    size = len(kind.dataset)
    named = f"{kind.name}, {size / 1e6:.1f} MB" if size > 1e5 else f"{kind.name}, {size / 1e3:.0f} KB"
    return [named, str(associations), f"{ours:.0f}" if ours > 50 else f"{ours:.1f}", *ratios]


def _width(kind: _load.Kind, done: list[Round], who: list[str]) -> list[str]:
    """For each receiver: 32 associations to 4, in the same round."""
    cells = []
    for name in who:
        both = all((number, name) in one for one in done for number in (4, 32))
        cells.append(f"{statistics.median(one[32, name] / one[4, name] for one in done):.2f}" if both else "–")
    return [kind.name, *cells]


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
