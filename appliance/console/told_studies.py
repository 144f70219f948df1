"""How a study stands, in words of both languages: what came, what became of it, for whom it waits. Pure.

All sentences are the same for one image and for many.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.console import told
from appliance.console.resendings import Resending
from appliance.console.told_history import place
from appliance.console.words import say
from engine.step import GATHERING, MAIL, NOTICE, REVIEW, TELLING
from engine.study_search import Study

STATE_WORDS = {
    "delivered": "delivered",
    "waiting": "waits",
    "held": "held",
    "discarded": "discarded",
    "duplicate": "known already",
    "deleted": "deleted",
    "elsewhere": "on another machine",
    "missing": "missing",
}
"""What has become of one object (engine.ledger)."""

STANDING_WORDS = {
    "": "any",
    "open": "something waits or is held",
    "waiting": "something waits",
    "held": "something is held",
    "ended": "nothing is open",
}
"""By facts.standing.STANDINGS."""

ALL_WORDS = {
    "delivered": "all delivered",
    "waiting": "all on the way",
    "held": "all held",
    "discarded": "all discarded by a rule",
    "duplicate": "all known already",
    "deleted": "all deleted",
    "elsewhere": "all on another machine",
    "missing": "all missing",
}
SOME_WORDS = {
    "delivered": "{count} of {all} delivered",
    "held": "{count} of {all} held",
    "discarded": "{count} of {all} discarded by a rule",
    "duplicate": "{count} of {all} known already",
    "deleted": "{count} of {all} deleted",
    "elsewhere": "{count} of {all} on another machine",
    "missing": "{count} of {all} missing",
}
ALL_WAIT_WORDS = {
    "": "about to go through the rules",
    "to": "not yet at {to}",
    "store": "not yet stored",
    "mail": "not yet told to {to}",
    "collect": "waiting for the rest of the study",
    "review": "on the way to a review",
}
WAITS_WORDS = {
    "": "{count} of {all} about to go through the rules",
    "to": "{count} of {all} not yet at {to}",
    "store": "{count} of {all} not yet stored",
    "mail": "{count} of {all} not yet told to {to}",
    "collect": "{count} of {all} waiting for the rest of the study",
    "review": "{count} of {all} on the way to a review",
}
KINDS = {"delivered": "good", "waiting": "", "held": "bad", "deleted": "warn", "elsewhere": "warn", "missing": "bad"}
"""How a badge of it looks."""

PASSING_WORDS = {
    "passed": "went through",
    "delivered": "delivered",
    "waiting": "waits",
    "held": "held",
    "failed": "failed",
    "left out": "left out",
    "deleted": "deleted",
    "elsewhere": "on another machine",
    "discarded": "discarded",
    "missing": "missing",
}
"""What became of those that went along an edge (facts.journey.WORST)."""

RESENDING_WORDS = {"going": "goes on", "done": "done", "stopped": "has stopped"}

_RESENDING_KINDS = {"done": "good", "stopped": "bad"}


@dataclass(frozen=True, slots=True)
class SentAgain:
    """How far a study is on its way again. left: why some do not go, and how many; value of most: for a bar."""

    state: str
    kind: str
    progress: str
    value: int
    most: int
    left: tuple[tuple[str, int], ...]


def resending(language: str, one: Resending, waits: str = "") -> SentAgain:
    """One. waits: why it does not move just now."""
    done = one.chosen - len(one.left or ())
    facts = {"count": told.count(language, one.taken), "all": told.count(language, one.chosen)}
    if one.left is None:
        progress = say(language, "It is being found out which go.")
    elif not one.chosen:
        progress = say(language, "None goes.")
    else:
        progress = say(language, "On their way again: {count} of {all}.", **facts)
    if waits:
        progress += " " + say(language, "It waits: {why}", why=told.reason(language, waits))
    if one.state == "stopped":
        why = told.reason(language, one.why).rstrip(".")
        progress += " " + say(language, "It has stopped: {why}. What went is safe: send again for the rest.", why=why)
    kind = _RESENDING_KINDS.get(one.state, "")
    left = tuple(sorted(one.skipped.items()))
    return SentAgain(say(language, RESENDING_WORDS[one.state]), kind, progress, done, one.chosen, left)


def state(language: str, name: str) -> str:
    """What has become of one object."""
    return say(language, STATE_WORDS.get(name, name))


def stands(language: str, states: Mapping[str, int], waits: Mapping[str, int]) -> list[tuple[str, str]]:
    """What became of a study's objects: the kind of each badge, and its words. What needs somebody comes first."""
    all_of_them = sum(states.values())
    found = []
    for name in ("missing", "held", "waiting", "elsewhere", "deleted", "discarded", "duplicate", "delivered"):
        count = states.get(name, 0)
        if not count:
            continue
        if name == "waiting" and waits:
            # That a report is due is told where nothing else is.
            images = {outbox: of for outbox, of in waits.items() if not outbox.endswith(TELLING)} or waits
            found += [(KINDS[name], waiting(language, outbox, of, all_of_them)) for outbox, of in images.items()]
        elif count == all_of_them:
            found.append((KINDS.get(name, ""), say(language, ALL_WORDS[name])))
        elif name in SOME_WORDS:
            facts = {"count": told.count(language, count), "all": told.count(language, all_of_them)}
            found.append((KINDS.get(name, ""), say(language, SOME_WORDS[name], **facts)))
    return found


def waiting(language: str, outbox: str, count: int, all_of_them: int) -> str:
    """How many wait for whom."""
    key = "to" if outbox else ""
    if outbox == REVIEW:
        key = "review"
    elif outbox.endswith(GATHERING):
        key = "collect"
    elif outbox.endswith(".store"):
        key = "store"
    elif outbox.endswith((MAIL, NOTICE)):
        key = "mail"
    facts = {"count": told.count(language, count), "all": told.count(language, all_of_them)}
    words = ALL_WAIT_WORDS if count == all_of_them else WAITS_WORDS
    return say(language, words[key], to=place(language, outbox), **facts)


def summary(language: str, study: Study) -> str:
    """In a sentence: how much came, from whom and when."""
    count = (
        say(language, "1 image")
        if study.objects == 1
        else say(language, "{count} images", count=told.count(language, study.objects))
    )
    first, last = told.moment(language, study.first), told.moment(language, study.last)
    when = {"count": count, "sender": study.sender or "–", "first": first, "last": last}
    return (
        say(language, "{count} from {sender}, {first}.", **when)
        if first == last
        else say(language, "{count} from {sender}: the first {first}, the last {last}.", **when)
    )
