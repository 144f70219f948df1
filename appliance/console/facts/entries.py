"""Entries of an outbox or of the hold, a page at a time, in the order in which the objects came.

A page begins behind the last id of the one before. However many wait, the names alone are looked at, one by one; notes
are read for what is shown.
"""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine.journal import Journal
from engine.journal_tables import number_of
from engine.window import entries

PAGE, PAGE_MOST = 50, 500


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose image it is, as far as the journal knows."""

    name: str = ""
    patient: str = ""
    birth: str = ""
    study: str = ""
    date: str = ""
    modality: str = ""


def page_of(folders: Iterable[Path], after: str, most: int) -> tuple[list[str], str]:
    """The next ids in these folders behind `after`, and what the next page is asked with (empty: there is none)."""
    most = min(max(most, 1), PAGE_MOST)
    names = (name[:-4] for folder in folders for name in entries(folder) if name.endswith(".dcm"))
    # One that moves on meanwhile may be seen in two folders.
    next_ones = list(dict.fromkeys(heapq.nsmallest(2 * most + 2, (name for name in names if name > after))))
    return next_ones[:most], next_ones[most - 1] if len(next_ones) > most else ""


def whose(journal: Journal, ids: Sequence[str]) -> dict[str, Whose]:
    """By id of the entry."""
    numbers = {entry: number_of(entry) for entry in ids}
    found: dict[str, Whose] = {}
    some = list(dict.fromkeys(numbers.values()))
    rows = journal.db.execute(
        "SELECT number, name, id, birth, study, date, modality FROM objects"
        f" WHERE number IN ({', '.join('?' * len(some))})",
        some,
    )
    by_number = {str(number): Whose(*map(str, rest)) for number, *rest in rows}
    for entry, number in numbers.items():
        found[entry] = by_number.get(number, Whose())
    return found


def moment(seconds: float) -> str:
    """ISO 8601 in UTC; empty for none."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds") if seconds else ""
