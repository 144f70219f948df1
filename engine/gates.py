"""Gates: entries that must not go before others have been delivered (`await`). Part of the spool's truth.

Such an entry's bytes lie in its outbox's `waiting`. What it waits for leaves word in `gates`, one file for each pair,
named `<waiting>.<awaited>.json`: `delivered`; `failed`, when the route's failure chain has the object instead;
`deleted` by a person, out of the hold. Being held is no word: a release may follow. Word is left before the awaited
entry is forgotten, so a crash repeats it and cannot lose it; bad news therefore counts only once that entry is gone.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.entry import Entry, Receipt
from engine.step import HOLD

if TYPE_CHECKING:
    from engine.outbox import Outbox
    from engine.spool import Spool


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
        words = [Receipt.from_bytes(path.read_bytes()) for path in paths]
        bad = next((word for word in words if word.outcome != "delivered" and not _is_there(spool, word)), None)
        if entry is None:
            # It has gone already, and a crash has brought its word back; or nobody can read where it should go.
            if file.exists():
                home.hold_unread(file)
        elif bad is None:
            if not set(entry.gates) <= {word.entry for word in words if word.outcome == "delivered"}:
                if all(word.outcome == "delivered" for word in words):
                    incomplete[number] = len(paths)
                continue
            files.write(home.entries / f"{number}.json", replace(entry, gates=(), since=time.time()).to_bytes())
            files.move(entry.file, home.place_for(entry) / entry.file.name)
        elif bad.outcome == "failed":
            home.leave_out(entry, f"{bad.outbox} has not taken what was to go first, and the failure chain has it")
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


def _heard(home: "Outbox") -> Iterator[tuple[str, Sequence[Path]]]:
    words: dict[str, list[Path]] = {}
    for path in sorted(home.gates.glob("*.json")):
        words.setdefault(path.name.partition(".")[0], []).append(path)
    yield from words.items()


def _is_there(spool: "Spool", word: Receipt) -> bool:
    """Whether the entry that the word is of is still owed or held, so that the word may yet prove untrue."""
    # Its note is written in the one place before it goes from the other: looking at the first again misses no change.
    places = (word.outbox, HOLD, word.outbox)
    return any((spool.outbox(name).entries / f"{word.entry}.json").exists() for name in places)
