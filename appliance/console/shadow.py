"""New rules on trial: for some minutes every object that comes is judged by them, too, while the old ones run.

    DATA/console/changeover.json     the row `trial`: the rules, until when, and what is to be done then
                /trial-<id>.jsonl    what was judged (appliance.console.facts.judging)

    running ──▶ asking ──▶ over      a person decides
        └──▶ switching ──▶ over      the rules are activated by themselves, as was chosen

The time goes on by the clock, also while the console or the appliance is off; how long they were is told. Rules that
somebody changes meanwhile end the trial. It must not know the web.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.alone import alone
from appliance.console.audit import Audit
from appliance.console.book import Book
from appliance.console.facts.changes import Differing, compiled, preview
from appliance.console.facts.house import House
from appliance.console.facts.judging import Judged, Judging, alike
from appliance.console.facts.rule_files import Activation, Conflict, digest
from appliance.console.probation import Probation
from appliance.console.words import Refusal
from appliance.rulebook import NoRules
from dsl.compile import Compiled
from engine import files

LEAST, LONGEST = 5, 1440
"""Minutes."""

RUNNING, ASKING, SWITCHING, OVER = "running", "asking", "switching", "over"
ASK, UNLESS_NEW, ALWAYS = THEN = ("ask", "unless new", "always")
"""What is done at the end. unless new: the rules are activated where nothing differs but what had been seen before."""

SWITCHED, CANCELLED, CONFLICT, ERRORS = OUTCOMES = ("switched", "cancelled", "conflict", "errors")
"""conflict: somebody has changed the rules meanwhile. errors: these rules could not be activated any more."""
CHOSEN, NEW, NOTHING, GONE, TRIED = WHY = ("chosen", "new", "nothing came", "gone", "errors")
"""Why a person is asked: so it was chosen; something new differs; no object came; of many it is not known; the rules
have errors now."""

FEW = 0.1
"""Where more than this part of what came could not be judged, a person is asked."""
KEEP = 30.0
"""Seconds between two times at which it is written down that it was looked at."""
OFF = 90.0
"""More than so many seconds between two of them, and the console was off."""
WAIT = 60.0
"""Seconds after the end in which the last objects are judged."""
DIFFERENCES = 500
"""Differences that are known from the beginning."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A difference, and whether it had been seen before the trial began."""

    differing: Differing
    seen: bool


