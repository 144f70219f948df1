"""The outbox of one destination: its folders, and how an entry moves between them. Part of the spool's truth.

An entry's bytes are in `ready` (owed), `active` (claimed by a pump), `later` (waiting for its time) or `waiting` (for
others to be delivered first, engine.gates); its note stays in `entries`. The hold has the same form, in one folder. It
must not know how anything is sent.
"""

import contextlib
import heapq
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.entry import Entry, Receipt
from engine.gates import leave_word, open_gates
from engine.header import Header
from engine.object import Object, Origin
from engine.receipts import redirect
from engine.step import HOLD

if TYPE_CHECKING:
    from engine.spool import Spool


class Outbox:
    """The folders of one destination."""

    def __init__(self, name: str, root: Path, spool: "Spool") -> None:
        self.name, self.root, self._spool = name, root, spool
        flat = name == HOLD
        self.entries = root if flat else root / "entries"
        self.ready = root if flat else root / "ready"
        self.active = root if flat else root / "active"
        self.later = root if flat else root / "later"
        self.waiting = root if flat else root / "waiting"
        self.gates = root if flat else root / "gates"
        self.received = root if flat else root / "received"
        self.receipts = root if flat else root / "receipts"
        for folder in self.folders:
            if not folder.is_dir():
                files.make_folder(folder)

    @property
    def folders(self) -> set[Path]:
        """All its folders."""
        stages = {self.ready, self.active, self.later, self.waiting}
        return stages | {self.entries, self.gates, self.received, self.receipts}

    def recover(self) -> None:
        """After a crash: what a pump had claimed is owed again; a note without bytes is litter."""
        if self.name != HOLD:
            self.give_back_claimed()
        stages = (self.ready, self.later, self.waiting)
        alive = {name[:-4] for folder in stages for name in names(folder) if name.endswith(".dcm")}
        for note in self.entries.glob("*.json"):
            if note.stem not in alive:
                files.remove(note)
        if self.name != HOLD:
            for path in self.received.glob("*.dcm"):
                if path.stem not in alive:
                    files.remove(path)

    def count(self) -> dict[str, int]:
        """How many entries are waiting, ready, active and later; for the hold, how many it has."""
        if self.name == HOLD:
            return {"held": sum(name.endswith(".dcm") for name in names(self.ready))}
        return {
            folder.name: sum(name.endswith(".dcm") for name in names(folder))
            for folder in (self.waiting, self.ready, self.active, self.later)
        }

    def entry(self, number: str) -> Entry | None:
        """The entry of this id, wherever its bytes are."""
        for folder in (self.waiting, self.ready, self.active, self.later):
            file = folder / f"{number}.dcm"
            if file.exists():
                with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                    return Entry.from_bytes((self.entries / f"{number}.json").read_bytes(), file)
        return None

    def all(self) -> list[Entry]:
        """Every entry, oldest first."""
        stages = (self.waiting, self.ready, self.active, self.later)
        every = sorted({name for folder in stages for name in names(folder)})
        found = (self.entry(name[:-4]) for name in every if name.endswith(".dcm"))
        return [entry for entry in found if entry is not None]

    def open_gates(self) -> None:
        """Let go what waited for others, where all of them have been delivered."""
        open_gates(self, self._spool)

    def wake_due(self, now: float) -> float | None:
        """Make ready what has waited long enough; answers when the next one is due (its note's mtime)."""
        soonest = None
        for name in names(self.later):
            try:
                due = (self.entries / f"{name[:-4]}.json").stat().st_mtime
            except FileNotFoundError:
                due = now
            if due <= now:
                files.move(self.later / name, self.ready / name)
            else:
                soonest = due if soonest is None else min(soonest, due)
        return soonest

    def claim(self, most: int) -> list[Entry]:
        """Claim up to `most` ready entries, oldest first. The rename is the lock."""
        claimed = []
        for name in heapq.nsmallest(most, (name for name in names(self.ready) if name.endswith(".dcm"))):
            try:
                files.move(self.ready / name, self.active / name)
            except FileNotFoundError:
                continue
            entry = self.entry(name[:-4])
            if entry is None:
                self.hold_unread(self.active / name)
                continue
            claimed.append(entry)
        return claimed

    def claim_these(self, entries: Sequence[Entry]) -> list[Entry]:
        """Claim just these ready entries; the ones that somebody else has taken are left out."""
        claimed = []
        for entry in entries:
            file = self.active / entry.file.name
            try:
                files.move(entry.file, file)
            except FileNotFoundError:
                continue
            claimed.append(replace(entry, file=file))
        return claimed

    def done(self, delivered: Sequence[tuple[Entry, str]]) -> None:
        """Delivered, each to a place in words: it is noted, told to the reports that wait, and the promise is gone.

        All share one flush of the history. Raises OSError; what is still there then is owed as before.
        """
        for entry, place in delivered:
            self._record("delivered", entry, place=place, tries=str(entry.tries + 1))
        self._spool.history.sync()
        for entry, place in delivered:
            self.tell_reports(entry, "delivered", place=place)
            self._forget(entry)

    def retry(self, entry: Entry, due: float, why: str) -> None:
        """Not now: try again when it is due."""
        note = self.entries / f"{entry.id}.json"
        files.write(note, replace(entry, tries=entry.tries + 1, why=why).to_bytes())
        os.utime(note, (due, due))
        files.move(entry.file, self.later / entry.file.name)
        self._spool.tell("later", entry.object, self.name, entry.id, why)

    def postpone(self, entry: Entry, due: float, why: str) -> None:
        """Its window of time is closed: not a try, and nothing against its destination."""
        note = self.entries / f"{entry.id}.json"
        closed = entry.closed + max(0.0, due - time.time())
        files.write(note, replace(entry, closed=closed, why=why).to_bytes())
        os.utime(note, (due, due))
        files.move(entry.file, self.later / entry.file.name)

    def give_back(self, entry: Entry) -> None:
        """Not tried after all: ready again. Nothing happens where it has gone on by a promise meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            files.move(entry.file, self.ready / entry.file.name)

    def give_back_claimed(self) -> None:
        """All that was claimed and came to no end is owed again. Only for whoever is the only one to claim here."""
        for path in self.active.glob("*.dcm"):
            files.move(path, self.ready / path.name)

    def hold(self, entry: Entry, why: str) -> None:
        """Refused for good and no `on failure` says otherwise: into the hold, with the reason."""
        hold = self._spool.outbox(HOLD)
        note = {**entry.note, "refused by": self.name, "why": why}
        kept = replace(entry, outbox=HOLD, note=note, why=why, tries=entry.tries + 1, gates=())
        files.write(hold.entries / f"{entry.id}.json", kept.to_bytes())
        files.sync(hold.entries)
        self.tell_reports(entry, "held", why)
        files.move(entry.file, hold.ready / entry.file.name)
        files.sync(hold.ready)
        self._forget(entry)
        self._spool.tell("held", entry.object, self.name, entry.id, why)

    def leave_out(self, entry: Entry, why: str) -> None:
        """Not to be sent after all: what it waited for has failed, and its route's `on failure` has the object."""
        self._record("left out", entry, why=why)
        self._spool.history.sync()
        self.tell_reports(entry, "failed", why)
        self._forget(entry)

    def hold_unread(self, file: Path) -> None:
        """The note of these bytes is gone or torn: nothing says where they should go. A person must see it."""
        lost = Entry(file.stem, file.stem, self.name, "", "", "", Origin("unknown"), file=file)
        self.hold(lost, "the note beside this object cannot be read")

    def files_of(self, entry: Entry) -> tuple[Path, ...]:
        """Everything that belongs to an entry, the file that counts first."""
        return entry.file, self.entries / f"{entry.id}.json", self.received / f"{entry.id}.dcm"

    def received_object(self, entry: Entry) -> Object:
        """The object as it was received, for `on failure`."""
        file = self.received / f"{entry.id}.dcm" if entry.received else entry.file
        return Object(entry.object, file, Header.read(file), entry.origin)

    def receipt(self, number: str) -> Receipt | None:
        """The outcome of an awaited delivery, if it has one."""
        path = self.receipts / f"{number}.json"
        return Receipt.from_bytes(path.read_bytes()) if path.exists() else None

    def forget_receipt(self, number: str) -> None:
        """A report has told of it."""
        files.remove(self.receipts / f"{number}.json")

    def tell_reports(self, entry: Entry, outcome: str, why: str = "", place: str = "") -> None:
        """Leave a receipt of this outcome with every report that waits for it, and word with what may go only now."""
        for name in entry.reports_to:
            home = self._spool.outbox(name)
            tries = entry.tries + 1
            receipt = Receipt(entry.id, self.name, outcome, time.time(), tries, why or entry.why, place)
            files.write(home.receipts / f"{entry.id}.json", receipt.to_bytes())
            files.sync(home.receipts)
        if outcome != "held":
            leave_word(self._spool, entry, outcome, why)

    def redirect(self, wanted: Mapping[str, Iterable[str]]) -> None:
        """The outcome of each of these deliveries is wanted by these outboxes, when it has come."""
        for number, outboxes in wanted.items():
            redirect(self, number, outboxes)
        if wanted:
            files.sync(self.receipts)

    def ending(self, entry: Entry, event: str, why: str = "") -> None:
        """Note that the entry is about to go by a promise of what follows; durable before that becomes valid."""
        self._record(event, entry, why=why)

    def _record(self, event: str, entry: Entry, **facts: str) -> None:
        self._spool.history.record(event, entry.object, outbox=self.name, entry=entry.id, **facts)

    def _forget(self, entry: Entry) -> None:
        for path in self.files_of(entry):
            files.remove(path)


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files aside; empty where there is no folder."""
    try:
        return [found.name for found in os.scandir(folder) if not found.name.startswith(".")]
    except FileNotFoundError:
        return []
