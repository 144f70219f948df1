"""Overview: is everything running? The ledger of today, senders, destinations, disks, silence and trouble."""

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from appliance.health import archives
from engine.disk import Limits, device, existing, judge, space
from engine.journal import Journal
from engine.ledger import DUPLICATE, MISSING, STATES, Ledger, ledger
from engine.step import HOLD

from .house import House
from .journals import Progress
from .kept import Kept
from .outboxes import OutboxLine, outboxes
from .rates import FAILED, RECEIVED, Series
from .silence import Silent, habits, silent

ONE_WORD = {DUPLICATE: "duplicates"}
"""Of the ledger's words, those that are called otherwise here."""

LOOKS = 3
"""So many looks of a second at the day's lines, before it is told what is known: only after a start one is too few."""

HABITS = 300.0
"""Seconds for which it is good what senders usually do."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """received = delivered + waiting + held + discarded + duplicates + deleted + elsewhere; `difference` is missing."""

    received: int
    delivered: int
    waiting: int
    held: int
    discarded: int
    duplicates: int
    deleted: int
    elsewhere: int
    difference: int

    @classmethod
    def of(cls, states: Mapping[str, int]) -> "Reckoning":
        """From how many objects there are of each of the ledger's words."""
        counts = {ONE_WORD.get(state, state): states.get(state, 0) for state in STATES}
        return cls(received=sum(states.values()), difference=states.get(MISSING, 0), **counts)


@dataclass(frozen=True, slots=True)
class SenderFacts:
    """A sender by its AE title; whoever has none by the way in (`folder /srv/export`)."""

    name: str
    today: Reckoning
    last: str
    """When something of it came last, ISO 8601 (UTC); empty where nobody knows."""
    rate: Series
    usually: float | None
    """Studies that it has sent by this time on other such days."""


@dataclass(frozen=True, slots=True)
class OutboxFacts:
    """A destination, an archive, a mail address: what has gone there, and what waits."""

    name: str
    kind: str
    """Of a destination that the rules declare, its kind; else store, mail, notify or collect."""
    delivered: int
    """Today."""
    rate: Series
    last: str
    failed: str
    """When it took something last, and when it did not, within a day; ISO 8601 (UTC)."""
    why: str
    queue: int
    oldest: str
    """Since when the oldest waits, ISO 8601 (UTC)."""
    declared: bool


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """A file system. `words`: what is wrong with it, in English and German; empty where nothing is."""

    names: tuple[str, ...]
    free_mb: int
    whole_mb: int
    warn_mb: int
    least_mb: int
    words: str
    german: str


@dataclass(frozen=True, slots=True)
class TroubleFacts:
    """What does not work, by what it is called in the running appliance."""

    name: str
    words: str
    german: str


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, at one moment. running: whether an appliance works on this data."""

    at: str
    since: str
    """The beginning of the day that is counted."""
    running: bool
    fresh: bool
    """Nothing has ever come."""
    noted: str
    """When anything was noted in the history last, ISO 8601 (UTC); empty where nothing was."""
    counted: bool
    """Not while the journal is still being built: then the ledger says 0 of all, and so do those of the senders."""
    broken: str
    """Why the journal cannot be read or written, so that nothing is counted either."""
    ledger: Reckoning
    found: int
    """Of the received, those of which the history does not tell that they came."""
    senders: tuple[SenderFacts, ...]
    outboxes: tuple[OutboxFacts, ...]
    held: int
    """How many are held, whenever they came."""
    disks: tuple[DiskFacts, ...]
    silent: tuple[Silent, ...]
    troubles: tuple[TroubleFacts, ...]
    journal: Progress
    rates_whole: bool


class Overviews:
    """Makes them. Threads may share it."""

    def __init__(self, house: House, now: Callable[[], float] = time.time) -> None:
        self._house, self._now = house, now
        self._facts = Kept(self._found)
        self._habits = Kept(self._usual, HABITS)

    def get(self, state: Mapping[str, object] | None = None) -> Overview:
        """As things stand. state: what the control socket says; None where no appliance answers.

        Raises house.NoSpool, and OSError with words where a disk does not answer.
        """
        return replace(self._facts.get(), troubles=_troubles(state))

    def _usual(self) -> dict[str, float]:
        with self._house.journals.open() as journal:
            return habits(journal, self._here())

    def _here(self) -> datetime:
        return datetime.fromtimestamp(self._now()).astimezone()

    def _found(self) -> Overview:
        house, now = self._house, self._here()
        spool, program = house.spool, house.program()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        since = midnight.astimezone(UTC).isoformat(timespec="milliseconds")
        rates_whole = self._read_on()
        heard = house.heard()
        counted, by_sender, usual = Ledger(), dict[str, dict[str, int]](), dict[str, float]()
        is_whole, fresh, broken = False, False, ""
        try:
            with house.journals.open() as journal:
                # To count takes in what is missing in the journal: a few lines, and never all of it.
                if house.journals.progress.is_whole:
                    counted, by_sender = reckoned(journal, since)
                    usual = self._habits.get()
                    [(fresh,)] = journal.db.execute("SELECT NOT EXISTS (SELECT 1 FROM objects)")
                    is_whole = True
        except OSError as trouble:
            # On a full disk, for one: the rest of the page says so.
            counted, by_sender, broken = Ledger(), {}, trouble.strerror or type(trouble).__name__
        names = sorted({*by_sender, *house.recent.names(RECEIVED), *usual})
        senders = tuple(self._sender(name, by_sender.get(name, {}), heard.last(name), usual) for name in names)
        sent = {name: sum(states.values()) for name, states in by_sender.items()}
        return Overview(
            now.astimezone(UTC).isoformat(timespec="milliseconds"),
            since,
            house.is_running(),
            bool(fresh) and not names and not counted.received,
            noted(house),
            is_whole,
            broken,
            Reckoning.of(counted.states),
            counted.found,
            senders,
            tuple(self._outbox(line) for line in outboxes(house)),
            spool.outbox(HOLD).count()["held"],
            disks(house, () if program is None else tuple(archives(program))),
            tuple(silent(program, heard.last, usual, sent, now)),
            (),
            house.journals.progress,
            rates_whole,
        )

    def _read_on(self) -> bool:
        """Read the last day's lines on; whether to the end. A moment later others may have read further than we."""
        for _ in range(LOOKS):
            self._house.recent.look()
            if self._house.recent.is_whole:
                return True
        return False

    def _sender(
        self, name: str, states: Mapping[str, int], heard: float | None, usual: Mapping[str, float]
    ) -> SenderFacts:
        noted = "" if heard is None else datetime.fromtimestamp(heard, UTC).isoformat(timespec="milliseconds")
        last = max(self._house.recent.last(RECEIVED, name).at, noted)
        series = self._house.recent.series(RECEIVED, name)
        return SenderFacts(name, Reckoning.of(states), last, series, usual.get(name))

    def _outbox(self, line: OutboxLine) -> OutboxFacts:
        return OutboxFacts(
            line.name,
            line.kind,
            line.done_today,
            line.rate,
            line.last,
            line.failed,
            line.why or self._house.recent.last(FAILED, line.name).why,
            sum(line.counts.values()),
            line.oldest,
            line.declared,
        )


