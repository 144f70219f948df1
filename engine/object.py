"""Object: one SOP instance on its way through the rules. Immutable; a step that changes it answers a new one.

It must not know the spool's folders, nor which program runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.cleaning import Cleaning
from engine.header import Header


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an object came from: the facts of its connection."""

    kind: str
    port: int | None = None
    sender: str = ""
    called: str = ""
    address: str = ""
    received: str = ""
    """When it was received, ISO 8601 with time zone."""
    association: str = ""
    """The association that it came on, so that it can be known whether more may come; no fact that a rule asks for."""
    folder: str = ""
    """The folder in which it was put: the name of an outbox, or the path of a watched folder."""
    file: str = ""
    """The name that it had there; whoever put it there has given it that."""
    flaw: str = ""
    """Why this is nothing that rules can be asked about (no DICOM file, half a copy): a person must see it."""
    user: str = ""
    """Whose name and password came with it, where those were asked for and were right."""

    def fact(self, name: str) -> str | None:
        """The fact that a condition asks for; None where there is none."""
        if name == "port":
            return None if self.port is None else str(self.port)
        facts = {"sender": self.sender, "called": self.called, "address": self.address, "user": self.user}
        return facts.get(name) or None

    def to_json(self) -> dict[str, object]:
        """As JSON values."""
        data: dict[str, object] = {
            "kind": self.kind,
            "port": self.port,
            "sender": self.sender,
            "called": self.called,
            "address": self.address,
            "received": self.received,
            "association": self.association,
        }
        dropped = {"folder": self.folder, "file": self.file, "flaw": self.flaw, "user": self.user}
        return data | {name: value for name, value in dropped.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Origin":
        """What `to_json` wrote."""
        port = data.get("port")
        return cls(
            str(data["kind"]),
            int(str(port)) if port is not None else None,
            str(data.get("sender", "")),
            str(data.get("called", "")),
            str(data.get("address", "")),
            str(data.get("received", "")),
            str(data.get("association", "")),
            str(data.get("folder", "")),
            str(data.get("file", "")),
            str(data.get("flaw", "")),
            str(data.get("user", "")),
        )


@dataclass(frozen=True, slots=True)
class Object:
    """What flows: a file that is never edited, its header, where it came from, and what was done to it."""

    id: str
    """Ours, sortable by time of arrival; never the SOP Instance UID, for those repeat."""
    payload: Path
    """A DICOM file (PS3.10), written once."""
    header: Header
    origin: Origin
    changes: Mapping[str, str | None] = field(default_factory=dict, hash=False)
    """Attributes that differ from the payload's: spelling of the tag → value, None for removed."""
    cleared: frozenset[str] = frozenset()
    """What is known to be clean: `header`, `pixels`. The sender asks before anything leaves the house.

    It only grows: what a rule writes afterwards (`set`) is the rule's own text, nothing that the object brought.
    """
    cleaning: Cleaning | None = None
    """What was done to its pixels since it was last promised."""
    received: Header | None = field(default=None, compare=False)
    """Its header before any step: None where no step has been."""

    @property
    def as_received(self) -> Header:
        """What it said of itself when it came, whatever was cleaned since."""
        return self.header if self.received is None else self.received

    def with_header(self, changes: Mapping[str, str | None]) -> "Object":
        """The same object with attributes set, or removed where None."""
        return replace(self, header=self.header.changed(changes), changes={**self.changes, **changes})

    def with_payload(self, payload: Path) -> "Object":
        """The same object with other bytes behind the header."""
        return replace(self, payload=payload)

    def with_cleared(self, *what: str) -> "Object":
        """The same object, known to be clean in this respect."""
        return replace(self, cleared=self.cleared | set(what))