class Shadow:
    """One data folder's. Threads may share one; one process at a time looks (appliance.console.minding)."""

    def __init__(
        self, house: House, probation: Probation, audit: Audit, rows: Book, now: Callable[[], float] = time.time
    ) -> None:
        self._house, self._probation, self._audit, self._rows, self._now = house, probation, audit, rows, now
        self._files = probation.files
        self._judging: tuple[str, Judging] | None = None
        self._looked = 0.0

    # --- what people do

    def begin(
        self, texts: Mapping[str, str], expected: str, minutes: int, then: str, watch: int, by: str, why: str
    ) -> Compiled:
        """Try these rules for so many minutes; watch: for how many they are watched once they were activated.

        They do not begin where they have errors. Raises Refusal, Conflict, KeyError, OSError, and
        appliance.rulebook.NoRules where none have ever run here.
        """
        self._must_not_run()
        result = compiled(self._house, self._files.instead(texts))
        if result.program is None:
            return result
        if digest(self._files.current()) != expected:
            raise Conflict
        known: tuple[Differing, ...] = ()
        # Without it, all is new at the end.
        with suppress(OSError):
            known = preview(self._house, result.program).groups if self._has_journal() else ()
        now = self._now()
        row = {
            "id": secrets.token_hex(8),
            "state": RUNNING,
            "by": by,
            "why": why,
            "begun": now,
            "until": now + 60 * minutes,
            "minutes": minutes,
            "then": then,
            "watch": watch,
            "expected": expected,
            "files": dict(texts),
            "known": [list(_said(one)) for one in known[:DIFFERENCES]],
            "tests": len(result.trials),
            "looked": now,
            "unseen": 0.0,
            "off": 0.0,
        }
        with self._alone():
            self._must_not_run()
            self._drop_files()
            self._write(row)
        return result

    def cancel(self) -> Row:
        """End it; nothing has changed. Raises Refusal, OSError."""
        with self._alone():
            row = self._going()
            self._over(row, CANCELLED)
            return row

    def switch(self, by: str) -> Activation:
        """Activate the rules now, as whoever says so. Raises Refusal, Conflict, NoRules, OSError."""
        with self._alone():
            row = self._going()
            self._write(row, state=SWITCHING, by=by)
            return self._switch(row)

    def forget(self) -> None:
        """A person has seen how it ended. Raises OSError."""
        with self._alone():
            row = self.row()
            if row is not None and row["state"] == OVER:
                with self._rows.change() as rows:
                    rows.pop("trial", None)
                self._drop_files()

    def row(self) -> Row | None:
        """What is tried, or was last. Raises OSError."""
        found = self._rows.rows().get("trial")
        return None if found is None else dict(found)

    def judged(self, row: Row) -> Judged:
        """What is known by now. Raises OSError."""
        if row.get("judged"):
            return _from_row(row)
        judging = self._judging
        if judging is not None and judging[0] == row["id"]:
            return judging[1].found()
        return Judged(0, 0, 0, ())

    def groups(self, row: Row, judged: Judged) -> list[Group]:
        """The differences, those first that had not been seen before the trial."""
        known = {_key(*one) for one in row["known"]}
        found = [Group(one, _key(*_said(one)) in known) for one in judged.groups]
        return sorted(found, key=lambda one: one.seen)

    # --- the one that looks

    def look(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Go on with what is there. Raises OSError."""
        with self._alone():
            row = self.row()
            if row is None or row["state"] in (OVER, ASKING):
                if row is not None and row["state"] == ASKING and self._is_changed(row):
                    self._over(row, CONFLICT)
                return
            if row["state"] == SWITCHING:
                self._recover(row)
                return
            if self._is_changed(row):
                self._over(row, CONFLICT)
                return
            self._mind_the_clock(row)
            idle = self._judge(row, stop)
            now = self._now()
            if now >= row["until"] and (idle or now >= row["until"] + WAIT):
                self._decide(row)

    def _judge(self, row: Row, stop: Callable[[], bool]) -> bool:
        """Whether nothing is left that could be judged now."""
        if self._judging is None or self._judging[0] != row["id"]:
            program = self._files.book.compile(instead=self._files.instead(row["files"])).program
            if program is None:
                return True  # an included file was changed: it is said at the end
            self._judging = row["id"], Judging(self._house, program, row["begun"], self._file(row["id"]), self._now)
        return not self._has_journal() or self._judging[1].look(stop)

    def _mind_the_clock(self, row: Row) -> None:
        """How long nobody has looked, and how long no appliance ran, is written down now and then."""
        now = self._now()
        if self._looked and now - self._looked < KEEP:
            return
        gap = max(0.0, min(now, row["until"]) - row["looked"])
        is_off = not self._house.is_running()
        more = {"unseen": row["unseen"] + gap} if gap > OFF else {"off": row["off"] + gap} if is_off else {}
        self._write(row, looked=now, **more)
        self._looked = now

    def _decide(self, row: Row) -> None:
        """The time is over."""
        judged = self.judged(row)
        # Where rules have come to come from Git meanwhile, nothing here changes them by itself any more.
        why = CHOSEN if row["then"] == ASK or self._house.settings.rules_git else None
        if not self._can_run(row):
            why = TRIED
        elif row["then"] == UNLESS_NEW:
            came = judged.judged + judged.gone
            if not came:
                why = NOTHING
            elif judged.gone > FEW * came:
                why = GONE
            if any(not one.seen for one in self.groups(row, judged)):
                why = NEW
        if why is not None:
            self._write(row, state=ASKING, asks=why, ended=self._now(), judged=_to_row(judged))
            self._audit.note(row["by"], "rules-trial-ended", detail=why)
            return
        self._write(row, state=SWITCHING, judged=_to_row(judged))
        with suppress(Conflict):
            self._switch(row)

    def _can_run(self, row: Row) -> bool:
        with suppress(NoRules):
            return compiled(self._house, self._files.instead(row["files"])).program is not None
        return False

    def _switch(self, row: Row) -> Activation:
        """Activate its rules. Whatever breaks this off, it is done again."""
        row.setdefault("judged", _to_row(self.judged(row)))
        try:
            done = self._probation.activate(row["files"], row["by"], row["why"], row["expected"], row["watch"])
        except Conflict:
            self._over(row, CONFLICT)
            raise
        if done.version is None:
            self._over(row, ERRORS)
        else:
            self._audit.note(row["by"], "rules-activated", (f"version {done.version.number}",), detail="after a trial")
            self._over(row, SWITCHED, version=done.version.number)
        return done

    def _recover(self, row: Row) -> None:
        """It was broken off while its rules were activated. Probation looks first, and has one of the two there."""
        if digest(self._files.current()) == digest(row["files"]):
            last = self._files.last()
            self._over(row, SWITCHED, version=0 if last is None else last.number)
        elif self._is_changed(row):
            self._over(row, CONFLICT)
        else:
            try:
                self._switch(row)
            except (Conflict, NoRules):
                self._over(row, CONFLICT)

    # --- inside

    def _alone(self) -> AbstractContextManager[bool]:
        """Nobody else begins, ends or looks meanwhile, in this process or another."""
        return alone(self._rows.file.with_name(".trial.lock"))

    def _must_not_run(self) -> None:
        row = self.row()
        if row is not None and row["state"] != OVER:
            raise Refusal(409, "Rules are being tried already. End that trial first.")

    def _going(self) -> Row:
        row = self.row()
        if row is None or row["state"] not in (RUNNING, ASKING):
            raise Refusal(409, "No rules are being tried.")
        return row

    def _is_changed(self, row: Row) -> bool:
        return digest(self._files.current()) != str(row["expected"])

    def _has_journal(self) -> bool:
        return self._house.settings.spool.is_dir() and self._house.program() is not None

    def _over(self, row: Row, outcome: str, **more: object) -> None:
        judged = row.get("judged") or _to_row(self.judged(row))
        self._write(row, state=OVER, outcome=outcome, ended=self._now(), judged=judged, **more)

    def _write(self, row: Row, **more: object) -> None:
        row.update(more)
        with self._rows.change() as rows:
            rows["trial"] = row

    def _file(self, trial: str) -> Path:
        return self._rows.file.parent / f"trial-{trial}.jsonl"

    def _drop_files(self) -> None:
        for file in self._rows.file.parent.glob("trial-*.jsonl"):
            files.remove(file)


def _said(one: Differing) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return one.way, alike(one.lost), alike(one.won)


def _key(way: str, lost: Any, won: Any) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    return way, tuple(lost), tuple(won)


def _to_row(judged: Judged) -> Row:
    groups = [[*_said(one), one.count, list(one.objects)] for one in judged.groups[:DIFFERENCES]]
    return {"judged": judged.judged, "differ": judged.differ, "gone": judged.gone, "groups": groups}


def _from_row(row: Row) -> Judged:
    said = row["judged"]
    groups = (
        Differing(way, tuple(lost), tuple(won), count, tuple(some)) for way, lost, won, count, some in said["groups"]
    )
    return Judged(said["judged"], said["differ"], said["gone"], tuple(groups))
