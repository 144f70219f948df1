"""What has gone on: of which studies a collecting outbox has let the chain go on, and up to which entry. For `late`.

    gone/<digest>.json      one for each study at its place in a route, kept for a month

Written before the promise that lets a study go on. Should that come to nothing, the entry it names is still there to
be collected, and the mark is not true. Without it, what comes late is collected anew: nothing is lost by that. Part of
the spool.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Container
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.completeness import Key

if TYPE_CHECKING:
    from engine.outbox import Outbox

RETENTION = 30 * 86400.0
MOST = 100_000
"""So many are remembered at most; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Mark:
    """last: the entry that came last; count: how many have gone on in all, and `before` that; at: when (since 1970)."""

    last: str
    count: int
    before: int
    at: float


def remember(home: "Outbox", key: Key, mark: Mark) -> None:
    """Note that all of this is about to go on. Raises OSError."""
    path = _path(home, key)
    files.make_folder(path.parent)
    files.write(path, json.dumps(asdict(mark)).encode())
    files.sync(path.parent)


def recall(home: "Outbox", key: Key, waiting: Container[str]) -> Mark | None:
    """The mark of what has gone on before these, by the ids of their entries; None where nothing has."""
    try:
        mark = Mark(**json.loads(_path(home, key).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None
    if mark.last in waiting:
        # It has come to nothing; what had gone on before that has.
        return Mark("", mark.before, 0, mark.at) if mark.before else None
    return mark


def forget_old(home: "Outbox", now: float) -> None:
    """Take out the marks that have been kept for long enough."""
    with contextlib.suppress(FileNotFoundError), os.scandir(home.root / "gone") as found:
        marks = []
        for one in found:
            with contextlib.suppress(FileNotFoundError):
                marks.append((one.stat().st_mtime, one.path))
        marks.sort()
        surplus = len(marks) - MOST
        for number, (at, path) in enumerate(marks):
            if number < surplus or at < now - RETENTION:
                files.remove(Path(path))


def _path(home: "Outbox", key: Key) -> Path:
    return home.root / "gone" / f"{hashlib.blake2b(chr(0).join(key).encode(), digest_size=16).hexdigest()}.json"
