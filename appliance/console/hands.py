"""What a person does to what is held and what waits, for page and API alike: in portions, and with its audit.

Much may be asked for at once. After `LONGEST` it is broken off, and `left` says how many are as they were: whoever
wants them done asks again. It must not know the web.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

from appliance import by_hand
from appliance.by_hand import Done
from appliance.console.context import Context
from appliance.console.facts import destinations, outboxes
from appliance.console.facts.destinations import Tested
from appliance.console.facts.house import NoSpool
from appliance.console.facts.naming import names_patient
from appliance.console.words import Refusal, Sentence
from engine.spool import Spool
from engine.step import HOLD, REVIEW
from engine.window import entries

Note = Callable[..., None]
"""(act, *on, detail="") → written into the audit."""

LONGEST = 20.0
"""Seconds."""
PORTION = 100
"""What is done of these is in the audit before the next are begun."""
REASONS = 100
"""Of what could not be done, the reasons that are told."""

_TESTS = threading.BoundedSemaphore(3)
"""Tests at once: a minute each, and other pages need the threads, too."""


@dataclass(slots=True)
class Told:
    """How many were done, were not there (any more), and are left. unfit: by id, why it could not be."""

    done: int = 0
    missing: int = 0
    left: int = 0
    unfit: dict[str, str] = field(default_factory=dict)

    def sentences(self, act: str) -> Iterator[tuple[Sentence, str]]:
        """For whoever has asked: each with its kind of notice. act: one of DONE_WORDS."""
        if self.done or not (self.missing or self.left or self.unfit):
            yield Sentence(DONE_WORDS[act], {"count": self.done}), "good"
        if self.missing:
            count: dict[str, object] = {"count": self.missing}
            yield Sentence("{count} could not be found: they have gone on, or are just being sent.", count), "note"
        for why in sorted(set(self.unfit.values()))[:3]:
            facts = {"count": sum(one == why for one in self.unfit.values()), "why": why}
            yield Sentence("{count} stay as they are: {why}", facts), "bad"
        if self.left:
            count = {"count": self.left}
            yield Sentence("There are very many. {count} are left: please do the same once more.", count), "note"


DONE_WORDS = {
    "release": "Released: {count}.",
    "delete": "Deleted: {count}.",
    "take-back": "Taken back into the hold: {count}.",
    "try-now": "Sent again at once: {count}.",
    "review-approved": "Approved: {count}. It goes on.",
    "review-rejected": "Rejected: {count}. It stays in the hold, as it came.",
    "review-again": "Sent through the rules again, as it came: {count}.",
}


class Hands:
    """Of one person. Every method may raise Refusal and OSError."""

    def __init__(self, context: Context, note: Note) -> None:
        self._context, self._note = context, note

    def release(self, chosen: Sequence[str] | None = None, group: str = "") -> Told:
        """Send on what is held: these entries, or (None) all of a group."""
        return self._each(self._held(chosen, group), self._context.holds.release, "release")

    def delete(self, chosen: Sequence[str] | None = None, group: str = "") -> Told:
        """Remove for good what is held: these entries, or (None) all of a group."""
        return self._each(self._held(chosen, group), self._context.holds.delete, "delete")

    def approve(self, chosen: Sequence[str], by: str) -> Told:
        """Let these go on that wait for a review."""
        spool = self._spool()
        told = self._each(chosen, lambda some: by_hand.approve(spool, some, by), "review-approved")
        self._wake(REVIEW)
        return told

    def reject(self, chosen: Sequence[str], why: str, by: str) -> Told:
        """Leave these in the hold, as they were received. Refused where the reason would name one of their patients."""
        if not why.strip():
            raise Refusal(422, "Say why it is rejected.")
        spool = self._spool()
        if any(names_patient(self._context.house, one, why) for one in chosen):
            raise Refusal(422, "The reason would name the patient. It is kept in the history: write it without.")
        return self._each(chosen, lambda some: by_hand.reject(spool, some, why.strip(), by), "review-rejected")

    def review_again(self, chosen: Sequence[str], by: str) -> Told:
        """Take these that wait for a review through the rules that run now."""
        spool = self._spool()
        return self._each(chosen, lambda some: by_hand.review_again(spool, some, by), "review-again")

    def _spool(self) -> Spool:
        try:
            return self._context.house.spool
        except NoSpool:
            raise Refusal(404, "It does not wait for a review any more.") from None

    def take_back(self, name: str, chosen: Sequence[str] | None = None) -> Told:
        """Put into the hold what waits in an outbox: these entries, or (None) all."""
        house = self._context.house
        with _there(name):
            return self._each(
                self._waiting(name) if chosen is None else list(chosen),
                lambda some: outboxes.take_back(house, name, some),
                "take-back",
                name,
            )

    def try_now(self, name: str, chosen: Sequence[str]) -> Told:
        """Let these go now that wait for their next try."""
        house = self._context.house
        with _there(name):
            told = self._each(chosen, lambda some: outboxes.try_again(house, name, some), "try-now", name)
        self._wake(name)
        return told

    def _wake(self, name: str) -> None:
        """Have it looked into now, not half a minute later."""
        with suppress(Refusal):  # stopped or paused: they go when it goes on
            self._context.running.tell("wake", name, "")

    def tell(self, do: str, act: str, name: str, by: str) -> None:
        """Pause, resume, or try again all of an outbox."""
        self._context.running.tell(do, name, by)
        self._context.house.forget("outboxes")
        self._note(act, name)

    def test(self, name: str) -> Tested:
        """Ask a destination whether it is there; may take a minute."""
        if not _TESTS.acquire(blocking=False):
            raise Refusal(503, "Other tests are still running. Wait a moment, then try again.")
        try:
            found = destinations.test(self._context.house, name)
        except KeyError:
            raise Refusal(404, "There is no destination {name}.", name=name) from None
        finally:
            _TESTS.release()
        self._note("test", name)
        return found

    def _each(self, chosen: Sequence[str], do: Callable[[Sequence[str]], Done], act: str, *on: str) -> Told:
        told, end, place = Told(), time.monotonic() + LONGEST, 0
        while place < len(chosen) and time.monotonic() < end:
            some = chosen[place : place + PORTION]
            found = do(some)
            if found.done:
                self._note(act, *on, *found.done)
            told.done += len(found.done)
            told.missing += len(found.missing)
            told.unfit |= dict(islice(found.unfit.items(), max(0, REASONS - len(told.unfit))))
            place += len(some)
        told.left = max(0, len(chosen) - place)
        return told

    def _held(self, chosen: Sequence[str] | None, group: str) -> list[str]:
        with suppress(KeyError, NoSpool):
            found = sorted(self._context.holds.ids(group)) if chosen is None else list(chosen)
            if found and self._context.house.spool.held:  # raises where nothing has ever run
                return found
        raise Refusal(404, "Nothing is held for this reason any more.")

    def _waiting(self, name: str) -> list[str]:
        """All that is in an outbox, oldest first."""
        home = self._context.house.spool
        if name == HOLD or name not in home.outboxes():
            raise KeyError(name)
        return sorted(
            {one[:-4] for folder in home.outbox(name).stages for one in entries(folder) if one[-4:] == ".dcm"}
        )


@contextmanager
def _there(name: str) -> Iterator[None]:
    """Where there is no such outbox, say so."""
    try:
        yield
    except (KeyError, NoSpool):
        raise Refusal(404, "There is no destination {name}.", name=name) from None
