"""Where everything lies in a spool at this moment: only looking. It changes nothing and makes no folder.

Beside a running appliance something may move while we look, and be seen twice or not at all: whoever cares looks again
(engine.ledger).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.arriving import accepted
from engine.journal_tables import number_of
from engine.outbox import names
from engine.step import HOLD
from engine.window import entries

WAITING, HELD = "waiting", "held"
BESIDE = ("entries", "gates", "received", "receipts")
"""Folders of an outbox in which nothing lies that is owed; whatever else it has is looked into."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`promises`: what lies in routed, the outboxes and the hold. `objects`: every number, also those in incoming."""

    promises: dict[str, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, where: str) -> None:
        """Something of this name lies there. What waits and is held too, waits."""
        number = number_of(name)
        if name != number:
            self.promises[name] = WAITING if WAITING in (where, self.promises.get(name)) else where
        self.objects[number] = WAITING if WAITING in (where, self.objects.get(number)) else where


def whereabouts(root: Path) -> Whereabouts:
    """Look everywhere, in the order in which objects travel."""
    found = Whereabouts()
    for name, where, _ in lying(root):
        found.put(name, where)
    return found


def lying(root: Path) -> Iterator[tuple[str, str, Path]]:
    """All that lies there, one by one: its name, whether it waits or is held, and its file."""
    for number, name in accepted(root / "incoming"):
        yield number, WAITING, root / "incoming" / name
    for folder, where in _folders(root):
        for name in entries(folder):
            if name.endswith(".dcm"):
                yield name[:-4], where, folder / name


def _folders(root: Path) -> Iterator[tuple[Path, str]]:
    for batch in names(root / "routed"):
        yield root / "routed" / batch, WAITING
    for outbox in names(root / "outbox"):
        for stage in names(root / "outbox" / outbox):
            if stage not in BESIDE:
                yield root / "outbox" / outbox / stage, WAITING
    yield root / HOLD, HELD
