"""What a condition sees of an object: its header, the facts of its connection, and the day. Pure."""

from dataclasses import dataclass
from datetime import date, datetime

from engine.object import Object
from engine.tags import Path


@dataclass(frozen=True, slots=True)
class ObjectView:
    """An object as engine.condition.View. `today` is the day it was received: a rule answers the same on replay."""

    obj: Object
    matched: bool = False

    def values(self, path: Path) -> tuple[str, ...]:
        """The attribute's values as text."""
        return self.obj.header.values(path)

    def fact(self, name: str) -> str | None:
        """A fact of the connection."""
        return self.obj.origin.fact(name)

    @property
    def today(self) -> date:
        """The day on which the object was received, in the time zone it was noted in."""
        received = self.obj.origin.received
        return datetime.fromisoformat(received).date() if received else date.min
