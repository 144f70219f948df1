"""What has been sent and has no last word yet: in doubt, or stored and not yet committed. Part of the spool.

An entry in doubt was sent to its end and never answered: it may have arrived. One that is stored was answered, and its
destination has still to commit to it (PS3.4 Annex J); it lies in `stored`. Both are owed, and say so on their notes:
whoever sends them asks before the bytes go out again. It must not know how that is asked.
"""

import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from engine import files
from engine.entry import IN_DOUBT
from engine.window import entries

if TYPE_CHECKING:
    from engine.outbox import Outbox


def recall(home: "Outbox", numbers: Iterable[str]) -> list[str]:
    """Word of these has come: they may be claimed at once. Answers those of which nothing is left here."""
    gone = []
    for number in numbers:
        with contextlib.suppress(FileNotFoundError):
            files.move(home.stored / f"{number}.dcm", home.urgent / f"{number}.dcm")
        if not (home.entries / f"{number}.json").exists():
            gone.append(number)
    return gone


def doubt(home: "Outbox", number: str) -> None:
    """What was claimed came to no end that we know of: its note says so. Where the disk does not let it, nothing does.

    Then it is sent again without asking, as long as the disk is full: that costs less than not to start at all.
    """
    entry = home.entry(number)
    if entry is not None and not entry.sent:
        with contextlib.suppress(OSError):
            files.write(home.entries / f"{number}.json", replace(entry, sent=IN_DOUBT).to_bytes())


def recover(home: "Outbox") -> None:
    """After a crash nobody remembers what was asked: what waits for word is owed, and asked about, now."""
    for name in list(entries(home.active)):
        if name.endswith(".dcm"):
            doubt(home, name[:-4])
    for name in list(entries(home.stored)):
        files.move(home.stored / name, home.again / name)
