"""Reviews: what waits for one, by the device that made it; which comes next; what else of a device is held.

Of each entry its device is read once, from the header, and kept while it is held; of very many, so many at a look, and
`unread` says how many are left.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain

from engine import review
from engine.cleaning import Cleaning
from engine.entry import Entry
from engine.errors import Never
from engine.header import Header

from .advice import TO_REVIEW, UNCLEAN
from .entries import moment
from .held import held_entry, received_file
from .holds import Holds
from .house import House
from .pictures import pictures

LOOK = 0.5
"""Seconds that a look may read headers for."""

PAGE, PAGE_MOST = 24, 200


@dataclass(frozen=True, slots=True)
class Device:
    """What is known of a machine by its images. columns, rows: of these; 0 where they have no pixels."""

    key: str
    manufacturer: str
    model: str
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Group:
    """What waits of one device. oldest: the entry that came first."""

    device: Device
    count: int
    oldest: str


@dataclass(frozen=True, slots=True)
class Groups:
    """All that waits, the device first whose image came first. unread: entries whose device is not known yet."""

    groups: tuple[Group, ...]
    count: int
    unread: int


@dataclass(frozen=True, slots=True)
class Line:
    """One that waits, without any value that names a patient. since: ISO 8601. pictures: names (facts.pictures)."""

    id: str
    object: str
    since: str
    route: str
    sender: str
    device: Device
    cleaning: Cleaning
    pictures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """A page of them, oldest first. next: what the next one is asked with; empty where there is none."""

    entries: tuple[Line, ...]
    next: str


@dataclass(frozen=True, slots=True)
class Alike:
    """Another image of the same device that is held: for a review, or as it could not be cleaned."""

    id: str
    waits: bool


class Reviews:
    """The reviews of one house. Threads may share it."""

    def __init__(self, house: House, holds: Holds, clock: Callable[[], float] = time.monotonic) -> None:
        self._house, self._holds, self._clock = house, holds, clock
        self._lock = threading.Lock()
        self._devices: dict[str, Device] = {}
        """By the id of the entry."""
        self._same: dict[str, Device] = {}
        """By key: very many entries are of few devices."""

    def groups(self) -> Groups:
        """As things stand. Raises house.NoSpool, OSError."""
        return _grouped(*self._look())

    def lines(self, device: str = "", after: str = "", most: int = PAGE) -> Lines:
        """Those of a device, or (empty) all, from behind this id on. Raises as `groups` does."""
        return self._lines(self._look()[1], device, after, most)

    def overview(self, device: str, after: str, few: int, devices: int) -> tuple[Groups, dict[str, Lines]]:
        """All in one look: `groups`, and by key the `lines` of one device, or (empty) the first few of so many."""
        there, known = self._look()
        found = _grouped(there, known)
        chosen = [one.device.key for one in found.groups if device in ("", one.device.key)][:devices]
        return found, {key: self._lines(known, key, after if device else "", PAGE if device else few) for key in chosen}

    def next(self, number: str) -> tuple[str, int]:
        """What to look at after this one: of the same device, then of the next one, then the first; empty for none.

        And how many wait.
        """
        there, known = self._look()
        first: dict[str, str] = {}
        for entry, of in known.items():
            first.setdefault(of.key, entry)
        ordered = sorted(known, key=lambda one: (first[known[one].key], one))
        at = ordered.index(number) if number in known else 0
        rest = (one for one in chain(ordered[at:], ordered[:at], there) if one != number)
        return next((one for one in rest if self._waits(one)), ""), len(there)

    def _lines(self, known: Mapping[str, Device], device: str, after: str, most: int) -> Lines:
        most = min(max(most, 1), PAGE_MOST)
        chosen = [one for one, of in known.items() if one > after and device in ("", of.key)]
        found = [self._line(entry, known[one]) for one in chosen[:most] if (entry := held_entry(self._house, one))]
        return Lines(tuple(found), chosen[most - 1] if len(chosen) > most else "")

    def _waits(self, number: str) -> bool:
        entry = held_entry(self._house, number)
        return entry is not None and entry.waits_for_review

    def alike(self, number: str, most: int) -> tuple[Alike, ...]:
        """What of the device of this one is held, the newest first, itself among them."""
        own = self._device(number)
        if own is None:
            return ()
        waiting = set(self._holds.ids_of((TO_REVIEW,)))
        some = self._holds.ids_of((TO_REVIEW, UNCLEAN))[::-1]
        known = self._read(some, {*some})
        found = [Alike(one, one in waiting) for one in some if known.get(one) == own and one != number]
        return (Alike(number, number in waiting), *found)[:most]

    def _look(self) -> tuple[list[str], dict[str, Device]]:
        """All that waits, oldest first, and the devices of those that are known."""
        there = self._holds.ids_of((TO_REVIEW,))
        return there, self._read(there, {*there, *self._holds.ids_of((UNCLEAN,))})

    def _read(self, wanted: Sequence[str], there: set[str]) -> dict[str, Device]:
        """The devices of these, as far as there is time to read them. there: what is held; the rest is forgotten."""
        end = self._clock() + LOOK
        with self._lock:
            self._devices = {one: device for one, device in self._devices.items() if one in there}
            for one in wanted:
                if one in self._devices:
                    continue
                device = self._device(one)
                if device is not None:
                    self._devices[one] = device
                if self._clock() > end:
                    break
            return {one: self._devices[one] for one in wanted if one in self._devices}

    def _device(self, number: str) -> Device | None:
        """Read from its header; None where it is not held any more."""
        entry = held_entry(self._house, number)
        if entry is None:
            return None
        received = received_file(entry)
        header = Header.read(received if received.exists() else entry.file)
        try:
            maker, model = (header.first(tag).strip()[:64] for tag in ("Manufacturer", "ManufacturerModelName"))
            size = [header.first(tag) for tag in ("Columns", "Rows")]
        except (Never, OSError):
            maker, model, size = "", "", []
        columns, rows = (int(one) if one.isdecimal() else 0 for one in size or ["", ""])
        key = blake2b(f"{maker}\0{model}\0{columns}\0{rows}".encode(), digest_size=8).hexdigest()
        return self._same.setdefault(key, Device(key, maker, model, columns, rows))

    def _line(self, entry: Entry, device: Device) -> Line:
        origin = entry.origin
        return Line(
            entry.id,
            entry.object,
            moment(entry.since),
            entry.route,
            origin.sender or origin.folder,
            device,
            review.cleaning_of(entry),
            tuple(pictures(self._house, entry.id)),
        )


def _grouped(there: Sequence[str], known: Mapping[str, Device]) -> Groups:
    members: dict[str, list[str]] = {}
    for entry, device in known.items():
        members.setdefault(device.key, []).append(entry)
    found = [Group(known[some[0]], len(some), some[0]) for some in members.values()]
    return Groups(tuple(sorted(found, key=lambda one: one.oldest)), len(there), len(there) - len(known))
