"""Keeping the spool tidy, beside all that runs in it: what nothing refers to any more, and what was left behind.

Part of the spool. Everything here can be broken off and done again, and is only ever a matter of room: what is in doubt
stays. It must not touch what was accepted.
"""

import contextlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.entry import line_of
from engine.outbox import names
from engine.promised import FINISHED
from engine.window import PORTION, entries

if TYPE_CHECKING:
    from engine.spool import Spool

log = logging.getLogger("stellwerk.spool")

STALE = 86400.0
"""Seconds after which nobody still writes to a file in `work`, and no object is just being taken in under old rules."""

FORGOTTEN = 400 * 86400.0
"""Seconds after which it no longer matters what a contact was told by a rule that may be gone."""


def tidy(
    spool: "Spool",
    current: str,
    drop: Callable[[str], bool],
    now: float | None = None,
    rest: Callable[[], bool] = lambda: False,
) -> None:
    """Everything that is to be done once a day. Raises OSError.

    current: the digest of the program that runs. drop: removes an outbox once its pump has ended; whether it is gone.
    rest: as for `unhurried`.
    """
    now = time.time() if now is None else now
    if stale := remove_stale(spool.work, now):
        log.info("%d left in the spool's work folder, and removed", stale)
    spool.tidy(now - STALE, rest)
    if gone := remove_programs(spool, current, now, rest):
        log.info("%d programs that nothing refers to any more, and removed", gone)
    remove_stale(spool.root / "told", now, FORGOTTEN)
    for name in left_outboxes(spool):
        if drop(name):
            log.info("the outbox of %s was empty, no rules know it any more, and it is removed", name)


def remove_stale(folder: Path, now: float, stale: float = STALE) -> int:
    """Remove what nobody has written to for so long; how much. What is being received or promised is younger."""
    removed = 0
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mtime < now - stale:
                    path = Path(entry.path)
                    files.remove_folder(path) if entry.is_dir(follow_symlinks=False) else files.remove(path)
                    removed += 1
    return removed


def remove_programs(spool: "Spool", current: str, now: float, rest: Callable[[], bool] = lambda: False) -> int:
    """Remove the programs that no object refers to, and that were in use for the last time a day ago; how many.

    The time of a program's file says when it was seen in use last. An object that is on its way from one folder to the
    next while we look could be overlooked; not in two looks, for a move takes no time. rest: called after each portion
    of notes; where it answers that this is to end, no program goes.
    """
    idle = {path.stem: path for path in spool.programs.glob("*.json")}
    for _ in range(2):
        used = {current}
        for count, note in enumerate(_notes(spool), 1):
            if used.issuperset(idle):
                break
            if count % PORTION == 0 and rest():
                return 0
            try:
                used |= _programs(note)
            except FileNotFoundError:
                continue  # it has gone on
            except (ValueError, KeyError, TypeError):
                return 0  # nobody knows what it refers to
        for digest in used & set(idle):
            os.utime(idle.pop(digest), (now, now))
    removed = 0
    for path in idle.values():
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_mtime < now - STALE:
                files.remove(path)
                removed += 1
    return removed


def _notes(spool: "Spool") -> Iterator[Path]:
    """The note of everything that is in the spool, in the order in which objects travel."""
    yield from _notes_in(spool.incoming)
    for batches in (spool.work, spool.routed):
        yield from (note for note in batches.glob("*/*.json*") if note.name != FINISHED)
    for name in spool.outboxes():
        yield from _notes_in(spool.outbox(name).entries)


def _programs(note: Path) -> set[str]:
    """The programs that a note refers to; those of all that were promised together, where it is of a batch."""
    data = note.read_bytes()
    if note.suffix == ".json":
        return {str(json.loads(line_of(data, note.stem))["program"])}
    said = [json.loads(line) for line in data.splitlines()]
    return {str(entry["program"]) for entry in said if not isinstance(entry, list)}


def _notes_in(folder: Path) -> Iterator[Path]:
    return (folder / name for name in entries(folder) if name.endswith(".json"))


def left_outboxes(spool: "Spool") -> list[str]:
    """Outboxes that are empty and that no kept program speaks of: nothing can be promised to them any more.

    Nor can a held object be released to one: those refer to their program, which is kept, and it speaks of it.
    """
    spoken: set[str] = set()
    for path in spool.programs.glob("*.json"):
        try:
            spoken |= set(_words(json.loads(path.read_bytes())))
        except (FileNotFoundError, ValueError):
            return []
    left = []
    for name in names(spool.root / "outbox"):
        stem, dot, kind = name.rpartition(".")
        known = name in spoken or (dot and stem in spoken) or kind == "collect" or name == "archive.store"
        if not known and is_empty(spool.root / "outbox" / name):
            left.append(name)
    return sorted(left)


def _words(value: object) -> Iterable[str]:
    """Every text in a program, whatever it is for: a name that stands nowhere is surely not used."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)


def is_empty(outbox: Path) -> bool:
    """Whether there is nothing but empty folders, one level deep."""
    try:
        return all(inner.is_dir() and not any(inner.iterdir()) for inner in outbox.iterdir())
    except FileNotFoundError:
        return False


def remove_outbox(outbox: Path) -> bool:
    """Remove an outbox whose folders are empty; whether it is gone. A folder with something in it cannot be removed."""
    gone: list[Path] = []
    # The notes' folder first: whoever promises something writes there first, and fails before anything has moved.
    for inner in sorted(outbox.iterdir(), key=lambda path: path.name != "entries"):
        try:
            inner.rmdir()
        except OSError:
            for folder in gone:
                files.make_folder(folder)
            return False
        gone.append(inner)
    with contextlib.suppress(OSError):
        outbox.rmdir()
    return not outbox.exists()
