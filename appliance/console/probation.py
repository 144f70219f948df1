"""New rules on probation: activated, watched for some minutes, and taken back by themselves when failures rise.

    DATA/console/changeover.json     the row `watch`: what is being done, written before it is done

    switching ──▶ watching ──▶ over            it went well, or somebody has changed the rules since
                      └──▶ back ──▶ over       the version before is the rules again, as a new version

A console that is killed at any step goes on by what stands there: the rules are then those of before or the new ones,
and the row says which. Nothing is taken back twice, nor over what somebody else has written. It must not know the web.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from appliance import withdrawn
from appliance.alone import alone
from appliance.by_hand import take_back
from appliance.console.audit import Audit
from appliance.console.book import Book
from appliance.console.facts.changes import book, compiled
from appliance.console.facts.faring import Counts, Faring, before, has_risen, purposes
from appliance.console.facts.guarding import guards
from appliance.console.facts.house import House, NoSpool
from appliance.console.facts.rule_files import Activation, Conflict, RuleFiles, digest
from appliance.console.running import Running
from appliance.rulebook import NoRules
from engine.program import Program

log = logging.getLogger("stellwerk.console")

MINUTES = 10
"""So long new rules are watched, unless somebody chooses another time."""
LONGEST = 1440

AUTHOR = "stellwerk"
"""Who takes rules back."""

SWITCHING, WATCHING, BACK, OVER = "switching", "watching", "back", "over"
KEPT, WITHDRAWN, LEFT, SUPERSEDED, BROKEN_OFF, ENDED = OUTCOMES = (
    *("kept", "withdrawn", "left", "superseded", "broken off", "ended"),
)
"""kept: the time was over and all was well. left: failures rose, and the rules before guard less. superseded: somebody
has changed the rules since. broken off: they were never written. ended: a person did not want them watched any more."""

PUT_BACK_WORDS = {
    WITHDRAWN: "The version before was taken back, as failures rose.",
    BROKEN_OFF: "An activation was broken off, and undone.",
}
"""The note of a version that we make ourselves."""

HELD, DESTINATION, REFUSED = REASONS = ("held", "destination", "refused")
"""Why rules are taken back: more is held, a destination has begun to fail, the appliance does not take them over."""

LASTING = 60.0
"""Seconds that a trouble must last: a destination that is just started again is none."""
GIVE_UP = 600.0
"""Seconds after which it is not waited any longer for the former rules to run again."""
KEEP = 30.0
"""Seconds between two times at which it is written down how long was watched."""
BLIND = 10.0
"""More than so many seconds between two looks, and nobody has watched meanwhile."""

_FOLDERS = ("folder ", "outbox ")
"""How troubles of watched folders begin (appliance.folders): rules name those, too."""
_WAYS = ("rules by the clock", "the router")

Row = dict[str, Any]


@dataclass(slots=True)
class _Seen:
    """What one look hands to the next, of one row."""

    id: str
    at: float
    kept_at: float
    faring: Faring | None = None
    since: dict[str, float] = field(default_factory=dict)
    """Of each new trouble, since when it is there."""
    held: Counts = Counts()
    watched: float = 0.0
    """Seconds that are not written down yet."""


class Probation:
    """One data folder's. Threads may share one; one process at a time looks (appliance.console.minding)."""

    def __init__(
        self, house: House, running: Running, audit: Audit, rows: Book, now: Callable[[], float] = time.time
    ) -> None:
        self._house, self._running, self._audit, self._rows, self._now = house, running, audit, rows, now
        self.files = RuleFiles(book(house.settings), house.settings.data)
        self._seen: _Seen | None = None
        self._looking = threading.Lock()

    # --- what people do

    def activate(
        self, texts: Mapping[str, str], author: str, why: str, expected: str, minutes: int = MINUTES
    ) -> Activation:
        """Make these the rules, and watch them for so many minutes (0: do not).

        Raises as RuleFiles.activate, and appliance.rulebook.NoRules.
        """
        result = self._judge(self.files.instead(texts))
        if result.program is None:
            return Activation(None, result)
        with self._alone():
            former, program = self.files.current(), self._house.program()
            if digest(former) != expected:
                raise Conflict
            # What means the same as what runs and as what was written cannot fare worse.
            watched = minutes and {program, self._written()} != {result.program}
            row = self._row(texts, former, author, why, minutes, result.program) if watched else None
            self._write(row)
            done = self.files.activate(texts, author, why, expected, self._judge)
            if done.version is not None:
                withdrawn.forget(self._house.settings.data)
                if row is not None:
                    self._write(row, state=WATCHING, version=done.version.number)
            return done

    def _written(self) -> Program | None:
        with contextlib.suppress(NoRules):
            return self.files.book.compile().program
        return None

    def _row(
        self, texts: Mapping[str, str], former: Mapping[str, str], author: str, why: str, minutes: int, new: Program
    ) -> Row:
        old = self._house.program()
        return {
            "id": secrets.token_hex(8),
            "state": SWITCHING,
            "by": author,
            "why": why,
            "begun": self._now(),
            "minutes": minutes,
            "watched": 0.0,
            "files": dict(texts),
            "former": dict(former),
            "program": new.digest,
            "new destinations": sorted(_destinations(new) - _destinations(old)),
            "purposes": sorted(purposes(old, new)),
            "guards": guards(old, new),
            "troubled": sorted(self._troubled()),
        }

    def end(self) -> Row | None:
        """Watch no longer; answers what was watched, None where nothing was. Raises OSError."""
        with self._alone():
            row = self.row()
            if row is None or row["state"] != WATCHING:
                return None
            self._write(row, state=OVER, outcome=ENDED, ended=self._now())
            return row

    def forget(self) -> None:
        """A person has seen what became of it. Raises OSError."""
        with self._alone():
            row = self.row()
            if row is not None and row["state"] == OVER:
                withdrawn.forget(self._house.settings.data)
                self._write(None)

    def row(self) -> Row | None:
        """What is watched, or was last. Raises OSError."""
        found = self._rows.rows().get("watch")
        return None if found is None else dict(found)

    def counts(self, row: Row) -> tuple[Counts, Counts]:
        """How objects fared before, and since."""
        seen = self._seen
        if seen is not None and seen.id == row["id"]:
            return _counts(row, "before"), seen.held
        return _counts(row, "before"), _counts(row, "after")

    def watched(self, row: Row) -> float:
        """For how many seconds the appliance has run by these rules while somebody looked."""
        seen = self._seen
        return float(row["watched"]) + (seen.watched if seen is not None and seen.id == row["id"] else 0.0)

    # --- the one that looks

    def look(self) -> None:
        """Go on with what is there. Raises OSError."""
        with self._looking, self._alone(wait=False) as mine:
            row = self.row() if mine else None
            if row is None or row["state"] == OVER:
                return
            if self._seen is None or self._seen.id != row["id"]:
                self._seen = _Seen(row["id"], self._now(), self._now())
            {SWITCHING: self._recover, WATCHING: self._watch, BACK: self._go_back}[row["state"]](row, self._seen)

    def _recover(self, row: Row, _seen: _Seen) -> None:
        """An activation was broken off by a crash or by the disk."""
        now, version = self.files.current(), self.files.last()
        if digest(now) == digest(row["files"]):
            # A version is kept before its files are written.
            self._write(row, state=WATCHING, version=0 if version is None else version.number)
            return
        if digest(now) != digest(row["former"]):
            if not _is_half(now, row["former"], row["files"]):
                self._over(row, SUPERSEDED)
                return
            self._put_back(row["former"], PUT_BACK_WORDS[BROKEN_OFF], now)
        self._over(row, BROKEN_OFF)

    def _watch(self, row: Row, seen: _Seen) -> None:
        now = self._now()
        gap, seen.at = now - seen.at, now
        if digest(self.files.current()) != digest(row["files"]):
            self._over(row, SUPERSEDED)
            return
        state = self._running.state()
        if not state.is_running:
            return
        if "before" not in row:
            row["before"] = _pair(before(self._house, row["begun"], row["purposes"]))
            self._write(row)
        reason = self._reason(row, seen, state.data, now)
        if reason is not None and _may_go_back(row, reason, seen):
            self._write(row, state=BACK, reason=reason, after=_pair(seen.held), back=now)
            return
        if reason is not None:
            withdrawn.say(self._house.settings.data, row["version"], now, went_back=False)
            log.error(
                "failures rose by version %d of the rules (%s); a person must decide", row["version"], reason["kind"]
            )
            self._audit.note(AUTHOR, "rules-left", (f"version {row['version']}",), detail=reason["kind"])
            self._over({**row, "reason": reason}, LEFT)
            return
        if state.data.get("program") == row["program"] and 0 < gap <= BLIND:
            seen.watched += gap
        if self.watched(row) >= 60 * row["minutes"]:
            self._over(row, KEPT)
        elif now - seen.kept_at >= KEEP:
            self._write(row, after=_pair(seen.held), watched=self.watched(row))
            seen.kept_at, seen.watched = now, 0.0

    def _reason(self, row: Row, seen: _Seen, state: Mapping[str, Any], now: float) -> Row | None:
        """Why these rules are to be taken back; None where nothing says so."""
        if seen.faring is None:
            wanted, history = row["program"], self._house.settings.spool / "history"
            seen.faring = Faring(history, row["begun"], lambda line: line.get("program") == wanted, row["purposes"])
        seen.held = seen.faring.look()
        if has_risen(_counts(row, "before"), seen.held):
            return {"kind": HELD}
        there = {name: words for name, words in _failing(state).items() if name not in row["troubled"]}
        if state.get("program") != row["program"]:
            # What the old rules have to say is nothing against the new ones, but that they cannot take over.
            there = {"": str(state.get("rules", ""))} if state.get("rules") else {}
        seen.since = {name: seen.since.get(name, now) for name in there}
        lasting = [name for name, since in seen.since.items() if now - since >= LASTING]
        if not lasting:
            return None
        name = min(lasting, key=lambda one: seen.since[one])
        return {"kind": DESTINATION if name else REFUSED, "name": name, "words": there[name]}

    def _go_back(self, row: Row, _seen: _Seen) -> None:
        current, data = self.files.current(), self._house.settings.data
        if not row.get("told"):
            if not _is_half(current, row["former"], row["files"]):
                withdrawn.forget(data)
                self._over(row, SUPERSEDED)
                return
            withdrawn.say(data, row["version"], row["back"])
            kind = row["reason"]["kind"]
            log.error("version %d of the rules is taken back: failures rose (%s)", row["version"], kind)
            if digest(current) != digest(row["former"]):
                self._put_back(row["former"], PUT_BACK_WORDS[WITHDRAWN], current)
            self._audit.note(AUTHOR, "rules-withdrawn", (f"version {row['version']}",), detail=kind)
            self._write(row, told=True, moved=0)
        elif digest(current) != digest(row["former"]):
            # Somebody has changed them after that: what waits is theirs.
            self._over(row, WITHDRAWN)
            return
        state = self._running.state()
        if state.is_running and state.data.get("program") == row["program"]:
            self._make_way(row)
            if self._now() - row["back"] < GIVE_UP:
                return
            row["stuck"] = True
        self._over(row, WITHDRAWN)

    def _make_way(self, row: Row) -> None:
        """The former rules cannot run while something waits for a destination that only the new ones know."""
        moved = 0
        with contextlib.suppress(NoSpool):
            there = set(self._house.spool.outboxes())
            for name in sorted(there & set(row["new destinations"])):
                done = take_back(self._house.spool, name, why=f"the rules that send to {name} were taken back")
                moved += len(done.done)
        if moved:
            self._write(row, moved=row.get("moved", 0) + moved)

    # --- inside

    def _put_back(self, texts: Mapping[str, str], why: str, current: Mapping[str, str]) -> None:
        """As a version. They ran before, so nothing is asked; what they are owed is seen to afterwards."""
        rules = self.files.book
        self.files.activate(texts, AUTHOR, why, digest(current), lambda instead: rules.compile(instead=instead))

    def _judge(self, instead: Mapping[str, str | None]) -> Any:
        return compiled(self._house, instead)

    def _troubled(self) -> set[str]:
        state = self._running.state()
        return set(_failing(state.data)) if state.is_running else set()

    def _over(self, row: Row, outcome: str) -> None:
        after = _pair(self._seen.held) if self._seen is not None else row.get("after", [0, 0])
        if row["state"] == BACK:
            after = row.get("after", after)
        self._write(row, state=OVER, outcome=outcome, ended=self._now(), after=after)

    def _write(self, row: Row | None, **more: object) -> None:
        with self._rows.change() as rows:
            if row is None:
                rows.pop("watch", None)
            else:
                row.update(more)
                rows["watch"] = row

    def _alone(self, wait: bool = True) -> AbstractContextManager[bool]:
        """Nobody else activates or looks meanwhile, in this process or another; without waiting, whether it is so."""
        return alone(self._rows.file.with_name(".switching.lock"), wait)


