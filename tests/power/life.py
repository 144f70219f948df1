"""A life of the real appliance on a recorded disk, and the judgement on each cut of it: what must be there is there."""

import os
import subprocess
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.rulebook import RuleBook
from appliance.torture.account import Tally, reckon
from appliance.torture.objects import Made
from appliance.torture.ordeal import Ordeal
from engine.program import Program
from tests.power.by_hand import ByHand
from tests.power.cuts import Cut, cuts
from tests.power.recorder import mark, mounted, recorded

SIZE = {"ext4": 64 << 20, "xfs": 320 << 20}
MAKE = {
    "ext4": ("mkfs.ext4", "-q", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"),
    "xfs": ("mkfs.xfs", "-q", "-K"),
}
SECTOR = {"ext4": 512, "xfs": 4096}
"""In what pieces an unflushed write may be torn: XFS counts on whole blocks of its metadata, ext4 on sectors."""


def why_not(kind: str = "ext4") -> str:
    """Why no disk can be recorded on this machine, in words; empty where it can."""
    if os.geteuid() != 0:
        return "recording a disk needs root, to mount one"
    if not Path("/dev/fuse").exists() or not Path("/dev/loop-control").exists():
        return "recording a disk needs /dev/fuse and loop devices"
    if subprocess.run(["which", MAKE[kind][0]], check=False, capture_output=True).returncode:
        return f"{MAKE[kind][0]} is not installed"
    return ""


@dataclass(frozen=True)
class Recording:
    """A life that was recorded: the disk before it, the log of it, and what was sent."""

    before: Path
    log: Path
    made: Sequence[Made]
    program: Program
    """Kept aside: that a person's rule file survives is the person's editor's promise."""
    kind: str


@dataclass
class Verdict:
    """What was found over all cuts."""

    cuts: int = 0
    acknowledged: int = 0
    tally: Tally = field(default_factory=Tally)


def record(root: Path, objects: int, seconds: float, seed: int, kind: str = "ext4") -> Recording:
    """Let the real appliance live on a recorded disk for so long, and until it has taken everything in."""
    image, before, log = root / "image", root / "before", root / "writes.log"
    with image.open("wb") as stream:
        stream.truncate(SIZE[kind])
    subprocess.run([*MAKE[kind], str(image)], check=True)
    mount = root / "disk"
    with mounted(image, mount):
        (mount / "here").mkdir()
    subprocess.run(["cp", "--sparse=always", str(image), str(before)], check=True)
    log.touch()
    with recorded(image, log, mount):
        ordeal = Ordeal(root / "around", objects, seed, lambda words: mark(log, words), data=mount / "here")
        ordeal.pause = 3.0  # with time to do something in between
        program = RuleBook(mount / "here" / "rules").compile().program
        assert program is not None
        mark(log, "begin")
        try:
            ordeal.live(seconds, to_the_end=True)
        finally:
            mark(log, "end")
            ordeal.close()
    return Recording(before, log, ordeal.made, program, kind)


def judge(
    recording: Recording,
    root: Path,
    many: int,
    seed: int,
    told: Callable[[Cut], None] = lambda _: None,
    *,
    honest: bool = True,
) -> Verdict:
    """Cut the power so often, start the spool on what is left, and account for all that was acknowledged by then."""
    verdict = Verdict()
    image, mount = root / "cut", root / "after"
    between = {"begin": "begin", "end": "end", "honest": honest}
    for cut in cuts(recording.before, recording.log, many, seed, sector=SECTOR[recording.kind], **between):
        image.write_bytes(cut.disk)
        # XFS would not mount a second file system of the same name beside the first.
        with mounted(image, mount, *(["nouuid"] if recording.kind == "xfs" else [])):
            one = _account(mount / "here", recording, cut.marks)
        verdict.cuts += 1
        verdict.acknowledged += one.total
        verdict.tally.total += one.total
        verdict.tally.lost += one.lost
        verdict.tally.doubled += one.doubled
        verdict.tally.torn += one.torn
        verdict.tally.words += [
            f"cut {cut.number} ({cut.kept} of {cut.unflushed} kept): {words}" for words in one.words
        ]
        told(cut)
    return verdict


def _account(data: Path, recording: Recording, marks: Sequence[str]) -> Tally:
    words = [mark.split() for mark in marks]
    acknowledged = {one[1] for one in words if one[0] == "ack"}
    deleted = {one[1] for one in words if one[0] == "deleting"}
    got: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    digests = {one.uid: one.digest for one in recording.made}
    for one in words:
        if one[0] == "got":
            got[one[1]][one[2]].append(digests[one[2]])
    line = ByHand(data, recording.program)
    line.finish()
    for name, uids in line.sent().items():
        for uid in uids:
            got[name][uid].append(digests[uid])
    taken = [one for one in recording.made if one.uid in acknowledged]
    # Each may have been on its way a second time, or sent again after an answer that was lost.
    tally = reckon(data, taken, {one.uid: 2 for one in taken}, got, deleted)
    missing = line.unaccounted()
    tally.lost += len(missing)
    tally.words += missing
    return tally
