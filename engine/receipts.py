"""Receipts that travel on: a report behind a `collect` tells of what was delivered in front of it. Part of the spool.

The outcome comes to the collecting outbox, for only that is known when the delivery is promised. Once the chain has
gone on, `<id>.to` beside it names the outboxes that want it now, before or after it has come. What nobody wants goes.
"""

import json
from collections.abc import Iterable, Set
from typing import TYPE_CHECKING

from engine import files

if TYPE_CHECKING:
    from engine.outbox import Outbox
    from engine.spool import Spool


def redirect(home: "Outbox", number: str, outboxes: Iterable[str]) -> None:
    """The outcome of this delivery is for these outboxes too. Durable when the folder is synced."""
    files.write(home.receipts / f"{number}.to", json.dumps(sorted(outboxes)).encode())


def pass_on(home: "Outbox", spool: "Spool", wanted: Set[str]) -> None:
    """Bring every outcome to where it is wanted now; those in `wanted` are kept, for they are still told of here."""
    for way in sorted(home.receipts.glob("*.to")):
        receipt = home.receipts / f"{way.stem}.json"
        if receipt.exists():
            for name in json.loads(way.read_bytes()):
                if name != home.name:
                    target = spool.outbox(name)
                    files.write(target.receipts / receipt.name, receipt.read_bytes())
                    files.sync(target.receipts)
                    spool.wake(name)
            files.remove(way)
    for receipt in sorted(home.receipts.glob("*.json")):
        if receipt.stem not in wanted and not receipt.with_suffix(".to").exists():
            files.remove(receipt)
