"""What has happened in a stretch of time, counted from the history; and how things stand, from the spool's folders.

The history is read line by line: a day of it may be larger than the memory. It only reads.
"""

import contextlib
import heapq
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.entry import glance
from engine.spool import Spool
from engine.step import HOLD
from engine.window import entries

PEEK = 50
"""So many of what waits are looked at for a reason; an outbox may owe a hundred thousand."""


@dataclass(slots=True)
class Tally:
    """How often what has happened. Reasons are as the rules and the destinations say them."""

    received: int = 0
    duplicates: int = 0
    deleted: int = 0
    held: int = 0
    delivered: Counter[str] = field(default_factory=Counter)
    """By outbox."""
    failed: Counter[str] = field(default_factory=Counter)
    """Refused for good, and taken over by `on failure`; by outbox."""
    discarded: Counter[str] = field(default_factory=Counter)
    """By reason and rule."""

    def add(self, event: Mapping[str, object]) -> None:
        """Count one event."""
        outbox = str(event.get("outbox", ""))
        match event.get("event"):
            case "received" if not event.get("again"):
                self.received += 1
            case "duplicate":
                self.duplicates += 1
            case "deleted":
                self.deleted += 1
            case "held":
                self.held += 1
            case "delivered":
                self.delivered[outbox] += 1
            case "failed":
                self.failed[outbox] += 1
            case "discarded":
                rule = f" ({event['rule']})" if event.get("rule") else ""
                self.discarded[f"{event.get('why') or '?'}{rule}"] += 1


def events(history: Path, since: float, until: float) -> Iterator[dict[str, object]]:
    """What was noted from one moment to another (seconds since 1970), line by line; a torn line is left out."""
    first, last = (datetime.fromtimestamp(moment, UTC) for moment in (since, until))
    begin, end = (moment.isoformat(timespec="milliseconds") for moment in (first, last))
    # What happens at midnight may have been noted in the file of the next day.
    for day in range((last.date() - first.date()).days + 2):
        path = history / f"{first.date() + timedelta(days=day)}.jsonl"
        with contextlib.suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                with contextlib.suppress(ValueError):
                    event = json.loads(line)
                    if isinstance(event, dict) and begin <= str(event.get("at", "")) < end:
                        yield event


def tally(history: Path, since: float, until: float) -> Tally:
    """Everything that has happened in between."""
    counted = Tally()
    for event in events(history, since, until):
        counted.add(event)
    return counted


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an outbox owes: how many, since when the oldest, and what keeps one of them."""

    outbox: str
    count: int
    since: float
    why: str = ""
    stages: Mapping[str, int] = field(default_factory=dict)
    """How many are in each of its folders."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand now."""

    unrouted: int
    waiting: tuple[Waiting, ...]
    held: Mapping[str, int]
    """How many are held, by reason."""


def standing(spool: Spool) -> Standing:
    """What waits and what is held."""
    owed = (waiting(spool, name) for name in spool.outboxes() if name != HOLD)
    return Standing(sum(1 for _ in spool.waiting()), tuple(one for one in owed if one is not None), held(spool))


def waiting(spool: Spool, name: str) -> Waiting | None:
    """What one outbox owes; None where it is empty. Its folders are read once, however many wait there."""
    home = spool.outbox(name)
    stages: dict[str, int] = {}

    def names() -> Iterator[str]:
        for stage in home.stages:
            stages[stage.name] = 0
            for file in entries(stage):
                if file.endswith(".dcm"):
                    stages[stage.name] += 1
                    yield file

    # By number: the oldest of each sender are among the first.
    first = heapq.nsmallest(PEEK, names())
    if not first:
        return None
    oldest = [entry for file in first if (entry := home.entry(file[:-4])) is not None]
    since = min((entry.since for entry in oldest), default=0.0)
    # One that was tried says more than one that waits for its time.
    tried = sorted((entry for entry in oldest if entry.why), key=lambda entry: -entry.tries)
    return Waiting(name, sum(stages.values()), since, tried[0].why if tried else "", stages)


def held(spool: Spool) -> dict[str, int]:
    """How many are held, by who has refused them and why; the most frequent first."""
    home = spool.outbox(HOLD)
    reasons: Counter[str] = Counter()
    for name in entries(home.root):
        if name.endswith(".dcm"):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                note = glance(home.root, name[:-4])
                refused, why = note["note"].get("refused by", ""), str(note["why"])
                reasons[f"{refused}: {why}" if refused else why] += 1
    return dict(reasons.most_common())
