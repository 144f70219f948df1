"""Receipts that travel on: a report behind a `collect` tells of what was delivered in front of it. Part of the spool.

The outcome comes to the collecting outbox, for only that is known when the delivery is promised. Once the chain has
gone on, `<id>.to` beside it names the outboxes that want it now, before or after it has come. What nobody wants goes.
"""

import json
import logging
from collections.abc import Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.entry import Receipt
from engine.step import GATHERING, TELLING
from engine.window import entries

if TYPE_CHECKING:
    from engine.outbox import Outbox
    from engine.spool import Spool

log = logging.getLogger("stellwerk.spool")


def read_receipt(path: Path) -> Receipt:
    """An outcome. Where it cannot be read, the report goes all the same, and says that nobody knows it."""
    try:
        return Receipt.from_bytes(path.read_bytes())
    except (ValueError, TypeError):
        log.warning("%s: the note of its outcome cannot be read; the report says so", path.stem)
        why = "nobody knows: the note of its outcome cannot be read"
        return Receipt(path.stem, "?", "failed", path.stat().st_mtime, 0, why)


def redirect(home: "Outbox", number: str, outboxes: Iterable[str]) -> None:
    """The outcome of this delivery is for these outboxes too. Durable when the folder is synced."""
    files.write(home.receipts / f"{number}.to", json.dumps(sorted(outboxes)).encode())


def pass_on(home: "Outbox", spool: "Spool", wanted: Container[str]) -> None:
    """Bring every outcome to where it is wanted now; those in `wanted` are kept, for they are still told of here."""
    for name in sorted(name for name in entries(home.receipts) if name.endswith(".to")):
        way = home.receipts / name
        receipt = home.receipts / f"{way.stem}.json"
        if receipt.exists():
            for outbox in _wanted_by(way, spool):
                if outbox != home.name:
                    target = spool.outbox(outbox)
                    files.write(target.receipts / receipt.name, receipt.read_bytes())
                    files.sync(target.receipts)
                    spool.wake(outbox)
            files.remove(way)
    for name in entries(home.receipts):
        number, _, kind = name.rpartition(".")
        if kind == "json" and number not in wanted and not (home.receipts / f"{number}.to").exists():
            files.remove(home.receipts / name)


def _wanted_by(way: Path, spool: "Spool") -> list[str]:
    """Which outboxes want an outcome. Where that cannot be read, their entries say it, all of which must be read."""
    try:
        return [str(name) for name in json.loads(way.read_bytes())]
    except (ValueError, TypeError):
        log.warning("%s: who wants to hear of it cannot be read; all reports are asked", way.stem)
        telling = (name for name in spool.outboxes() if name.endswith((*TELLING, GATHERING)))
        return [name for name in telling if any(way.stem in entry.awaits for entry in spool.outbox(name).each())]
