"""Enough: how much a destination that takes nothing is offered, and when a batch for it is ended early.

What is left of the batch is given back untried, and the pump waits. Pure. It must not know how anything is sent.
"""

from engine.errors import Later, Never

IN_A_ROW = 3
"""After so many objects that could not be taken now, one after the other, the destination is left alone for a while.
A single one may be the object's own matter, and those behind it are not to wait for it."""

ALL_REFUSED = 10
"""After so many that were refused for good, and none that was taken, it is left alone for a moment."""

FEW = ALL_REFUSED
"""So many are claimed at a time from a start until the destination takes one, and again once it takes nothing. What is
claimed in vain is moved twice and its note is read, while its neighbours want the disk and the processor."""


class Enough:
    """What a batch has come to so far."""

    def __init__(self) -> None:
        self._later = self._refused = 0
        self._taken = False

    def note(self, outcome: object) -> None:
        """One more is answered: Later, Never, or anything else where it was taken."""
        is_later, is_refused = isinstance(outcome, Later), isinstance(outcome, Never)
        self._later = self._later + 1 if is_later else 0
        self._refused += is_refused
        self._taken |= not (is_later or is_refused)

    @property
    def reached(self) -> bool:
        """Whether nothing more is to be begun."""
        return self._later >= IN_A_ROW or (not self._taken and self._refused >= ALL_REFUSED)
