"""What pages and operations do with rules on trial and on probation, and how these stand, in words for a person.

It must not know the web.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil

from appliance.console import probation, shadow, told
from appliance.console.context import Context
from appliance.console.effects import effect
from appliance.console.facts.advice import UNCLEAN, kind_of_reason
from appliance.console.facts.faring import FAILURES
from appliance.console.probation import Row
from appliance.console.rulework import Activated, Found, Rulework, in_words
from appliance.console.words import Refusal, say
from appliance.rulebook import NoRules
from engine.errors import Never
from engine.step import HOLD

SECONDS = 20.0
"""After so long, sending through again is broken off; what is left is told."""

_TRIAL_WORDS = {
    "running": "Until {until}, every image that comes is judged by the new rules, too. The old ones run; nothing is "
    "done by the new ones yet.",
    "asking": "The trial is over. The old rules run on until you decide.",
    "switching": "The trial is over; the new rules are being activated.",
    "switched": "The trial is over, and the new rules are version {version}.",
    "cancelled": "The trial was ended before its time. The old rules run.",
    "conflict": "The trial has ended, as somebody has changed the rules meanwhile.",
    "errors": "The trial has ended: the new rules have errors now, so they were not activated.",
}
_THEN_WORDS = {
    "ask": "At the end, you are asked.",
    "unless new": "At the end they are activated, unless something differs that was not seen at the beginning.",
    "always": "At the end they are activated in any case.",
}
_ASKS_WORDS = {
    "chosen": "You wanted to be asked.",
    "new": "Some images would fare otherwise in a way that was not seen at the beginning.",
    "nothing came": "No image came meanwhile, so nothing was tried.",
    "gone": "Of many images it cannot be said what would have become of them.",
    "errors": "The new rules have errors now: something that they need was changed.",
}
_WATCH_WORDS = {
    "switching": "Version {version} is being written.",
    "watching": "Version {version} is watched for {left} more minutes. Should failures rise, the version before comes "
    "back by itself.",
    "watching alone": "Version {version} is watched for {left} more minutes. Should failures rise, you are told; the "
    "version before does not come back by itself, as it cleans or holds less.",
    "back": "Failures have risen: the version before is being put back.",
    "kept": "Version {version} was watched for {minutes} minutes, and failures did not rise.",
    "superseded": "Version {version} is watched no longer: somebody has changed the rules since.",
    "broken off": "An activation was broken off. The rules are as they were before it.",
    "ended": "Version {version} is watched no longer: somebody has ended it.",
    "withdrawn": "Version {version} was taken back, as failures rose. The rules are as they were before it.",
    "left": "Failures have risen, and version {version} still runs: the rules before it clean or hold less, so going "
    "back could let out what must stay. Look at what is held, then mend the rules, or choose a version below.",
}
_REASON_WORDS = {
    "held": "Of {received} images that came since, {held} are held by failures; before, it was {before_held} of "
    "{before_received}.",
    "destination": "{name} has failed since: {words}",
    "refused": "The appliance did not take the new rules over: {words}",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """A way in which some objects would fare otherwise; seen: known since the trial began."""

    way: str
    lost: tuple[str, ...]
    won: tuple[str, ...]
    count: int
    objects: tuple[str, ...]
    seen: bool


@dataclass(frozen=True, slots=True)
class TrialFacts:
    """A trial for a page. Moments in ISO 8601 (UTC), `left` in seconds; words: how it stands, in sentences."""

    id: str
    state: str
    outcome: str
    by: str
    why: str
    begun: str
    until: str
    left: int
    minutes: int
    then: str
    watch: int
    version: int
    judged: int
    differ: int
    gone: int
    tests: int
    groups: tuple[Difference, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WatchFacts:
    """New rules on probation for a page. received, held: since they run; left: minutes."""

    id: str
    state: str
    outcome: str
    by: str
    begun: str
    minutes: int
    left: int
    version: int
    received: int
    held: int
    before_received: int
    before_held: int
    moved: int
    words: tuple[str, ...]


@dataclass(slots=True)
class Again:
    """How many were sent through the rules again, how many could not be and why, and how many are left."""

    done: int = 0
    left: int = 0
    unfit: dict[str, str] = field(default_factory=dict)


class Trialwork:
    """On one data folder, for somebody of this language."""

    def __init__(self, context: Context, language: str) -> None:
        self._context, self._language = context, language
        self._rules = Rulework(context, language)

    # --- the trial

    def begin(
        self, texts: Mapping[str, str], expected: str, minutes: int, then: str, watch: int, by: str, why: str
    ) -> tuple[Found, ...]:
        """Begin one; answers what is found in the rules: with errors, nothing has begun. Raises Refusal."""
        self._rules.refuse_with_git()
        for name in texts:
            self._rules.path(name)
        with in_words():
            return self._rules.found(self._context.shadow.begin(texts, expected, minutes, then, watch, by, why))

    def trial(self) -> TrialFacts | None:
        """What is tried, or was last. Raises Refusal."""
        shadows = self._context.shadow
        with in_words():
            row = shadows.row()
            if row is None:
                return None
            judged = shadows.judged(row)
            groups = shadows.groups(row, judged)
        said = self._language
        left = max(0, round(row["until"] - time.time())) if row["state"] == shadow.RUNNING else 0
        return TrialFacts(
            row["id"],
            row["state"],
            row.get("outcome", ""),
            row["by"],
            row["why"],
            _moment(row["begun"]),
            _moment(row["until"]),
            left,
            row["minutes"],
            row["then"],
            row["watch"],
            row.get("version", 0),
            judged.judged,
            judged.differ,
            judged.gone,
            row["tests"],
            tuple(
                Difference(
                    one.differing.way,
                    tuple(effect(said, words) for words in one.differing.lost),
                    tuple(effect(said, words) for words in one.differing.won),
                    one.differing.count,
                    one.differing.objects,
                    one.seen,
                )
                for one in groups
            ),
            tuple(self._trial_words(row)),
        )

    def _trial_words(self, row: Row) -> list[str]:
        said, state = self._language, row["state"]
        words = [
            say(
                said,
                _TRIAL_WORDS[row["outcome"] if state == shadow.OVER else state],
                until=told.moment(said, row["until"]),
                version=row.get("version", 0),
            )
        ]
        if state == shadow.RUNNING:
            words.append(say(said, _THEN_WORDS[row["then"]]))
        if state == shadow.ASKING:
            words.append(say(said, _ASKS_WORDS[row["asks"]]))
        if row["unseen"] >= 60:
            words.append(
                say(
                    said,
                    "The console was off for {minutes} minutes of it. What came then was judged afterwards, as far as "
                    "it was still there.",
                    minutes=round(row["unseen"] / 60),
                )
            )
        if row["off"] >= 60:
            words.append(
                say(
                    said,
                    "The appliance did not run for {minutes} minutes of it, so nothing came.",
                    minutes=round(row["off"] / 60),
                )
            )
        return words

    def cancel(self) -> None:
        """End the trial. Raises Refusal."""
        with in_words():
            self._context.shadow.cancel()

    def switch(self, by: str) -> Activated:
        """Activate what is tried. Raises Refusal."""
        self._rules.refuse_with_git()
        return self._rules.waited(lambda: self._context.shadow.switch(by))

    def forget_trial(self) -> None:
        """Its end has been seen. Raises Refusal."""
        with in_words():
            self._context.shadow.forget()

    # --- probation

    def watch(self) -> WatchFacts | None:
        """What is watched, or was last. Raises Refusal."""
        with in_words():
            row = self._context.probation.row()
        if row is None:
            return None
        before, after = self._context.probation.counts(row)
        seconds = 60 * row["minutes"] - self._context.probation.watched(row)
        left = max(0, ceil(seconds / 60)) if row["state"] == probation.WATCHING else 0
        return WatchFacts(
            row["id"],
            row["state"],
            row.get("outcome", ""),
            row["by"],
            _moment(row["begun"]),
            row["minutes"],
            left,
            row.get("version", 0),
            after.received,
            after.held,
            before.received,
            before.held,
            row.get("moved", 0),
            tuple(self._watch_words(row, left)),
        )

    def _watch_words(self, row: Row, left: int) -> list[str]:
        said, state = self._language, row["state"]
        key = row["outcome"] if state == probation.OVER else state
        if key == probation.WATCHING and row.get("guards"):
            key = "watching alone"
        before, after = self._context.probation.counts(row)
        words = [say(said, _WATCH_WORDS[key], version=row.get("version", 0), left=left, minutes=row["minutes"])]
        reason = row.get("reason")
        if reason is not None:
            words.append(
                say(
                    said,
                    _REASON_WORDS[reason["kind"]],
                    received=after.received,
                    held=after.held,
                    before_received=before.received,
                    before_held=before.held,
                    name=reason.get("name", ""),
                    words=told.reason(said, reason.get("words", "")),
                )
            )
        if key == probation.WITHDRAWN:
            if after.received:
                words.append(
                    say(
                        said,
                        "{received} images were taken in by these rules, and stay as they are. Those that are held can "
                        "be sent through the rules again here; those that were stored by: {command}",
                        received=after.received,
                        command=f"stellwerk replay --since {datetime.fromtimestamp(row['begun']):%Y-%m-%d}",
                    )
                )
            if row.get("moved"):
                words.append(
                    say(
                        said,
                        "{count} waited for a destination that only the new rules know; they are held now.",
                        count=row["moved"],
                    )
                )
            if row.get("stuck"):
                words.append(say(said, "The appliance has not taken the rules over yet: the overview says why."))
        return words

    def end_watch(self) -> None:
        """Watch no longer. Raises Refusal."""
        with in_words():
            ended = self._context.probation.end()
        if ended is None:
            raise Refusal(409, "No rules are being watched.")

    def forget_watch(self) -> None:
        """What became of them has been seen. Raises Refusal."""
        with in_words():
            self._context.probation.forget()

    def again(self) -> Again:
        """What withdrawn rules took in, and a failure holds, goes through the rules that run. Raises Refusal."""
        house, row = self._context.house, self._context.probation.row()
        if row is None or row.get("outcome") != probation.WITHDRAWN:
            raise Refusal(409, "No rules were taken back.")
        told_, end = Again(), time.monotonic() + SECONDS
        with in_words():
            running, spool = house.program(), house.spool
            if running is None:
                raise NoRules("none")
            kept = spool.keep_program(running)
            for entry in spool.outbox(HOLD).each():
                refused = entry.note.get("refused by", "")
                kind = kind_of_reason(entry.why or entry.note.get("why", ""), refused, entry.position)
                # What could not be cleaned is for a person to see one by one: these rules may let it out as it is.
                if entry.program != row["program"] or kind not in FAILURES or kind == UNCLEAN:
                    continue
                if time.monotonic() > end:
                    told_.left += 1
                    continue
                try:
                    spool.release(entry.id, kept)
                    told_.done += 1
                except KeyError:
                    continue
                except Never as refusal:
                    told_.unfit[entry.id] = refusal.reason
        return told_


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
