"""Where everything lies in a spool at this moment: only looking. It changes nothing and makes no folder.

Beside a running appliance something may move while we look, and be seen twice or not at all: whoever cares looks again
(engine.ledger).
"""

import os
from collections.abc import Iterable, Iterator
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
    for name, where, _, _ in _lying(root):
        found.put(name, where)
    return found


def look_for(root: Path, promises: Iterable[tuple[str, str]], numbers: Iterable[str]) -> Whereabouts:
    """Where these lie, without a look at all the others.

    promises: entry and outbox. numbers: of what was promised to nobody yet.
    """
    found = Whereabouts()
    batches = names(root / "routed")
    for entry, outbox in promises:
        # In the order in which they travel, so that one that moves on meanwhile is still seen.
        on_its_way = any(_is(f"{root}/routed/{batch}/{entry}.dcm") for batch in batches)
        stages = (f"{root}/outbox/{outbox}/{stage}/{entry}.dcm" for stage in _stages(root, outbox))
        if on_its_way or any(_is(path) for path in stages):
            found.put(entry, WAITING)
        elif _is(f"{root}/{HOLD}/{entry}.dcm"):
            found.put(entry, HELD)
    wanted = set(numbers)
    if wanted:
        for number, _ in accepted(root / "incoming"):
            if number in wanted:
                found.put(number, WAITING)
    return found


def _is(path: str) -> bool:
    return os.access(path, os.F_OK)


def _stages(root: Path, outbox: str) -> Iterator[str]:
    return (stage for stage in names(root / "outbox" / outbox) if stage not in BESIDE)


def lying(root: Path) -> Iterator[tuple[str, str, Path]]:
    """All that lies there, one by one: its name, whether it waits or is held, and its file."""
    return ((number, where, folder / name) for number, where, folder, name in _lying(root))


def _lying(root: Path) -> Iterator[tuple[str, str, Path, str]]:
    """The same with the file's folder and name: a path of each costs more than to find it."""
    incoming = root / "incoming"
    for number, name in accepted(incoming):
        yield number, WAITING, incoming, name
    for folder, where in _folders(root):
        for name in entries(folder):
            if name.endswith(".dcm"):
                yield name[:-4], where, folder, name


def _folders(root: Path) -> Iterator[tuple[Path, str]]:
    for batch in names(root / "routed"):
        yield root / "routed" / batch, WAITING
    for outbox in names(root / "outbox"):
        for stage in _stages(root, outbox):
            yield root / "outbox" / outbox / stage, WAITING
    yield root / HOLD, HELD
