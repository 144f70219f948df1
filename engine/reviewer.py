"""The reviewer: empties the outbox of what a person is to look at (`review`): into the hold, and on once approved.

What a person has approved comes back here out of the hold, as all that is released to where it was refused. It must
not know how a person says so (engine.review).
"""

import logging
from collections.abc import Callable, Sequence

from engine.completeness import Complete
from engine.entry import Entry
from engine.errors import Later
from engine.outbox import Outbox
from engine.pump import LOOK_AGAIN, WINDOW, Gone, Report
from engine.receipts import pass_on
from engine.router import REST, Router
from engine.spool import Spool
from engine.step import HOLD

log = logging.getLogger("stellwerk.reviewer")

WAITS = "waits for a person to look at it: `stellwerk review`"
APPROVED = Complete("approved", 1)


class Reviewer:
    """As engine.pump.Sender. One for each spool; only its pump calls it."""

    outside = False
    every: float | None = REST
    patience = float("inf")
    """A person has approved it: nothing but what its rules say of it may become of it."""
    look_again = LOOK_AGAIN
    connections = 1

    def __init__(self, spool: Spool, router: Router, held: Callable[[], None] = lambda: None) -> None:
        """held: told that something is in the hold now that was not before."""
        self._spool, self._router, self._held = spool, router, held
        self._home: Outbox | None = None

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Claim a window of it, oldest first."""
        # What an interrupted turn has promised must be settled first, or it would be promised twice.
        self._spool.settle()
        outbox.give_back_claimed()
        self._home = outbox
        pass_on(outbox, self._spool, _Told(outbox, self._spool))
        return outbox.claim(WINDOW)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Hold what nobody has looked at; let go on what was approved, each by itself."""
        home = self._home
        if home is None:
            return
        fresh = [entry for entry in entries if not entry.waits_for_review]
        if fresh:
            home.hold_all([(entry, WAITS if "kept" in entry.note else entry.note.get("why", "")) for entry in fresh])
            for entry in fresh:
                report(entry, Gone())
            self._held()
        for entry in entries:
            if entry.waits_for_review:
                if stopping():
                    return
                self._go_on(home, entry, report)

    def _go_on(self, home: Outbox, entry: Entry, report: Report) -> None:
        try:
            self._router.go_on(home, [entry], APPROVED)
        except (OSError, MemoryError, Later) as error:
            log.error("%s was approved and cannot go on now (%s)", entry.id, type(error).__name__)
            # It may have failed after the promise had become valid: then it is gone once that is settled.
            self._spool.settle()
            if entry.file.exists():
                report(entry, Later("what stands behind `review` cannot be promised now; it is tried again"))
                return
        report(entry, Gone())


class _Told:
    """The deliveries of which a report behind a `review` is still to tell. Looked up when it is asked for the first."""

    def __init__(self, home: Outbox, spool: Spool) -> None:
        self._home, self._spool = home, spool
        self._found: set[str] | None = None

    def __contains__(self, number: object) -> bool:
        if self._found is None:
            # Approved by another process meanwhile, it may be on its way from the hold to here.
            boxes = (self._home, self._spool.outbox(HOLD), self._home)
            self._found = {one for box in boxes for entry in box.each() for one in entry.awaits}
        return number in self._found