def _failing(state: Mapping[str, Any]) -> dict[str, str]:
    """The troubles that rules can cause: of outboxes that no person has paused, of folders, of the ways through."""
    pumps = {str(one.get("name")): one for one in state.get("pumps", ()) if isinstance(one, Mapping)}
    found = {}
    for one in state.get("troubles", ()):
        name = str(one.get("name", ""))
        is_outbox = name in pumps and not pumps[name].get("paused_since")
        if is_outbox or name.startswith(_FOLDERS) or name in _WAYS:
            found[name] = str(one.get("words", ""))
    return found


def _may_go_back(row: Row, reason: Row, seen: _Seen) -> bool:
    """Whether the rules before guard as much: nothing unclean may leave because nobody was there to decide.

    Rules that were not taken over have guarded nothing yet.
    """
    is_clean = seen.faring is None or not seen.faring.unclean
    return reason["kind"] == REFUSED or (is_clean and not row.get("guards"))


def _is_half(now: Mapping[str, str], one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether each file is as it is in one of the two: nobody else has written."""
    return all(now.get(name) in (one.get(name), other.get(name)) for name in {*now, *one, *other})


def _destinations(program: Program | None) -> set[str]:
    return set() if program is None else {one.name for one in program.destinations}


def _pair(counts: Counts) -> list[int]:
    return [counts.received, counts.held]


def _counts(row: Row, name: str) -> Counts:
    return Counts(*map(int, row.get(name, (0, 0))))
