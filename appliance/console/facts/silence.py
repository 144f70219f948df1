"""Silence: which senders have sent nothing, though a rule or their habit says that they should have.

A rule is `on every day at 10:00 → alarm admin unless CT1 sent since 06:00`; it speaks from that time on. A habit is
what the sender had sent by this time of day on the same day of the last four weeks. It knows AE titles and no image.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from engine.journal import Journal
from engine.parameters import AETitles
from engine.program import Program
from engine.schedule import Daily, Since

WEEKS = 4
LEAST = 3
"""Studies by now, below which a sender that has sent none is no news."""


@dataclass(frozen=True, slots=True)
class Silent:
    """A sender of which nothing has come. Moments in ISO 8601 (UTC), empty where there is none."""

    sender: str
    last: str
    """When it was heard last."""
    since: str
    """Since when it should have sent, as the rule says; or the beginning of this day."""
    usually: float | None
    """Studies that it has sent by this time on other such days, as the median; None where nobody knows."""
    rule: str
    """Where the rule stands; empty where it is only a habit."""


def silent(
    program: Program | None,
    last_heard: Callable[[str], float | None],
    habits: Mapping[str, float],
    sent_today: Mapping[str, int],
    now: datetime,
) -> list[Silent]:
    """Those that are, rules first. habits: sender → studies by now. now: by this machine's clock, with its zone."""
    found: dict[str, Silent] = {}
    for sender, since, rule in _expected(program, now):
        last = last_heard(sender)
        if last is None or last < since.timestamp():
            found.setdefault(sender, Silent(sender, _iso(last), _utc(since), habits.get(sender), rule))
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for sender, usually in habits.items():
        last = last_heard(sender)
        is_heard = bool(sent_today.get(sender)) or (last is not None and last >= midnight.timestamp())
        if usually >= LEAST and not is_heard and sender not in found:
            found[sender] = Silent(sender, _iso(last), _utc(midnight), usually, "")
    return list(found.values())


def habits(journal: Journal, now: datetime) -> dict[str, float]:
    """Sender → studies by this time of day, as the median of the same day of the last weeks."""
    counts: dict[str, list[int]] = {}
    for week in range(1, WEEKS + 1):
        end = now - timedelta(weeks=week)
        begin = end.replace(hour=0, minute=0, second=0, microsecond=0)
        rows = journal.db.execute(
            "SELECT sender, count(DISTINCT study) FROM objects WHERE came >= ? AND came < ? AND sender <> ''"
            " GROUP BY sender",
            (_utc(begin), _utc(end)),
        )
        for sender, count in rows:
            counts.setdefault(str(sender), []).append(int(count))
    return {sender: median([*found, *[0] * (WEEKS - len(found))]) for sender, found in counts.items()}


def _expected(program: Program | None, now: datetime) -> Iterator[tuple[str, datetime, str]]:
    """Who should have sent since when, by which rule."""
    wall = now.replace(tzinfo=None)
    for chore in program.chores if program is not None else ():
        for call in chore.chain:
            if call.step == "alarm" and "senders" in call.arguments and isinstance(chore.when, Daily):
                since = Since.of(call.arguments["since"]).before(chore.when.latest(wall))
                for sender in AETitles.of(call.arguments["senders"]).titles:
                    yield sender, since.astimezone(now.tzinfo), chore.written


def _iso(moment: float | None) -> str:
    return "" if moment is None else _utc(datetime.fromtimestamp(moment, UTC))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
