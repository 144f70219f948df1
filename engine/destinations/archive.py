"""The archive: where `store` keeps its copies, as plain DICOM files in folders that people can read.

A file appears whole or not at all, and is durable before the promise counts as kept. Storing the same object twice
keeps one copy; other bytes under the same SOP Instance UID are refused, never overwritten, unless a rule says what is
done with duplicates.
"""

import errno
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from engine import files
from engine.entry import Entry
from engine.errors import Later, Never
from engine.layout import safe
from engine.outbox import Outbox
from engine.pump import LOOK_AGAIN, PATIENCE, Report, Sent, oldest_first

MARK = ".patient"
"""In a folder named after a patient: whose it is, as a digest, so that two of one name are not mixed."""

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}
"""What a file system answers that is another one, or knows no hard links."""


_tending: dict[Path, threading.Lock] = {}


def tending(root: Path) -> threading.Lock:
    """Held by whoever changes this archive: a folder must not go while something is being stored in it."""
    return _tending.setdefault(root, threading.Lock())


class Archive:
    """One archive folder, as engine.pump.Sender."""

    outside = False
    every: float | None = 10.0
    patience = PATIENCE
    look_again = LOOK_AGAIN
    connections = 1

    def __init__(
        self,
        root: Path,
        stored: Callable[[Sequence[tuple[str, Path]]], None] = lambda _: None,
        *,
        called: str = "the archive",
        ours: bool = True,
    ) -> None:
        """stored: told the object and the place of each copy, before it counts as delivered. called: in what people are
        told. Not `ours`: others work in it, and it may be a share of another machine.
        """
        self.root, self._stored, self._called, self._ours = root, stored, called, ours

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Store a batch; the folders are flushed once for all of it, and only then is anything reported."""
        with tending(self.root):
            self._send(entries, report, stopping)

    def _send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        stored: list[tuple[Entry, Path]] = []
        touched: set[Path] = set()
        known: dict[tuple[str, ...], Path] = {}
        for entry in entries:
            if stopping():
                break
            try:
                path = self._store(entry, known)
            except Never as refusal:
                report(entry, refusal)
            except OSError as error:
                report(entry, Later(f"{self._called} cannot be written ({error.strerror})"))
            else:
                stored.append((entry, path))
                touched.add(path.parent)
        try:
            for folder in touched:
                self._sync(folder)
        except OSError as error:
            for entry, _ in stored:
                report(entry, Later(f"{self._called} cannot be written ({error.strerror})"))
            return
        if stored:
            self._stored([(entry.object, path) for entry, path in stored])
        for entry, path in stored:
            report(entry, Sent(str(path.relative_to(self.root))))

    def _store(self, entry: Entry, known: dict[tuple[str, ...], Path]) -> Path:
        """Give the object its name in the archive; the name is not durable yet. known: the folders of this batch."""
        whose = (*entry.place, "", entry.note.get("person", ""), entry.note.get("patient", ""))
        folder = known.get(whose)
        if folder is None:
            folder = known[whose] = self._folder(entry)
        name = safe(entry.note.get("file", "") or entry.object)
        path, number = folder / f"{name}.dcm", 1
        while path.exists():
            if same_dataset(entry.file, path):
                return path
            match entry.note.get("duplicate"):
                case "keep":
                    number += 1
                    path = folder / f"{name} ({number}).dcm"
                case "replace":
                    return self._replace(entry.file, path)
                case _:
                    raise Never(
                        f"{self._called} has another object with this SOP Instance UID but other content; "
                        "compare the two, then release or delete this one"
                    )
        self._place(entry.file, path)
        return path

    def _replace(self, file: Path, path: Path) -> Path:
        """Put other bytes in the place of a copy, which is there until they are. Never where the copy is the newer."""
        if file.stat().st_mtime_ns < path.stat().st_mtime_ns:
            # One that could not be stored for a while must not undo what was stored meanwhile.
            raise Never(
                f"{self._called} has a newer object with this SOP Instance UID; delete this one if it is outdated"
            )
        fresh = path.with_name(f".{path.name}.fresh")
        files.remove(fresh)  # a crash may have left one
        self._place(file, fresh)
        self._sync(path.parent)
        files.move(fresh, path)
        return path

    def _folder(self, entry: Entry) -> Path:
        """The folder of the object, made if need be; a second patient of the same name gets ` (2)`."""
        place = list(entry.place)
        if "person" in entry.note:
            at = int(entry.note["person"])
            name = place[at]
            number = 1
            while not self._is_of(self.root.joinpath(*place[: at + 1]), entry.note["patient"]):
                number += 1
                place[at] = f"{name} ({number})"
        folder = self.root.joinpath(*place)
        self._make(folder)
        return folder

    def _is_of(self, folder: Path, patient: str) -> bool:
        """Whether the folder is this patient's; an unmarked one becomes so."""
        mark = folder / MARK
        try:
            return mark.read_text() == patient
        except FileNotFoundError:
            self._make(folder)
            files.write(mark, patient.encode())
            self._sync(folder)
            return True

    def _place(self, file: Path, path: Path) -> None:
        """Give a file a name here; a copy where this is another file system, or others' hands could change the bytes
        that are owed elsewhere too. It tells the same time.
        """
        try:
            if self._ours:
                files.link(file, path)
                return
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        files.copy(file, path)
        when = file.stat().st_mtime_ns
        os.utime(path, ns=(when, when))

    def _make(self, folder: Path) -> None:
        if self._ours:
            files.make_folder(folder)
        else:
            files.make_folder(folder, share=True)

    def _sync(self, folder: Path) -> None:
        if self._ours:
            files.sync(folder)
        else:
            files.sync_share(folder)


def same_dataset(one: Path, other: Path) -> bool:
    """Whether two DICOM files hold the same data set; the file meta information (PS3.10 section 7.1) may differ."""
    if one.samefile(other):
        return True
    with one.open("rb") as a, other.open("rb") as b:
        for stream in (a, b):
            begins = dataset_offset(stream.read(144))
            # Where that is beyond its end, there would be nothing to compare, and any two would be the same.
            stream.seek(begins if begins < os.fstat(stream.fileno()).st_size else 0)
        while True:
            left, right = a.read(1 << 20), b.read(1 << 20)
            if left != right:
                return False
            if not left:
                return True


def dataset_offset(start: bytes) -> int:
    """Where the data set begins: behind the group that (0002,0000) measures; 0 where it does not say."""
    if start[128:136] != b"DICM\x02\x00\x00\x00" or start[136:140] != b"UL\x04\x00":
        return 0
    return 144 + int.from_bytes(start[140:144], "little")
