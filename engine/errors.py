"""Why something could not be done, and what follows from it.

Three answers exist to "could this object be sent, stored or cleaned?": it could; not yet (`Later`: try again,
the reason may pass); never (`Never`: a person or an `on failure` chain must decide). Everything else is a
mistake in the program and is not caught here.

The reasons are shown to people and written to logs: they say what happened and what to do, and never contain
a value from an image (no patient name, no identifier).
"""


class Later(Exception):
    """Not now: the destination is away, full or busy. The object stays in its outbox and is tried again."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unknown(Later):
    """Not now, and the last try may have worked: the line broke before its answer came. Ask before it is repeated."""


class Never(Exception):
    """Refused for good: trying again would give the same answer. `on failure` takes over; by default, hold."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Unclean(Never):
    """The pixels of an object could not be cleaned, or could not be proved clean."""
