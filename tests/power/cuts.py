"""What a power cut would have left on a recorded disk: all that was flushed, and any part of what was not.

A disk keeps what it has said to have flushed. Of the writes after that, each may be there or not, in any order, and one
may be there in part: whole sectors of it. It must not know what file system is on the disk.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.power.recorder import FLUSH, MARK, WRITE, records


@dataclass(frozen=True)
class Cut:
    """One cut: the disk as it is found, and what had happened by then."""

    number: int
    disk: bytearray
    marks: tuple[str, ...]
    unflushed: int
    kept: int


def cuts(
    before: Path, log: Path, many: int, seed: int, *, sector: int, begin: str, end: str, honest: bool = True
) -> Iterator[Cut]:
    """So many cuts at random moments between two marks, in order. `before`: the disk when the log began.

    honest: otherwise the disk says that it has flushed, and keeps the last thousand writes in its memory.
    """
    chance = random.Random(seed)
    every = list(records(log))
    marked = {data.decode(): number for number, (kind, _, data) in enumerate(every) if kind == MARK}
    moments = sorted(chance.sample(range(marked[begin] + 1, marked[end]), many))
    durable = bytearray(before.read_bytes())
    pending: list[tuple[int, bytes]] = []
    marks: list[str] = []
    position = 0
    for moment in moments:
        for kind, offset, data in every[position:moment]:
            if kind == WRITE:
                pending.append((offset, data))
            elif kind == MARK:
                marks.append(data.decode())
            elif kind == FLUSH:
                flushed = len(pending) if honest else max(0, len(pending) - 1000)
                for at, written in pending[:flushed]:
                    durable[at : at + len(written)] = written
                del pending[:flushed]
        position = moment
        disk = bytearray(durable)
        kept = 0
        for at, part in survivors(pending, chance, sector) if honest else ():
            disk[at : at + len(part)] = part
            kept += 1
        yield Cut(moment, disk, tuple(marks), len(pending), kept)


def survivors(pending: Sequence[tuple[int, bytes]], chance: random.Random, sector: int) -> Iterator[tuple[int, bytes]]:
    """Which unflushed writes, and which sectors of them, have reached the disk: offset on it, and bytes."""
    share = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    for offset, data in pending:
        if chance.random() >= share:
            continue
        if chance.random() < 0.25:
            for start in range(0, len(data), sector):
                if chance.random() < 0.5:
                    yield offset + start, data[start : start + sector]
        else:
            yield offset, data
