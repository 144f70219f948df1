"""Holds: what is held, in groups of one reason each; the entries of a group; release and delete.

Each note is read once, as long as it is the one that was read; of very many, so many at a look, and `unread` says how
many are left. Kept in memory is an id and a group for each.
"""

import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice

from appliance import by_hand
from engine.entry import Entry, glance
from engine.spool import Spool
from engine.step import HOLD

from .advice import ADVICE, ON_PURPOSE, Said, group_of, kind_of_reason
from .entries import PAGE, PAGE_MOST, Whose, moment, whose
from .house import House

READ = 5000
"""Notes that are read at one look: a fifth of a second."""

QUICK, SHARE = 0.05, 5.0
"""A look that takes longer (seconds) is good for so many times as long."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is held for one reason."""

    key: str
    """By what its entries are asked for."""
    reason: str
    kind: str
    """One of advice.KINDS."""
    on_purpose: bool
    """A rule's `hold`: no error."""
    refused_by: str
    advice: Said
    count: int
    oldest: str
    newest: str
    """The ids that came first and last."""


@dataclass(frozen=True, slots=True)
class Groups:
    """All groups, the largest first; those that are held on purpose last. unread: entries not looked at yet."""

    groups: tuple[Group, ...]
    count: int
    unread: int


@dataclass(frozen=True, slots=True)
class HeldLine:
    """One held entry."""

    id: str
    object: str
    since: str
    why: str
    refused_by: str
    sender: str
    route: str
    tries: int
    whose: Whose


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A page of them, oldest first. next: what the next one is asked with; empty where there is none."""

    entries: tuple[HeldLine, ...]
    next: str


class Holds:
    """The hold of one house. Threads may share it."""

    def __init__(self, house: House, clock: Callable[[], float] = time.monotonic) -> None:
        self._house, self._clock = house, clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[int, str]] = {}
        """Of each entry the inode of its note, and the key of its group."""
        self._groups: dict[str, tuple[str, str, str]] = {}
        """By key: the reason, its kind, and who refused."""
        self._unread, self._look_at = 0, 0.0

    def groups(self) -> Groups:
        """As things stand. Raises house.NoSpool, OSError."""
        with self._lock:
            unread = self._look()
            members: dict[str, list[str]] = {}
            for entry, (_, key) in self._known.items():
                members.setdefault(key, []).append(entry)
            found = [self._group(key, some) for key, some in members.items()]
            self._groups = {key: one for key, one in self._groups.items() if key in members}
            count = len(self._known) + unread
        found.sort(key=lambda one: (one.on_purpose, -one.count, one.reason))
        return Groups(tuple(found), count, unread)

    def entries(self, key: str = "", after: str = "", most: int = PAGE) -> HeldPage:
        """Those of a group, or (empty) all, from behind this id on. Raises KeyError where there is no such group."""
        most = min(max(most, 1), PAGE_MOST)
        chosen = sorted(one for one in self.ids(key) if one > after)
        home = self._house.spool.outbox(HOLD)
        found = [entry for one in chosen[:most] if (entry := home.entry(one)) is not None]
        with self._house.journals.open() as journal:
            of = whose(journal, [entry.id for entry in found])
        lines = tuple(_line(entry, of[entry.id]) for entry in found)
        return HeldPage(lines, chosen[most - 1] if len(chosen) > most else "")

    def ids(self, key: str = "") -> list[str]:
        """The entries of a group, or (empty) all that have been looked at. Raises KeyError."""
        with self._lock:
            self._look()
            if key and key not in self._groups:
                raise KeyError(key)
            return [entry for entry, (_, of) in self._known.items() if key in ("", of)]

    def ids_of(self, kinds: Collection[str]) -> list[str]:
        """The entries of these kinds (advice.KINDS) that have been looked at, oldest first."""
        with self._lock:
            self._look()
            keys = {key for key, (_, kind, _) in self._groups.items() if kind in kinds}
            return sorted(entry for entry, (_, key) in self._known.items() if key in keys)

    def release(self, chosen: Sequence[str], stop: Callable[[], bool] = by_hand.never) -> by_hand.Done:
        """Send these on: to where they were refused, else through the rules again."""
        return self._done(by_hand.release(self._house.spool, chosen, stop))

    def delete(self, chosen: Sequence[str], stop: Callable[[], bool] = by_hand.never) -> by_hand.Done:
        """Remove these for good."""
        return self._done(by_hand.delete(self._house.spool, chosen, stop))

    def _done(self, told: by_hand.Done) -> by_hand.Done:
        with self._lock:
            self._look_at = 0.0
        return told

    def _look(self) -> int:
        """Read what has come, forget what has gone; how many are not read yet. What takes long is done now and then."""
        began = self._clock()
        if began >= self._look_at:
            self._unread = self._read()
            took = self._clock() - began
            share = 1.0 if self._unread else SHARE
            self._look_at = began + (took + share * took if took > QUICK else 0.0)
        return self._unread

    def _read(self) -> int:
        spool = self._house.spool
        there = _there(spool)
        self._known = {entry: known for entry, known in self._known.items() if there.get(entry) == known[0]}
        new = [entry for entry in there if entry not in self._known]
        for entry in islice(new, READ):
            self._known[entry] = there[entry], self._key_of(spool, entry)
        return max(0, len(new) - READ)

    def _key_of(self, spool: Spool, entry: str) -> str:
        try:
            note = glance(spool.held, entry)
            refused = str(note["note"].get("refused by", ""))
            why, position = str(note["why"]), str(note["position"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            refused, why, position = "", "the note beside this object cannot be read", ""
        kind = kind_of_reason(why, refused, position)
        # What a rule says is told in full: it is the same for all that it holds.
        reason = (why if kind == ON_PURPOSE else group_of(why)) or "a rule holds it"
        key = blake2b(f"{kind}\0{refused}\0{reason}".encode(), digest_size=8).hexdigest()
        self._groups[key] = reason, kind, refused
        return key

    def _group(self, key: str, members: Sequence[str]) -> Group:
        reason, kind, refused = self._groups[key]
        first, last = min(members), max(members)
        return Group(key, reason, kind, kind == ON_PURPOSE, refused, ADVICE[kind], len(members), first, last)


def _there(spool: Spool) -> dict[str, int]:
    """Each held entry, and the number on the disk of its note: that is another where the note has been written anew."""
    bytes_of, notes = set(), {}
    with os.scandir(spool.held) as found:
        for one in found:
            if one.name.endswith(".dcm") and not one.name.startswith("."):
                bytes_of.add(one.name[:-4])
            elif one.name.endswith(".json") and not one.name.startswith("."):
                notes[one.name[:-5]] = one.inode()
    return {entry: notes.get(entry, 0) for entry in sorted(bytes_of)}


def _line(entry: Entry, of: Whose) -> HeldLine:
    return HeldLine(
        entry.id,
        entry.object,
        moment(entry.since),
        entry.why or entry.note.get("why", "") or "a rule holds it",
        entry.note.get("refused by", ""),
        entry.origin.sender or entry.origin.folder,
        entry.route,
        entry.tries,
        of,
    )
