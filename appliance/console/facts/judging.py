"""Judging: what other rules would make of the objects that come, beside those that run. Nothing leaves by it.

Each object is judged once, soon after it came, from where it lies then. One that has gone already is judged by what the
journal knows of it, where the rules ask for nothing else; otherwise it is counted as gone.
What was judged is a line in a file, so that it is known after a restart:

    ["<number>"]                              nothing would change
    ["<number>", "<way>", [lost], [won]]      this would
    ["<number>", ""]                          it had gone before it could be looked at
"""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine import files
from engine.identities import Identities
from engine.journal import Journal
from engine.journal_tables import came
from engine.object import Object
from engine.program import Program

from .advice import group_of
from .changes import NAMED, Differing, Tried, differing, object_of, way_of
from .faring import purposes
from .house import House
from .recalling import recalled

MOST = 300_000
"""Objects that are judged; then it is enough."""

SECONDS = 1.0
"""So long may one look take: pages are waited for meanwhile."""

PATIENCE = 30.0
"""An object that lies nowhere this long after it came has gone; until then it may be between two places."""

_ROWS = 2000
_OVERLAP = 60.0
"""So many seconds before the newest are looked through again: what came at one moment may be noted at another."""

HELD = "hold it: "
"""How appliance.wording begins what follows by the reason."""

NO_ROUTE = "no route takes it"

Fate = tuple[tuple[str, ...], tuple[str, ...]]
"""As appliance.console.facts.changes.Tried.fate answers it."""

Said = tuple[str, tuple[str, ...], tuple[str, ...]]
"""By which way, what falls away, what is new."""


@dataclass(frozen=True, slots=True)
class Judged:
    """judged: objects of which it is known; differ: those that would fare otherwise; gone: others, not known of."""

    judged: int
    differ: int
    gone: int
    groups: tuple[Differing, ...]


class Judging:
    """Of one trial: the objects since a moment (seconds since 1970), and the file in which it is noted."""

    def __init__(self, house: House, new: Program, begun: float, file: Path, now: Callable[[], float] = time.time):
        """Raises OSError."""
        self._house, self._new, self._file, self._now = house, new, file, now
        self._identities = Identities.of(house.settings.data)
        self._after = Tried.of(new, self._identities)
        self._purposes = {"the rule says so", *purposes(new, house.program())}
        self._before: tuple[str, Tried] | None = None
        self._seen: set[str] = set()
        self._same = self._gone = 0
        self._groups: dict[Said, tuple[int, list[str]]] = {}
        self._begun = self._from = begun
        self._read()

    def found(self) -> Judged:
        """What is known by now."""
        groups = [Differing(*said, count, tuple(named)) for said, (count, named) in list(self._groups.items())]
        groups.sort(key=lambda one: -one.count)
        differ = sum(one.count for one in groups)
        return Judged(self._same + differ, differ, self._gone, tuple(groups))

    @property
    def is_full(self) -> bool:
        """Whether so many were judged that no more are."""
        return len(self._seen) >= MOST

    def look(self, stop: Callable[[], bool] = lambda: False) -> bool:
        """Judge what has come; whether nothing is left that could be judged now. Raises OSError, JournalTrouble."""
        program = self._house.program()
        if program is None or self.is_full:
            return True
        if self._before is None or self._before[0] != program.digest:
            self._before = (program.digest, Tried.of(program, self._identities))
        end = time.monotonic() + SECONDS
        with self._house.journals.open() as journal:
            rows = self._rows(journal)
            waiting = ""
            for place, row in enumerate(rows):
                if stop() or time.monotonic() > end:
                    return False
                if not self._judge(journal, row) and not waiting:
                    waiting = row[5]
                if not waiting and place % 100 == 99:
                    self._advance(row[5])
        self._advance(waiting or (rows[-1][5] if rows else ""))
        return len(rows) < _ROWS and not waiting

    def _rows(self, journal: Journal) -> list[tuple[str, ...]]:
        since = max(self._begun, self._from - _OVERLAP)
        # Nothing but the window that is still open is gone through again, and of it what is not judged.
        found = journal.db.execute(
            "SELECT number, source, sender, called, address, came FROM objects"
            " WHERE told AND number = family AND came >= ? ORDER BY came",
            (came(f"{int(since * 1e9):016x}"),),
        )
        rows = []
        for row in found:
            if row[0] not in self._seen:
                rows.append(tuple(map(str, row)))
                if len(rows) == _ROWS:
                    break
        return rows

    def _judge(self, journal: Journal, row: tuple[str, ...]) -> bool:
        """Whether something is known of it now, be it that it has gone."""
        number, at = row[0], datetime.fromisoformat(row[5]).timestamp()
        found = object_of(self._house, journal, *row)
        if isinstance(found, Object):
            self._note_fates(found, self._fates(found))
            return True
        if self._now() - at < PATIENCE:
            return False
        known = recalled(journal, number)
        if known is not None:
            obj, asked = known
            fates = self._fates(obj)
            if not asked.wanted and all(self._is_certain(one) for one, _ in fates):
                self._note_fates(obj, fates)
                return True
        self._note([number, ""])
        return True

    def _fates(self, obj: Object) -> tuple[Fate, Fate]:
        assert self._before is not None
        return self._before[1].fate(obj), self._after.fate(obj)

    def _note_fates(self, obj: Object, fates: tuple[Fate, Fate]) -> None:
        lost, won = map(alike, differing(*fates))
        self._note([obj.id, way_of(obj.origin), lost, won] if lost or won else [obj.id])

    def _is_certain(self, effects: tuple[str, ...]) -> bool:
        """Whether no step has stumbled over bytes that are not there: nothing is held but what rules hold."""
        held = {one.removeprefix(HELD) for one in effects if one.startswith(HELD)}
        return bool(effects) and held <= {NO_ROUTE, *self._purposes}

    def _note(self, line: list[object]) -> None:
        files.append(self._file, json.dumps(line, ensure_ascii=False).encode() + b"\n")
        self._count(line)

    def _count(self, line: list[object]) -> None:
        number = str(line[0])
        if number in self._seen:
            return
        self._seen.add(number)
        match line:
            case [_]:
                self._same += 1
            case [_, str(way), [*lost], [*won]]:
                said = way, tuple(map(str, lost)), tuple(map(str, won))
                count, named = self._groups.get(said, (0, []))
                self._groups[said] = count + 1, [number, *named][:NAMED]
            case _:
                self._gone += 1

    def _read(self) -> None:
        """What was judged before a restart. A line that a crash has torn is judged again."""
        with suppress(FileNotFoundError), self._file.open(encoding="utf-8", errors="replace") as stream:
            for text in stream:
                with suppress(ValueError, IndexError):
                    line = json.loads(text)
                    if isinstance(line, list):
                        self._count(line)

    def _advance(self, at: str) -> None:
        if at:
            self._from = max(self._from, datetime.fromisoformat(at).timestamp())


def alike(effects: tuple[str, ...]) -> tuple[str, ...]:
    """Effects without what a reason quotes of one object: it is written down, and is to be the same for all."""
    return tuple(f"{HELD}{group_of(one.removeprefix(HELD))}" if one.startswith(HELD) else one for one in effects)
