"""Recalling: an object that lies nowhere any more, as far as the journal knows it, so that rules can be asked about it.

Rules that ask for nothing else are answered exactly; `wanted` says whether they have asked for more, and then what they
answered is worth nothing.
"""

from pathlib import Path

from engine.errors import Never
from engine.header import Header
from engine.journal import Journal
from engine.keys import TAGS
from engine.object import Object
from engine.scan import Scan
from engine.tags import Path as Attribute
from engine.tags import path_of

from .changes import origin_of

_NOWHERE = Path("/nowhere")
"""Where no file can be: whoever opens it hears so."""

_KEYS = {name: path_of(keyword) for name, keyword in TAGS.items()}


class Recalled(Scan):
    """What the journal has of one object, in place of its bytes."""

    def __init__(self, known: dict[Attribute, str]) -> None:
        super().__init__(explicit=True)
        self._known = known
        self.wanted = False

    def values(self, path: Attribute) -> tuple[str, ...] | None:
        """As Scan has it. What the journal has not may be missing, empty or undecodable: that is not known."""
        found = self._known.get(path)
        if found is None:
            self.wanted = True
            return ()
        return (found,)

    def refuse(self) -> Never:
        """All of the object is wanted."""
        self.wanted = True
        return Never("it does not lie here any more")


def recalled(journal: Journal, number: str) -> tuple[Object, Recalled] | None:
    """The object of this number; None where the journal has no keys of it."""
    row = journal.db.execute(
        f"SELECT source, sender, called, address, came, {', '.join(_KEYS)} FROM objects WHERE number = ?", (number,)
    ).fetchone()
    if row is None:
        return None
    way, values = tuple(map(str, row[:5])), dict(zip(_KEYS.values(), map(str, row[5:]), strict=True))
    known = {path: value for path, value in values.items() if value}
    if _KEYS["sop"] not in known:
        return None
    scan = Recalled(known)

    def load() -> None:
        raise scan.refuse()

    header = Header(load, lambda: scan)  # type: ignore[arg-type]  # it never answers
    return Object(number, _NOWHERE, header, origin_of(*way)), scan
