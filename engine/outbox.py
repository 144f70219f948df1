"""The outbox of one destination: its folders, and how an entry moves between them. Part of the spool's truth.

An entry's bytes are in `ready`, `urgent` or `again` (owed; tried before), `active` (claimed by a pump), `later` (until
its time has come), `stored` (until it is committed, engine.unconfirmed) or `waiting` (for others to be delivered first,
engine.gates); its note stays in `entries`. The hold has the same form, in one folder. However many entries wait, what
is kept in memory of them is bounded. It must not know how anything is sent.
"""

import contextlib
import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files, unconfirmed
from engine.entry import IN_DOUBT, STORED, TRANSCODED, Entry, Receipt, unread
from engine.gates import leave_word, open_gates
from engine.header import Header
from engine.object import Object
from engine.receipts import read_receipt, redirect
from engine.remembered import Remembered
from engine.step import HOLD
from engine.window import Window, entries, unhurried

if TYPE_CHECKING:
    from engine.spool import Spool


LARGE = 256 << 20
"""Bytes after which a claim is large enough: what is urgent must not wait long behind it."""

WAKE = 1000
"""Entries that are made ready at a time, when a window of time opens for very many."""

LOOK_LATER = 30.0
"""Seconds after which `later` is looked into, whatever was found there last."""

FAR = 8 * 86400.0
"""Nothing waits longer for its time than a week, the longest gap of a schedule: a clock must have been set back."""

STALE = 60.0
"""Seconds after which what nobody has in hand, and is claimed all the same, is owed again."""


