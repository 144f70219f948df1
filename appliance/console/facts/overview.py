"""Overview: is everything running? The ledger of today, senders, destinations, disks, silence and trouble."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from appliance.health import archives
from engine.disk import Limits, device, existing, judge, space
from engine.journal import Journal
from engine.ledger import DUPLICATE, MISSING, STATES, Ledger, ledger
from engine.step import GATHERING, HOLD, REVIEW
from engine.tally import waiting

from .house import House
from .journals import Progress
from .kept import Kept
from .rates import DELIVERED, FAILED, RECEIVED, Series
from .silence import Silent, habits, silent

ONE_WORD = {DUPLICATE: "duplicates"}
"""Of the ledger's words, those that are called otherwise here."""

HABITS = 300.0
"""Seconds for which it is good what senders usually do."""


@dataclass(frozen=True, slots=True)
class Reckoning:
    """received = delivered + waiting + held + discarded + duplicates + deleted; `difference` is what is missing."""

    received: int
    delivered: int
    waiting: int
    held: int
    discarded: int
    duplicates: int
    deleted: int
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
        house.recent.look()
        heard = house.heard()
        with house.journals.open() as journal:
            counted, by_sender = reckoned(journal, since)
            usual = self._habits.get()
            names = sorted({*by_sender, *house.recent.names(RECEIVED), *usual})
            senders = tuple(self._sender(name, by_sender.get(name, {}), heard.last(name), usual) for name in names)
        declared = {d.name: d.kind for d in program.destinations} if program is not None else {}
        boxes = dict.fromkeys([*declared, *(name for name in spool.outboxes() if name != HOLD)])
        sent = {name: sum(states.values()) for name, states in by_sender.items()}
        return Overview(
            now.astimezone(UTC).isoformat(timespec="milliseconds"),
            since,
            house.is_running(),
            Reckoning.of(counted.states),
            counted.found,
            senders,
            tuple(self._outbox(name, declared, midnight.timestamp()) for name in boxes),
            spool.outbox(HOLD).count()["held"],
            disks(house, () if program is None else tuple(archives(program))),
            tuple(silent(program, heard.last, usual, sent, now)),
            (),
            house.journals.progress,
            house.recent.is_whole,
        )

    def _sender(
        self, name: str, states: Mapping[str, int], heard: float | None, usual: Mapping[str, float]
    ) -> SenderFacts:
        noted = "" if heard is None else datetime.fromtimestamp(heard, UTC).isoformat(timespec="milliseconds")
        last = max(self._house.recent.last(RECEIVED, name).at, noted)
        series = self._house.recent.series(RECEIVED, name)
        return SenderFacts(name, Reckoning.of(states), last, series, usual.get(name))

    def _outbox(self, name: str, declared: Mapping[str, str], midnight: float) -> OutboxFacts:
        recent = self._house.recent
        owed = waiting(self._house.spool, name) if name in self._house.spool.outboxes() else None
        oldest = datetime.fromtimestamp(owed.since, UTC).isoformat(timespec="milliseconds") if owed else ""
        failed = recent.last(FAILED, name)
        return OutboxFacts(
            name,
            declared.get(name) or kind_of(name),
            recent.since(DELIVERED, name, midnight),
            recent.series(DELIVERED, name),
            recent.last(DELIVERED, name).at,
            failed.at,
            (owed.why if owed else "") or failed.why,
            owed.count if owed else 0,
            oldest,
            name in declared or kind_of(name) != "",
        )


def kind_of(outbox: str) -> str:
    """store, mail, notify, collect or review; empty for an outbox of a destination."""
    if outbox == REVIEW:
        return "review"
    kind = outbox.rpartition(".")[2] if "." in outbox else ""
    return kind if kind in ("store", "mail", "notify") or outbox.endswith(GATHERING) else ""


def reckoned(journal: Journal, since: str) -> tuple[Ledger, dict[str, dict[str, int]]]:
    """The ledger of what came since then, and the same for each sender: together they are the ledger's numbers."""
    told: list[tuple[str, str]] = []
    counted = ledger(journal, since, told=lambda family, state: told.append((family, state)))
    rows = journal.db.execute(
        "SELECT family, max(sender), max(source) FROM objects WHERE came >= ? GROUP BY family", (since,)
    )
    ways = {str(family): str(sender or source) for family, sender, source in rows}
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
