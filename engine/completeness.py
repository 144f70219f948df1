"""Completeness: when a study (or a series) that is being collected may go on, and why. Pure.

It must not know where its objects lie, nor who asks anybody anything.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

Key = tuple[str, str, str]
"""What belongs together: route, position, UID."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Terms:
    """On what an object is collected. It is the same for most of a study, so that they can share it in memory.

    expected: how many are to come, where a tag says it. late: what is done with what comes late. association: on which
    it came. ask: the destination that is asked for its count. refused_by: who had refused what a person has released.
    """

    key: Key
    quiet: float
    quiet_words: str
    expected: int | None = None
    released: bool = False
    late: str = ""
    ask: str = ""
    association: str = ""
    refused_by: str = ""


@dataclass(slots=True, eq=False)
class Came:
    """One object that is being collected. what: its SOP Instance UID, which counts once; since: when it came here."""

    id: str
    what: str
    since: float
    terms: Terms
    awaits: tuple[str, ...] = ()

    def at(self, since: float) -> Self:
        """The same, as if it were here since then."""
        return replace(self, since=since)


@dataclass(frozen=True, slots=True)
class Complete:
    """Why something goes on. reason: count, released, quiet, late, or approved by a person.

    expected: how many were to come, where known.
    """

    reason: str
    came: int
    expected: int | None = None
    quiet: str = ""

    @property
    def words(self) -> str:
        """For the history."""
        match self.reason:
            case "count" if self.came > (self.expected or 0):
                return f"{self.came} came, and {self.expected} were expected"
            case "count":
                return f"all {self.expected} came"
            case "released":
                return f"{self.came} came, and the association has ended"
            case "late":
                return "it came after the rest had gone on"
            case "approved":
                return "a person has approved it"
            case _ if self.expected is not None:
                return f"{self.came} of {self.expected} came, quiet for {self.quiet}"
        return f"{self.came} came, quiet for {self.quiet}"

    @property
    def note(self) -> Mapping[str, str]:
        """The same as facts for a report; nothing where it does not tell how much has come."""
        if self.reason == "approved":
            return {}
        facts = {"complete": self.reason, "came": str(self.came), "quiet for": self.quiet}
        return facts if self.expected is None else facts | {"expected": str(self.expected)}


@dataclass(frozen=True, slots=True)
class Gathered:
    """What has come of one study so far. gone: how many have gone on before; heard: when a duplicate last came."""

    entries: Sequence[Came]
    gone: int = 0
    answer: int | None = None
    """What a destination has answered that it has of the study."""
    heard: float = 0.0

    @property
    def terms(self) -> Collection[Terms]:
        """On what they are collected, each once."""
        return {id(entry.terms): entry.terms for entry in self.entries}.values()

    @property
    def came(self) -> int:
        """How many objects have come, each counted once."""
        return self.gone + len({entry.what for entry in self.entries})

    @property
    def expected(self) -> int | None:
        """How many are to come, as far as anybody has said; the most where several say."""
        said = [terms.expected for terms in self.terms if terms.expected is not None]
        return max([*said, *([] if self.answer is None else [self.answer])], default=None)

    @property
    def quiet(self) -> float:
        """Seconds without a further object after which it is complete."""
        return max(terms.quiet for terms in self.terms)

    @property
    def quiet_words(self) -> str:
        """The same in words."""
        longest = max(self.terms, key=lambda terms: terms.quiet)
        return longest.quiet_words or f"{self.quiet:g} seconds"

    def last(self, started: float) -> float:
        """When the last of it came; not before our own start, for the sender may have been shut out until then."""
        return max(started, self.heard, *(entry.since for entry in self.entries))

    def is_released(self, open_ones: Collection[str]) -> bool:
        """Whether its end of the association is all that is waited for, and each that it came on has ended."""
        return all(terms.released and terms.association not in open_ones for terms in self.terms)


def complete(
    gathered: Gathered, now: float, started: float, open_ones: Collection[str], unrouted: float | None, looked: float
) -> Complete | float:
    """Why it goes on now; or the moment at which to look again.

    open_ones: the associations that may bring more; unrouted: when the oldest object was accepted that nobody has
    looked at; looked: when those two were asked. What is unrouted may belong to it.
    """
    came, expected = gathered.came, gathered.expected
    words = gathered.quiet_words
    if expected is not None and came >= expected:
        return Complete("count", came, expected, words)
    if expected is None and gathered.is_released(open_ones):
        # Where it is known that more is to come, another association may bring it.
        if unrouted is None or unrouted > looked:
            return Complete("released", came, None, words)
        return now
    end = gathered.last(started) + gathered.quiet
    if now < end:
        return end
    if unrouted is not None and unrouted < end:
        return now
    return Complete("quiet", came, expected, words)
