"""Staging: all that is promised together is prepared in one folder of `work`, before any of it counts.

A part of the spool. It must not know where the folder goes then.
"""

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.entry import Entry
from engine.outcome import Delivery
from engine.promised import MORE, PROMISED, Made
from engine.step import GATHERING, HOLD

log = logging.getLogger("stellwerk.spool")

Materialise = Callable[[Path, Path, Mapping[str, str | None]], None]
Bytes = tuple[Path, tuple[tuple[str, str | None], ...]]
"""What tells the bytes of two deliveries apart: the payload, and the attributes that differ from it."""


_MOST_BYTES = 1 << 14
"""Of notes in one file."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The outcome of routing one thing: what to promise, and which files of the spool are thereby done with."""

    object: str
    deliveries: tuple[Delivery, ...]
    finished: tuple[Path, ...]
    program: str
    received: Path
    """The bytes as they came."""
    discarded: str | None = None
    rule: str = ""
    """Where the rule stands that discards it: file and line."""
    duplicate: str = ""
    """The object that it repeats, where it is dropped for that."""
    replaced: tuple[Path, ...] = ()
    """Files of older promises that these take the place of; they stay where something else is promised instead."""


class Stage:
    """One folder. Its names count for nothing until all is durable: so that is done last, and side by side."""

    def __init__(
        self, folder: Path, incoming: Path, keeps_received: Callable[[str, str], bool], materialise: Materialise
    ) -> None:
        """incoming: where files are durable already. keeps_received: asked for a program's digest and a route."""
        self.folder = folder
        self._entries: list[Entry] = []
        self._incoming, self._keeps_received, self._materialise = str(incoming), keeps_received, materialise
        self._written: dict[Bytes, Path] = {}
        self._unsynced: list[Path] = [folder]
        folder.mkdir()

    def add(self, promise: Promise, delivery: Delivery) -> None:
        """Prepare one promise. Raises Never when the object's changes cannot be written, and OSError."""
        obj = delivery.obj
        target = self.folder / f"{delivery.id}.dcm"
        key = (obj.payload, tuple(sorted(obj.changes.items())))
        if key in self._written:
            files.link(self._written[key], target)
        elif obj.changes:
            self._materialise(obj.payload, target, obj.changes)
            self._unsynced.append(target)
            self._written[key] = target
        else:
            if files.folder_of(obj.payload) != self._incoming:
                self._unsynced.append(obj.payload)
            files.link(obj.payload, target)
            self._written[key] = target
        keep = (
            delivery.outbox != HOLD
            and key != (promise.received, ())
            and (delivery.outbox.endswith(GATHERING) or self._keeps_received(promise.program, delivery.route))
        )
        if keep:
            files.link(promise.received, self.folder / f"{delivery.id}.received")
        entry = Entry(
            delivery.id,
            obj.id,
            delivery.outbox,
            delivery.route,
            delivery.position,
            promise.program,
            obj.origin,
            delivery.place,
            delivery.note,
            tuple(sorted(obj.cleared)),
            delivery.awaits,
            delivery.reports_to,
            delivery.gates,
            delivery.opens,
            time.time(),
            why=delivery.note.get("why", ""),
            received=keep,
        )
        self._entries.append(entry)

    def seal(self, root: Path, finished: Sequence[Path]) -> Made:
        """Make all of it durable, with what is thereby done with: files below `root`. Raises OSError."""
        # A file for each note would cost a flush for each. Yet in parts, as whoever reads one reads all beside it.
        above = len(str(root)) + 1
        parts = [[_encoded([str(path)[above:] for path in finished]).encode()]]
        made: list[tuple[Entry, str]] = []
        size = 0
        for entry in self._entries:
            if size > _MOST_BYTES:
                parts.append([])
                size = 0
            note = entry.to_bytes()
            parts[-1].append(note)
            size += len(note)
            made.append((entry, _part(len(parts) - 1)))
        for number, lines in enumerate(parts):
            path = self.folder / _part(number)
            files.put(path, b"".join([line + b"\n" for line in lines]))
            self._unsynced.append(path)
        files.sync_all(self._unsynced)
        stamps = [files.stamp(self.folder / _part(number)) for number in range(len(parts))]
        by_name = {_part(number): found for number, found in enumerate(stamps)}
        return Made(finished, [(entry, part, by_name[part]) for entry, part in made])


def _part(number: int) -> str:
    return MORE.format(number) if number else PROMISED


_encoded = json.JSONEncoder(ensure_ascii=False).encode


def cleanings(promise: Promise) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What the history says of how each route has cleaned the pixels of an object."""
    done = {(one.route, one.obj.cleaning): None for one in promise.deliveries}
    for route, cleaning in done:
        if cleaning is not None:
            yield "cleaned", promise.object, {"why": cleaning.words, "route": route}


def told(obj: str, delivery: Delivery) -> tuple[str, str, dict[str, str]]:
    """What the history says of a promise that has become valid; the log says it, too, where a person must see to it."""
    event, why = "held" if delivery.outbox == HOLD else "promised", delivery.note.get("why", "")
    if event == "held":
        log.warning("held: %s: %s", delivery.id, why or "a rule says so")
    return event, obj, {"outbox": delivery.outbox, "entry": delivery.id, "why": why, "route": delivery.route}
