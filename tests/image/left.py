"""What a machine has left on its disk: the data partition, mounted here, and the account of what was acknowledged.

The software's own start is done on it (recover, route, deliver), by hand and without a network; what then lies in the
archive is compared with what was sent. It works on the disk itself: give it a copy where the machine is to start
again.
"""

import contextlib
import json
import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from engine.destinations.archive import dataset_offset
from engine.program import Program
from engine.spool import Spool
from engine.step import HOLD
from tests.image.objects import Sendable, is_what_was_sent, original
from tests.manual.pages import compiled
from tests.power.by_hand import ByHand

DATA = "lib/stellwerk"
"""Of the data folder, on its partition, which is /var."""
_ENVIRONMENT = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


@dataclass
class Account:
    """What was found of what was acknowledged. `words` says which image, and what is wrong with it."""

    acknowledged: int = 0
    lost: int = 0
    torn: int = 0
    doubled: int = 0
    held: int = 0
    words: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all is there, once and whole."""
        return not (self.lost or self.torn or self.doubled or self.held or self.words)

    def __str__(self) -> str:
        wrong = f"lost {self.lost}, torn {self.torn}, doubled {self.doubled}, held {self.held}"
        return f"{wrong} of {self.acknowledged} acknowledged"


@dataclass(frozen=True)
class Partition:
    """One of a disk, in bytes. label: its name in the partition table."""

    label: str
    kind: str
    offset: int
    size: int


def partitions(disk: Path) -> list[Partition]:
    """Those of a raw disk (GPT, sectors of 512 bytes)."""
    done = subprocess.run(["sfdisk", "-J", str(disk)], check=True, capture_output=True, text=True, env=_ENVIRONMENT)
    table = json.loads(done.stdout)["partitiontable"]["partitions"]
    return [Partition(one.get("name", ""), one["type"], one["start"] * 512, one["size"] * 512) for one in table]


@contextlib.contextmanager
def data_partition(disk: Path, folder: Path) -> Iterator[Path]:
    """The data partition of a machine that is off, mounted: its journal is played back, as at a start."""
    (one,) = [one for one in partitions(disk) if one.label == "data"]
    folder.mkdir(parents=True, exist_ok=True)
    where = f"loop,offset={one.offset},sizelimit={one.size}"
    subprocess.run(["mount", "-t", "ext4", "-o", where, str(disk), str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def checked(disk: Path) -> str:
    """What e2fsck finds wrong on the data partition once its journal is played back; empty: nothing."""
    (one,) = [one for one in partitions(disk) if one.label == "data"]
    words = ["e2fsck", "-fn", f"{disk}?offset={one.offset}"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, env=_ENVIRONMENT)
    return "" if done.returncode == 0 else done.stdout[-1000:]


def rules_of(text: str) -> Program:
    """The program of the rules that the machine ran."""
    program = compiled(text).program
    assert program is not None
    return program


def accounted(disk: Path, folder: Path, rules: Program, images: Iterable[Sendable], pacs: Path) -> Account:
    """Start the software on what is left, let it do what it owes, and look for each of these images.

    pacs: the folder of what PACS_A has got by now; what it is still owed goes nowhere, and counts as delivered.
    """
    account = Account()
    with data_partition(disk, folder) as mount:
        line = ByHand(mount / DATA, rules)
        line.finish()
        missing = line.unaccounted()
        owed = {uid for uids in line.sent().values() for uid in uids}
        look_for(account, mount / DATA, list(images), came(pacs), owed)
        account.words += missing
        account.lost += len(missing)
    if wrong := checked(disk):
        account.words.append(f"the file system: {wrong}")
    return account


def look_for(
    account: Account, data: Path, images: list[Sendable], arrived: dict[str, list[Dataset]], owed: set[str]
) -> None:
    """Look for each image in a data folder, and where it was forwarded.

    arrived: what PACS_A has got, by the UID under which each was sent. owed: the UIDs of what it is still to get.
    """
    stored: defaultdict[str, list[Path]] = defaultdict(list)
    for file in (data / "archive").rglob("*.dcm"):
        stored[original(dcmread(file, specific_tags=["SOPInstanceUID", "SourceImageSequence"]))].append(file)
    held = dict(_held(data / "spool"))
    for one in images:
        account.acknowledged += 1
        files = stored.get(one.uid, [])
        if not files:
            account.held += one.uid in held
            account.lost += one.uid not in held
            account.words.append(f"{one.uid}: {held.get(one.uid, 'it is nowhere')}")
            continue
        if len(files) > 1:
            account.doubled += 1
            account.words.append(f"{one.uid}: {len(files)} copies")
        for file in files:
            if not _whole(one, file):
                account.torn += 1
                account.words.append(f"{one.uid}: in the archive it is not what was sent")
        if one.ultrasound:
            _delivered(account, one, str(dcmread(files[0]).SOPInstanceUID) in owed, arrived.get(one.uid, []))


def _held(spool: Path) -> Iterator[tuple[str, str]]:
    """What is held, by the UID under which it came, and why.

    What was being written when the power went may be held as well, and be nothing: nobody had been told that it is
    there. If somebody had, its UID is in no place now, and it counts as lost.
    """
    for entry in Spool(spool).outbox(HOLD).all():
        with contextlib.suppress(InvalidDicomError, KeyError, AttributeError):
            yield original(dcmread(entry.file)), entry.why


def _delivered(account: Account, one: Sendable, owed: bool, arrived: list[Dataset]) -> None:
    if not owed and not arrived:
        account.lost += 1
        account.words.append(f"{one.uid}: PACS_A has not got it, and nothing owes it")
    if any(not is_what_was_sent(one, dataset) for dataset in arrived):
        account.torn += 1
        account.words.append(f"{one.uid}: PACS_A got something else")


def _whole(one: Sendable, file: Path) -> bool:
    if not one.ultrasound:
        sent, found = one.file.read_bytes(), file.read_bytes()
        return sent[dataset_offset(sent[:144]) :] == found[dataset_offset(found[:144]) :]
    return is_what_was_sent(one, dcmread(file))


def came(pacs: Path) -> dict[str, list[Dataset]]:
    """What lies in the folder of a PACS, by the UID under which each was sent."""
    _still(pacs)
    found: defaultdict[str, list[Dataset]] = defaultdict(list)
    for file in pacs.iterdir() if pacs.is_dir() else ():
        dataset = dcmread(file)
        found[original(dataset)].append(dataset)
    return found


def _still(folder: Path, seconds: float = 30, quiet: float = 1) -> None:
    """Wait until nothing changes there: a PACS whose sender has lost its power notices by and by, and drops a half."""
    end, seen, since = time.monotonic() + seconds, None, time.monotonic()
    while time.monotonic() < min(end, since + quiet):
        now = None
        with contextlib.suppress(FileNotFoundError):  # it has just dropped one
            now = sorted((file.name, file.stat().st_size) for file in folder.iterdir()) if folder.is_dir() else []
        if now is None or now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.1)
