"""Outboxes: per destination what waits, is being sent, is tried again; the entries, and what may be done to them."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from appliance import by_hand
from engine.entry import Entry
from engine.outbox import Outbox
from engine.schedule import Window
from engine.step import GATHERING, HOLD, REVIEW
from engine.tally import waiting

from .entries import PAGE, Whose, moment, page_of, whose
from .house import House
from .rates import DELIVERED, FAILED, Series

STAGES = {
    "waiting": "gated",
    "urgent": "waiting",
    "ready": "waiting",
    "again": "retrying",
    "active": "sending",
    "later": "retrying",
    "stored": "unconfirmed",
}
"""Folder → state. gated: others must be delivered first; unconfirmed: sent, and its destination has to commit to it."""

STATES = ("sending", "waiting", "retrying", "gated", "unconfirmed")


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """One outbox. counts: how many in each of STATES. `paused`, `trouble`, `in_hand` as the running appliance says."""

    name: str
    kind: str
    declared: bool
    counts: dict[str, int]
    done_today: int
    rate: Series
    oldest: str
    """Since when the oldest waits, ISO 8601 (UTC)."""
    why: str
    """What keeps one of them, in words."""
    last: str
    failed: str
    trouble: str
    paused_since: str
    paused_by: str
    paused_until: str
    """Until when nothing is tried, as it took nothing."""
    in_hand: int


@dataclass(frozen=True, slots=True)
class EntryLine:
    """One entry. why: what kept it from being delivered, in the words of the log; no patient is in it."""

    id: str
    object: str
    state: str
    since: str
    tries: int
    due: str
    """When it is tried next; empty where at once."""
    why: str
    during: str
    """The window of time that its rule names; and whether that is open now:"""
    open: bool
    urgent: bool
    sender: str
    route: str
    size: int
    whose: Whose


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of them. next: what the next one is asked with; empty where there is none."""

    entries: tuple[EntryLine, ...]
    next: str


def outboxes(house: House, state: Mapping[str, object] | None = None) -> list[OutboxLine]:
    """Every outbox but the hold. state: what the control socket says; None where no appliance answers."""
    pumps = _pumps(state)
    return [_pumped(line, pumps.get(line.name, {})) for line in house.keep("outboxes", lambda: _lines(house))]


def kind_of(outbox: str) -> str:
    """store, mail, notify, collect or review; empty for an outbox of a destination."""
    if outbox == REVIEW:
        return "review"
    kind = outbox.rpartition(".")[2] if "." in outbox else ""
    return kind if kind in ("store", "mail", "notify") or outbox.endswith(GATHERING) else ""


def _lines(house: House) -> list[OutboxLine]:
    program = house.program()
    declared = {d.name: d.kind for d in program.destinations} if program is not None else {}
    house.recent.look()
    there = [name for name in house.spool.outboxes() if name != HOLD]
    return [_line(house, name, name in there, declared) for name in dict.fromkeys([*declared, *there])]


def _line(house: House, name: str, there: bool, declared: Mapping[str, str]) -> OutboxLine:
    counts = dict.fromkeys(STATES, 0)
    owed = waiting(house.spool, name) if there else None
    for stage, count in owed.stages.items() if owed else ():
        counts[STAGES[stage]] += count
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    recent = house.recent
    return OutboxLine(
        name,
        declared.get(name) or kind_of(name),
        name in declared or kind_of(name) != "",
        counts,
        recent.since(DELIVERED, name, midnight),
        recent.series(DELIVERED, name),
        moment(owed.since) if owed else "",
        owed.why if owed else "",
        recent.last(DELIVERED, name).at,
        recent.last(FAILED, name).at,
        trouble="",
        paused_since="",
        paused_by="",
        paused_until="",
        in_hand=0,
    )


def _pumped(line: OutboxLine, pump: Mapping[str, object]) -> OutboxLine:
    """The same with what the running appliance says of its pump."""
    until = _number(pump.get("paused_until"))
    return replace(
        line,
        trouble=str(pump.get("trouble") or ""),
        paused_since=moment(_number(pump.get("paused_since"))),
        paused_by=str(pump.get("paused_by") or ""),
        paused_until=moment(until if until > time.time() else 0.0),
        in_hand=int(_number(pump.get("in_hand"))),
    )


def entries(house: House, name: str, state: str = "", after: str = "", most: int = PAGE) -> EntryPage:
    """What is in an outbox, oldest first. state: only what is in this one. Raises KeyError where there is none."""
    home = _home(house, name)
    if state and state not in STATES:
        raise KeyError(state)
    folders = [folder for folder in home.stages if not state or STAGES[folder.name] == state]
    ids, later = page_of(folders, after, most)
    found = [entry for one in ids if (entry := home.entry(one)) is not None]
    with house.journals.open() as journal:
        of = whose(journal, [entry.id for entry in found])
    return EntryPage(tuple(_entry(home, entry, of[entry.id]) for entry in found), later)


def _entry(home: Outbox, entry: Entry, of: Whose) -> EntryLine:
    stage = entry.file.parent.name
    window = Window.of(entry.note["window"]) if "window" in entry.note else None
    return EntryLine(
        entry.id,
        entry.object,
        STAGES[stage],
        moment(entry.since),
        entry.tries,
        moment(_mtime(home.entries / f"{entry.id}.json")) if stage in ("later", "stored") else "",
        entry.why,
        entry.note.get("during", ""),
        window is None or window.is_open(datetime.now()),
        "urgent" in entry.note,
        entry.origin.sender or entry.origin.folder,
        entry.route,
        _size(entry.file),
        of,
    )


def try_again(house: House, name: str, chosen: Sequence[str]) -> by_hand.Done:
    """Let these go now. For all of an outbox, the running appliance is told. Raises KeyError."""
    told = by_hand.try_again(house.spool, _home(house, name).name, chosen)
    house.forget("outboxes")
    return told


def take_back(
    house: House, name: str, chosen: Sequence[str] | None, stop: Callable[[], bool] = by_hand.never
) -> by_hand.Done:
    """Put these, or (None) all that waits there, into the hold. Raises KeyError."""
    told = by_hand.take_back(house.spool, _home(house, name).name, chosen, stop)
    house.forget("outboxes")
    return told


def _home(house: House, name: str) -> Outbox:
    """The outbox of this name; asking for one that is not there must not make one."""
    if name == HOLD or name not in house.spool.outboxes():
        raise KeyError(name)
    return house.spool.outbox(name)


def _pumps(state: Mapping[str, object] | None) -> dict[str, Mapping[str, object]]:
    told = [] if state is None else state.get("pumps")
    if not isinstance(told, list):
        return {}
    return {str(one.get("name")): one for one in told if isinstance(one, Mapping)}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