class Outbox:
    """The folders of one destination. Its pump's threads claim one at a time."""

    def __init__(self, name: str, root: Path, spool: "Spool") -> None:
        self.name, self.root, self._spool = name, root, spool
        flat = name == HOLD
        self.entries = root if flat else root / "entries"
        self.ready = root if flat else root / "ready"
        self.urgent = root if flat else root / "urgent"
        self.again = root if flat else root / "again"
        self.active = root if flat else root / "active"
        self.later = root if flat else root / "later"
        self.stored = root if flat else root / "stored"
        self.waiting = root if flat else root / "waiting"
        self.gates = root if flat else root / "gates"
        self.received = root if flat else root / "received"
        self.receipts = root if flat else root / "receipts"
        for folder in self.folders:
            if not folder.is_dir():
                files.make_folder(folder)
        self.few: int | None = None
        """How many `claim` takes at most, whatever it is asked for, while the destination takes nothing."""
        self._fresh, self._tried = Window(self.ready), Window(self.again)
        self._known: dict[tuple[Path, int], Entry] = {}
        self.remembered = Remembered()
        self._heard: dict[str, int] = {}
        self._look_later = 0.0
        self._soonest: float | None = None
        self._unclaimed: dict[str, float] = {}

    @property
    def stages(self) -> tuple[Path, ...]:
        """Where the bytes of an entry may be, in the order in which they travel."""
        return (self.waiting, self.urgent, self.ready, self.again, self.active, self.stored, self.later)

    @property
    def folders(self) -> set[Path]:
        """All its folders."""
        return {*self.stages, self.entries, self.gates, self.received, self.receipts}

    def place_for(self, entry: Entry) -> Path:
        """The folder in which an entry is owed: urgent ones go before all others, tried ones apart from fresh ones."""
        if "urgent" in entry.note:
            return self.urgent
        return self.again if entry.tries or entry.sent else self.ready

    def recover(self) -> None:
        """After a crash: what a pump had claimed is owed again."""
        if self.name != HOLD:
            unconfirmed.recover(self)
            self.give_back_claimed()

    def tidy(self, before: float, rest: Callable[[], bool] = lambda: False) -> None:
        """Remove what a crash has left of entries that are gone: notes, and bytes as received, from before that time.

        rest: as for `unhurried`. Safe while the outbox is at work: what is on its way between two folders has a
        younger note.
        """
        for name in unhurried(entries(self.entries), rest):
            note = self.entries / name
            number, _, kind = name.rpartition(".")
            if kind in ("json", "received") and _is_older(note, before) and not self.has(number):
                files.remove(note)
        if self.name != HOLD:
            for name in unhurried(entries(self.received), rest):
                path = self.received / name
                if not (self.entries / f"{name[:-4]}.json").exists() and _is_older(path, before):
                    files.remove(path)

    def has(self, number: str) -> bool:
        """Whether the bytes of an entry are here. It is looked for twice, as they may move on while it looks."""
        # As text: beside a full outbox this is asked of every note at a start, and must not cost the pumps their time.
        return any(os.access(f"{folder}/{number}.dcm", os.F_OK) for folder in (*self.stages, *self.stages))

    def count(self) -> dict[str, int]:
        """How many entries are in each of the stages; for the hold, how many it has."""
        stages = {"held": self.root} if self.name == HOLD else {folder.name: folder for folder in self.stages}
        return {state: sum(name.endswith(".dcm") for name in entries(folder)) for state, folder in stages.items()}

    def entry(self, number: str) -> Entry | None:
        """The entry of this id, wherever its bytes are."""
        for folder in self.stages:
            file = folder / f"{number}.dcm"
            if file.exists():
                entry = self.noted(file)
                if entry is not None:
                    return entry
        return None

    def noted(self, file: Path) -> Entry | None:
        """The entry whose bytes are here; None where its note cannot be read."""
        number, note = file.stem, f"{self.entries}/{file.stem}.json"
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            made = self.remembered.get(number, note)
            return Entry.from_bytes(files.read(note), file) if made is None else replace(made, file=file)
        return None

    def all(self) -> list[Entry]:
        """Every entry, oldest first."""
        return list(self.each())

    def each(self) -> Iterator[Entry]:
        """The same, one by one: of very many, only the names are in memory."""
        every = sorted({name for folder in self.stages for name in entries(folder) if name.endswith(".dcm")})
        for name in every:
            entry = self.entry(name[:-4])
            if entry is not None:
                yield entry

    def owed(self) -> list[Entry]:
        """Every entry that may go now, oldest first. Notes are read once, however often it is asked for."""
        known: dict[tuple[Path, int], Entry] = {}
        for folder in (self.ready, self.again):
            for name in entries(folder):
                with contextlib.suppress(FileNotFoundError):
                    # A note is put in place anew when it changes, so its number on the disk is another then.
                    key = (folder / name, (self.entries / f"{name[:-4]}.json").stat().st_ino)
                    entry = self._known.get(key) or self.entry(name[:-4])
                    if entry is not None and entry.file.parent == folder:
                        known[key] = entry
        self._known = known
        return sorted(known.values(), key=lambda entry: entry.id)

    def open_gates(self) -> None:
        """Let go what waited for others, where all of them have been delivered."""
        self._heard = open_gates(self, self._spool, self._heard)

    def wake_due(self, now: float) -> float | None:
        """Make ready what has waited long enough; answers when the next one is due (its note's mtime)."""
        due_by_now = self._soonest is not None and self._soonest <= now
        if not due_by_now and time.monotonic() < self._look_later:
            return self._soonest
        self._look_later = time.monotonic() + LOOK_LATER
        self._soonest = None
        woken = 0
        for folder, name in self._not_yet():
            try:
                due = (self.entries / f"{name[:-4]}.json").stat().st_mtime
            except FileNotFoundError:
                due = now
            if now < due <= now + FAR:
                self._is_due(due)
            elif woken == WAKE:
                self._is_due(now)
                break
            else:
                self._wake_one(folder, name)
                woken += 1
        return self._soonest

    def wake_all(self) -> None:
        """Make all ready that waits for its time: the clock was set, and none of their times mean anything now."""
        for folder, name in list(self._not_yet()):
            self._wake_one(folder, name)
        self._soonest = None

    def _not_yet(self) -> Iterator[tuple[Path, str]]:
        """What waits for its time: for the next try, or until it is asked again whether it is committed."""
        return ((folder, name) for folder in (self.later, self.stored) for name in entries(folder))

    def _wake_one(self, folder: Path, name: str) -> None:
        entry = self.entry(name[:-4])
        home = self.ready if entry is None else self.place_for(entry)
        with contextlib.suppress(FileNotFoundError):  # it has gone by another way meanwhile
            files.move(folder / name, home / name)

    def _is_due(self, due: float) -> None:
        self._soonest = due if self._soonest is None else min(self._soonest, due)

    def claim(self, most: int) -> list[Entry]:
        """Claim up to `most` entries: urgent ones, then fairly between senders, oldest first. The rename is the lock.

        What was tried before gets half at most while there is anything else: it may be what the destination hangs on.
        """
        most = most if self.few is None else min(most, self.few)
        claimed: list[Entry] = []
        size = 0
        for folder, name in self._next(most):
            file = self.active / name
            try:
                files.move(f"{folder}/{name}", file)
            except FileNotFoundError:
                continue
            entry = self.noted(file)
            if entry is None:
                self.hold_unread(file)
                continue
            self.remembered.forget(entry.id)
            claimed.append(entry)
            size += entry.file.stat().st_size
            if len(claimed) >= most or size >= LARGE:
                break
        return claimed

    def remember_claimed(self) -> None:
        """Make it durable what has been claimed: after a power cut that counts as perhaps sent. Raises OSError."""
        files.sync(self.active)

    def _next(self, most: int) -> Iterator[tuple[Path, str]]:
        for name in heapq.nsmallest(most, (name for name in entries(self.urgent) if name.endswith(".dcm"))):
            yield self.urgent, name
        for fresh, tried in zip_longest(self._fresh.take(most), self._tried.take(most)):
            if fresh:
                yield self.ready, fresh
            if tried:
                yield self.again, tried

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
        # Folders of an archive are named after patients.
        self._spool.history.record_keys(
            (entry.object, {"entry": entry.id, "outbox": self.name, "place": place})
            for entry, place in delivered
            if place != self.name
        )
        self._spool.history.record_all(("delivered", entry.object, self._facts(entry)) for entry, _ in delivered)
        self._spool.history.sync()
        for entry, place in delivered:
            words = f", transcoded to {entry.note[TRANSCODED]}" if TRANSCODED in entry.note else ""
            self.tell_reports(entry, "delivered", place=place + words)
        self._forget([entry for entry, _ in delivered])

    def retry(self, postponed: Sequence[tuple[Entry, float, str]]) -> None:
        """Not now: try each again when it is due. Raises OSError; what was not put aside then is still claimed."""
        self._put_aside(
            [(replace(entry, tries=entry.tries + 1, why=why), due) for entry, due, why in postponed], self.later
        )
        self._spool.history.tell_all(
            ("later", entry.object, {"outbox": self.name, "entry": entry.id, "why": why}) for entry, _, why in postponed
        )

    def wait_for_word(self, sent: Sequence[tuple[Entry, float, str, bool]]) -> None:
        """Sent, surely or perhaps (the last of the four); their destination has still to commit to them.

        It is asked again when they are due (engine.unconfirmed); no try, as nothing has failed. Raises OSError; what
        was not put aside then is still claimed, and in doubt once nobody has it in hand.
        """
        self._put_aside(
            [(replace(one, sent=STORED if sure else IN_DOUBT, why=why), due) for one, due, why, sure in sent],
            self.stored,
        )

    def recall(self, numbers: Iterable[str]) -> list[str]:
        """Word of these has come: they may be claimed at once. Answers those of which nothing is left here."""
        return unconfirmed.recall(self, numbers)

    def postpone(self, closed: Sequence[tuple[Entry, float, str]]) -> None:
        """The window of time of each is closed until it is due: not a try, and nothing against its destination."""
        now = time.time()
        self._put_aside(
            [(replace(one, closed=one.closed + max(0.0, due - now), why=why), due) for one, due, why in closed],
            self.later,
        )

    def _put_aside(self, changed: Sequence[tuple[Entry, float]], aside: Path) -> None:
        """Put these notes in place, with the times at which they are due; the bytes wait for it in the folder `aside`.

        Their flushes are made side by side. No reader ever sees half a note: each is moved in place when it is durable.
        """
        drafts = [(self.entries / f".{entry.id}.json.draft", entry, due) for entry, due in changed]
        for draft, entry, due in drafts:
            files.put(draft, entry.to_bytes())
            os.utime(draft, (due, due))
        files.sync_all([draft for draft, _, _ in drafts])
        for draft, entry, due in drafts:
            files.move(draft, self.entries / f"{entry.id}.json")
            files.move(entry.file, aside / entry.file.name)
            self._is_due(due)

    def give_back(self, entry: Entry, *, in_doubt: bool = False) -> None:
        """Not tried after all: ready again. Nothing happens where it has gone on by a promise meanwhile.

        in_doubt: it was, and nobody knows whether it has arrived.
        """
        if in_doubt:
            unconfirmed.doubt(self, entry.id)
        with contextlib.suppress(FileNotFoundError):
            files.move(entry.file, self.place_for(entry) / entry.file.name)

    def give_back_claimed(self) -> None:
        """All that was claimed and came to no end is owed again. Only for whoever is the only one to claim here."""
        for name in names(self.active):
            self._give_back_name(name)

    def give_back_stale(self, in_hand: Iterable[str]) -> None:
        """Give back what was claimed and nobody has in hand: the disk kept an outcome from being taken down.

        in_hand: ids of the entries that are being sent. Raises OSError where promises cannot be settled: one of them
        may be what such an entry has gone on by.
        """
        now = time.monotonic()
        mine = {f"{number}.dcm" for number in in_hand}
        left = [name for name in names(self.active) if name not in mine]
        # Another process, a person's command, may be about to hold it.
        self._unclaimed = {name: self._unclaimed.get(name, now) for name in left}
        stale = [name for name, since in self._unclaimed.items() if now - since >= STALE]
        if stale:
            self._spool.settle()
            for name in stale:
                unconfirmed.doubt(self, name[:-4])
                self._give_back_name(name)

    def _give_back_name(self, name: str) -> None:
        entry = self.entry(name[:-4])
        home = self.ready if entry is None else self.place_for(entry)
        with contextlib.suppress(FileNotFoundError):
            files.move(self.active / name, home / name)

    def hold(self, entry: Entry, why: str) -> None:
        """Refused for good and no `on failure` says otherwise: into the hold, with the reason."""
        self.hold_all([(entry, why)])

    def hold_all(self, refused: Sequence[tuple[Entry, str]]) -> None:
        """The same for several, each with its reason: they share the flushes of the disk.

        Raises OSError; what is still claimed then is owed as before.
        """
        hold = self._spool.outbox(HOLD)
        notes = []
        for entry, why in refused:
            note = {**entry.note, "refused by": self.name, "why": why}
            kept = replace(entry, outbox=HOLD, note=note, why=why, tries=entry.tries + 1, gates=())
            # It counts for nothing before its bytes are there, so it may be there in half till then.
            notes.append(hold.entries / f"{entry.id}.json")
            files.put(notes[-1], kept.to_bytes())
            received = self.received / f"{entry.id}.dcm"
            if entry.received and received.exists():
                # Released, it may be refused once more, and the failure chain then wants it as it came.
                files.link(received, hold.root / f"{entry.id}.received")
        files.sync_all(notes)
        files.sync(hold.entries)
        for entry, why in refused:
            self.tell_reports(entry, "held", why)
        for entry, _ in refused:
            files.move(entry.file, hold.ready / entry.file.name)
        files.sync(hold.ready)
        self._forget([entry for entry, _ in refused])
        for entry, why in refused:
            self._spool.tell("held", entry.object, self.name, entry.id, why)

    def leave_out(self, entry: Entry, why: str) -> None:
        """Not to be sent after all: what it waited for has failed, and its route's `on failure` has the object."""
        self._record("left out", entry, why=why)
        self._spool.history.sync()
        self.tell_reports(entry, "failed", why)
        self._forget([entry])

    def hold_unread(self, file: Path) -> None:
        """The note of these bytes is gone or torn: nothing says where they should go. A person must see it."""
        lost = unread(file, self.name)
        self.hold(lost, lost.why)

    def files_of(self, entry: Entry) -> tuple[Path, ...]:
        """Everything that belongs to an entry, the file that counts first."""
        return entry.file, self.entries / f"{entry.id}.json", self.received / f"{entry.id}.dcm"

    def whole_of(self, entry: Entry) -> tuple[Path, ...]:
        """The same, and where its bytes lay before: a power cut may take back the move that has just been made."""
        return *self.files_of(entry), *(folder / entry.file.name for folder in self.stages)

    def received_object(self, entry: Entry) -> Object:
        """The object as it was received, for `on failure`."""
        file = self.received / f"{entry.id}.dcm" if entry.received else entry.file
        return Object(entry.object, file, Header.read(file), entry.origin)

    def receipt(self, number: str) -> Receipt | None:
        """The outcome of an awaited delivery, if it has one. One that cannot be read is told as a failure, in words."""
        path = self.receipts / f"{number}.json"
        return read_receipt(path) if path.exists() else None

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

    def _facts(self, entry: Entry) -> dict[str, str]:
        """What the history says of a delivery."""
        facts = {"outbox": self.name, "entry": entry.id, "tries": str(entry.tries + 1)}
        return facts | ({TRANSCODED: entry.note[TRANSCODED]} if TRANSCODED in entry.note else {})

    def _record(self, event: str, entry: Entry, **facts: str) -> None:
        self._spool.history.record(event, entry.object, outbox=self.name, entry=entry.id, **facts)

    def _forget(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            files.remove(entry.file)
        # A power cut must not bring the bytes back without their note: a person would have to say where they belong.
        for folder in {files.folder_of(entry.file) for entry in entries}:
            files.sync(folder)
        for entry in entries:
            files.remove(f"{self.entries}/{entry.id}.json")
            if entry.received:
                files.remove(f"{self.received}/{entry.id}.dcm")


def names(folder: Path) -> list[str]:
    """What is in a folder, hidden files aside; empty where there is no folder. Only where there cannot be many."""
    return list(entries(folder))


def _is_older(path: Path, before: float) -> bool:
    """Whether a file has its place since before that time. A rename counts (ctime), a due time that is set does not."""
    try:
        return path.stat().st_ctime < before
    except FileNotFoundError:
        return False
