"""Entry: one promise in an outbox, as it stands on disk beside the object's bytes.

What was promised together stands in one file, a line for each, that has a name for each (engine.promised); what has
changed since has a file of its own.

Plain data. It may hold values of the object (a folder name, a study UID): it never leaves the spool's folders.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from engine import files
from engine.object import Origin
from engine.step import REVIEW

IN_DOUBT, STORED = "in doubt", "stored"
"""What may be known of an entry that was sent and is still owed (engine.unconfirmed)."""

ID = re.compile(r"[0-9A-Za-z-]{1,80}")
"""How an entry may be called, where a person has typed it: it becomes the name of a file."""

TRANSCODED = "transcoded"
"""In the note of an entry: the transfer syntax it was brought into for its destination, by name."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A promise. `file` is where its bytes are now; `received` the bytes as they came, where they differ and matter."""

    id: str
    object: str
    outbox: str
    route: str
    position: str
    program: str
    """Digest of the program that promised it."""
    origin: Origin
    place: tuple[str, ...] = ()
    note: Mapping[str, str] = field(default_factory=dict)
    cleared: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()
    reports_to: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    """The entries that must have been delivered before this one may go (`await`); empty once they have."""
    opens: tuple[tuple[str, str], ...] = ()
    """The entries that wait so for this one: outbox and id."""
    since: float = 0.0
    """Since when it is owed, seconds since 1970 (UTC): since it was promised, or since its gates have opened."""
    tries: int = 0
    why: str = ""
    """What kept it from being delivered at the last try."""
    closed: float = 0.0
    """Seconds in which its window of time was closed: they do not count against the patience."""
    sent: str = ""
    """Empty, IN_DOUBT or STORED: ask before its bytes are sent again."""
    received: bool = False
    """Whether the bytes as received are kept beside it, for `on failure`."""
    file: Path = Path()

    @property
    def waits_for_review(self) -> bool:
        """Whether a person is to approve it (`review`) before the rest of its chain is done."""
        # Bytes whose note was torn were taken out of that outbox, too: nobody can approve what nothing is known of.
        return self.note.get("refused by") == REVIEW and "kept" in self.note

    def to_bytes(self) -> bytes:
        """As JSON for the disk."""
        data: dict[str, object] = {name: getattr(self, name) for name in _ON_DISK}
        # A fact of the connection each: `asdict` would copy every text of them.
        data["origin"] = {name: getattr(self.origin, name) for name in Origin.__slots__}
        data["note"] = dict(self.note)
        return _encoded(data).encode()

    @classmethod
    def from_bytes(cls, data: bytes, file: Path) -> "Entry":
        """What `to_bytes` wrote, by itself or among others. Raises ValueError, KeyError or TypeError for anything else.

        file: its bytes; they are named after it.
        """
        read = json.loads(line_of(data, file.stem))
        read["origin"] = Origin.from_json(read["origin"])
        for name in ("place", "cleared", "awaits", "reports_to"):
            read[name] = tuple(read[name])
        # A promise made by an earlier edition has no gates.
        read["gates"] = tuple(read.get("gates", ()))
        read["opens"] = tuple((outbox, entry) for outbox, entry in read.get("opens", ()))
        return cls(**read, file=file)


def line_of(data: bytes, number: str) -> bytes:
    """What a note says of the entry of this id: all of it, or its line where it says something of several.

    Raises ValueError where there are several lines, and none of that entry.
    """
    if b"\n" not in data:
        return data
    # No line's end and no quotation mark stands in a text of JSON unescaped, so this begins its line and no other.
    begins = data.find(b'{"id": "%s"' % number.encode())
    if begins < 0:
        raise ValueError("no line of this entry")
    ends = data.find(b"\n", begins)
    return data[begins:ends] if ends >= 0 else data[begins:]


_encoded = json.JSONEncoder(ensure_ascii=False).encode
_ON_DISK = tuple(one.name for one in fields(Entry) if one.name != "file")


def glance(entries: Path | str, number: str) -> dict[str, Any]:
    """A note as it stands in a folder, unchecked: for a look at very many. Raises OSError, ValueError or TypeError."""
    read = json.loads(line_of(files.read(f"{entries}/{number}.json"), number))
    if not isinstance(read, dict):
        raise TypeError(number)
    return read


def unread(file: Path, outbox: str) -> Entry:
    """For bytes whose note is gone or torn: nothing says where they should go, so a person must see them."""
    why = "the note beside this object cannot be read"
    number = file.stem
    return Entry(number, number, outbox, "", "", "", Origin("unknown"), note={"why": why}, why=why, file=file)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The outcome of a delivery, for whoever reports it: `delivered` or `held`, to which outbox, when, and why."""

    entry: str
    outbox: str
    outcome: str
    at: float
    tries: int
    why: str = ""
    place: str = ""

    def to_bytes(self) -> bytes:
        """As JSON for the disk."""
        return json.dumps(asdict(self), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Receipt":
        """What `to_bytes` wrote."""
        return cls(**json.loads(data))
