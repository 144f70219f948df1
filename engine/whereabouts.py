"""Where everything lies in a spool at this moment: only looking. It changes nothing and makes no folder.

Beside a running appliance something may move while we look, and be seen twice or not at all: whoever cares looks again
(engine.ledger).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from engine.journal_tables import number_of
from engine.outbox import names
from engine.step import HOLD

WAITING, HELD = "waiting", "held"
STAGES = ("waiting", "ready", "active", "later")


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """`promises`: what lies in routed, the outboxes and the hold. `objects`: every number, also those in incoming.

    `files`: one file of each number.
    """

    promises: dict[str, str] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)

    def put(self, name: str, where: str, folder: Path | None = None) -> None:
        """Something of this name lies there. What waits and is held too, waits."""
        number = number_of(name)
        if folder is not None:
            self.files[number] = folder / f"{name}.dcm"
        if name != number:
            self.promises[name] = WAITING if WAITING in (where, self.promises.get(name)) else where
        self.objects[number] = WAITING if WAITING in (where, self.objects.get(number)) else where


def whereabouts(root: Path) -> Whereabouts:
    """Look everywhere, in the order in which objects travel."""
    found = Whereabouts()
    for folder, where in _folders(root):
        for name in names(folder):
            if name.endswith(".dcm"):
                found.put(name[:-4], where, folder)
    return found


def _folders(root: Path) -> Iterator[tuple[Path, str]]:
    yield root / "incoming", WAITING
    for batch in names(root / "routed"):
        yield root / "routed" / batch, WAITING
    for outbox in names(root / "outbox"):
        for stage in STAGES:
            yield root / "outbox" / outbox / stage, WAITING
    yield root / HOLD, HELD
