"""Gates: entries that must not go before others have been delivered (`await`). Part of the spool's truth.

Such an entry's bytes lie in its outbox's `waiting`. What it waits for leaves word in `gates`, one file for each pair,
named `<waiting>.<awaited>.json`: `delivered`; `failed`, when the route's failure chain has the object instead;
`deleted` by a person, out of the hold. Being held is no word: a release may follow. Word is left before the awaited
entry is forgotten, so a crash repeats it and cannot lose it; bad news therefore counts only once that entry is gone.

Word that cannot be read counts as `lost`, and so does word that can never come, as its entry is gone without any
(`find_lost`): nobody knows then whether it was delivered, and what waited is held.
"""

import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.entry import Entry, Receipt, glance
from engine.numbers import arrival
from engine.step import HOLD
from engine.window import entries, unhurried

if TYPE_CHECKING:
    from engine.outbox import Outbox
    from engine.spool import Spool

DELIVERED, LOST = "delivered", "lost"

_UNREADABLE = {errno.EIO, errno.EUCLEAN, errno.EISDIR}
"""Of a file: it will not be read another time either."""


def leave_word(spool: "Spool", entry: Entry, outcome: str, why: str = "") -> None:
    """Tell every entry that waits for this one what has become of it."""
    for outbox, waiting in entry.opens:
        home = spool.outbox(outbox)
        word = Receipt(entry.id, entry.outbox, outcome, time.time(), entry.tries, why)
        files.write(home.gates / f"{waiting}.{entry.id}.json", word.to_bytes())
        files.sync(home.gates)
        spool.wake(outbox)


def open_gates(home: "Outbox", spool: "Spool", known: Mapping[str, int]) -> dict[str, int]:
    """Let every entry go for which all word has come that it waits for; what can no longer go is left out or held.

    known: of how many each entry has heard that must wait for more, as the last look has answered it. Those are looked
    at again when more has come: what is slow may keep a hundred thousand waiting.
    """
    settled: list[Path] = []
    incomplete: dict[str, int] = {}
    for number, paths in _heard(home):
        if known.get(number) == len(paths):
            incomplete[number] = len(paths)
            continue
        file = home.waiting / f"{number}.dcm"
        entry = home.entry(number) if file.exists() else None
        words = [_read(path) for path in paths]
        bad = next((word for word in words if word.outcome != DELIVERED and not _is_there(spool, word)), None)
        if entry is None:
            # It has gone already, and a crash has brought its word back; or nobody can read where it should go.
            if file.exists():
                home.hold_unread(file)
        elif bad is None:
            if not set(entry.gates) <= {word.entry for word in words if word.outcome == DELIVERED}:
                if all(word.outcome == DELIVERED for word in words):
                    incomplete[number] = len(paths)
                continue
            files.write(home.entries / f"{number}.json", replace(entry, gates=(), since=time.time()).to_bytes())
            files.move(entry.file, home.place_for(entry) / entry.file.name)
        elif bad.outcome == "failed":
            home.leave_out(entry, f"{bad.outbox} has not taken what was to go first, and the failure chain has it")
        elif bad.outcome == LOST:
            home.hold(entry, "nobody knows any more whether what was to go first was delivered: release it if it was")
        else:
            home.hold(entry, f"it waited for {bad.outbox}, and what was held there was deleted by a person")
        settled += paths
    if settled:
        # A word must not be gone for good before what it has moved is there for good.
        for folder in (home.entries, *home.stages):
            files.sync(folder)
        for path in settled:
            files.remove(path)
    return incomplete


def find_lost(home: "Outbox", spool: "Spool", before: float, rest: Callable[[], bool] = lambda: False) -> int:
    """Leave word for what is gone without any: its note was torn, or a person has sent it another way. How much.

    Looks at what waits since before that time (seconds since 1970); rest: as for `unhurried`. Safe while all outboxes
    are at work: an entry leaves word before it goes, so that none is there once it is gone means that none will come.
    """
    found = 0
    likely: Path | None = None  # most wait for the same outbox, and of a hundred thousand each look counts
    for name in unhurried(entries(home.waiting), rest):
        if not name.endswith(".dcm") or _came_since(name, before):
            continue
        number = name[:-4]
        try:
            note = glance(home.entries, number)
            gates = [] if float(note["since"]) >= before else [str(awaited) for awaited in note.get("gates", ())]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        for awaited in gates:
            if likely is not None and os.access(f"{likely}/{awaited}.json", os.F_OK):
                continue
            word = home.gates / f"{number}.{awaited}.json"
            if word.exists():
                continue
            place = _place_of(spool, awaited)
            if place is not None:
                likely = place
                continue
            if word.exists():
                continue
            files.write(word, Receipt(awaited, "", LOST, time.time(), 0).to_bytes())
            found += 1
    if found:
        files.sync(home.gates)
        spool.wake(home.name)
    return found


def _read(path: Path) -> Receipt:
    try:
        return Receipt.from_bytes(path.read_bytes())
    except (ValueError, TypeError):
        pass
    except OSError as error:
        if error.errno not in _UNREADABLE:
            raise
    return Receipt(path.name.split(".")[1], "", LOST, 0.0, 0)


def _heard(home: "Outbox") -> Iterator[tuple[str, Sequence[Path]]]:
    words: dict[str, list[Path]] = {}
    for path in sorted(home.gates.glob("*.json")):
        words.setdefault(path.name.partition(".")[0], []).append(path)
    yield from words.items()


def _is_there(spool: "Spool", word: Receipt) -> bool:
    """Whether the entry that the word is of is still owed or held, so that the word may yet prove untrue."""
    if not word.outbox:
        return _place_of(spool, word.entry) is not None
    # Its note is written in the one place before it goes from the other: looking at the first again misses no change.
    places = (word.outbox, HOLD, word.outbox)
    return any((spool.outbox(name).entries / f"{word.entry}.json").exists() for name in places)


def _place_of(spool: "Spool", number: str) -> Path | None:
    """The folder with its note, where nobody knows to whom it was owed; or its batch, where that is not settled yet."""
    names = spool.outboxes()
    note = f"{number}.json"
    # In the order in which it travels, and then once more: it may be on its way from the hold to where it was refused.
    batch = next((batch for batch in spool.routed.iterdir() if (batch / f"{number}.dcm").exists()), None)
    places = (spool.outbox(name).entries for name in (*names, *names))
    return batch or next((folder for folder in places if (folder / note).exists()), None)


def _came_since(name: str, before: float) -> bool:
    """Whether an entry is of an object that came after that time, and so is owed since later than that."""
    try:
        return arrival(name) >= before
    except ValueError:
        return False