def nothing(now: float) -> Overview:
    """Where nothing has ever run, and so nothing has ever come. now: seconds since 1970."""
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    none = Reckoning.of({})
    return Overview(at, at, False, True, "", True, "", none, 0, (), (), 0, (), (), (), Progress(0, 0), True)


def noted(house: House) -> str:
    """When a line of the history was written last."""
    with contextlib.suppress(OSError, ValueError), os.scandir(house.settings.spool / "history") as found:
        newest = max((one for one in found if one.name.endswith(".jsonl")), key=lambda one: one.name)
        return datetime.fromtimestamp(newest.stat().st_mtime, UTC).isoformat(timespec="milliseconds")
    return ""


def reckoned(journal: Journal, since: str) -> tuple[Ledger, dict[str, dict[str, int]]]:
    """The ledger of what came since then, and the same for each sender: together they are the ledger's numbers."""
    told: list[tuple[str, str]] = []
    counted = ledger(journal, since, told=lambda family, state: told.append((family, state)))
    # Not grouped here: SQLite would go through all families that there are.
    ways: dict[str, str] = {}
    for family, way in journal.db.execute(
        "SELECT family, iif(sender <> '', sender, source) FROM objects WHERE came >= ?", (since,)
    ):
        ways[str(family)] = max(ways.get(str(family), ""), str(way))
    by_sender: dict[str, dict[str, int]] = {}
    for family, state in told:
        states = by_sender.setdefault(ways.get(family, ""), {})
        states[state] = states.get(state, 0) + 1
    return counted, by_sender


def disks(house: House, stores: Sequence[str]) -> tuple[DiskFacts, ...]:
    """The file systems of the spool and of the archives, each once."""
    settings = house.settings
    limits = Limits(settings.warn_free_mb, settings.min_free_mb)
    folders = {"spool": settings.spool, **{name: settings.archive_folder(name) for name in stores}}
    by_device: dict[int, list[str]] = {}
    for name, folder in folders.items():
        by_device.setdefault(device(existing(folder)), []).append(name)
    found = []
    for names in by_device.values():
        folder = existing(folders[names[0]])
        free = space(folder)
        verdict = judge(str(folder), free, limits, spool="spool" in names)
        trouble = None if verdict is None else verdict.trouble
        found.append(
            DiskFacts(
                tuple(names),
                0 if free is None else free.free_mb,
                0 if free is None else shutil.disk_usage(folder).total >> 20,
                limits.warn_mb,
                limits.least_mb,
                "" if trouble is None else trouble.words,
                "" if trouble is None else trouble.german,
            )
        )
    return tuple(found)


def _troubles(state: Mapping[str, object] | None) -> tuple[TroubleFacts, ...]:
    """As the running appliance tells them."""
    told = [] if state is None else state.get("troubles")
    if not isinstance(told, list):
        return ()
    known = [one for one in told if isinstance(one, Mapping)]
    return tuple(TroubleFacts(*(str(one.get(part, "")) for part in ("name", "words", "german"))) for one in known)
