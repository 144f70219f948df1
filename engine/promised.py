"""Promised: how a batch of promises that has become valid gets into the outboxes. Part of the spool.

    routed/<batch>/promised.jsonl   first a list of what it came from, then the note of each promise, a line each
                   moving.jsonl     the same file, once what it came from is gone
                   more-<n>.jsonl   further notes, where there are many
                   <id>.dcm         the bytes of a promise
                   <id>.received    the bytes as they came, where a route's `on failure` may want them

A note gets into its outbox as one more name of the file that it stands in: nothing is written for it, nor flushed. Each
step can be done again. A batch of an earlier edition has a note in a file of its own for each promise, and what it came
from in `finished.json`; it is finished, too. See decision 0032. It must not know how promises come about.
"""

import contextlib
import json
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine import files
from engine.entry import Entry, unread
from engine.seal import arriving
from engine.step import HOLD

if TYPE_CHECKING:
    from engine.outbox import Outbox
    from engine.spool import Spool

log = logging.getLogger("stellwerk.spool")

PROMISED, MOVING, MORE, FINISHED = "promised.jsonl", "moving.jsonl", "more-{}.jsonl", "finished.json"


@dataclass(frozen=True, slots=True)
class Made:
    """A batch that has just been made, so that it need not be read.

    finished: what it came from. notes: of each promise its entry, the name of the file in which its note stands, and
    the stamp of that.
    """

    finished: Sequence[Path]
    notes: Sequence[tuple[Entry, str, files.Stamp]]


@dataclass(frozen=True, slots=True)
class _Bound:
    """One promise on its way. note: the file that is to get its name; None where it has gone ahead already."""

    id: str
    home: "Outbox"
    entry: Entry | None
    note: str | None
    own: bool = False
    """Whether the note is in a file of its own."""


def settle(spool: "Spool", batch: Path, made: Made | None = None) -> None:
    """Retire what a batch came from, then move every promise to its outbox. Safe to repeat. Raises OSError.

    made: what is in it, where that is known.
    """
    _retire(spool.root, batch, made)
    bound = list(_found(spool, batch) if made is None else _known(spool, batch, made))
    files.sync_all(_send_ahead(batch, bound))
    # The bytes go last, when their notes are there for good: without one, nobody would know where they should go.
    # Those that wait for others, or tell of them, go first: word of the others must find them in their place.
    touched: set[Path] = set()
    for one in sorted(bound, key=lambda one: not (one.entry and (one.entry.gates or one.entry.awaits))):
        home, entry = one.home, one.entry
        owed = home.ready if entry is None else home.place_for(entry)
        target = home.waiting if entry and entry.gates else owed
        files.move(f"{batch}/{one.id}.dcm", f"{target}/{one.id}.dcm")
        touched.add(target)
    files.sync_all(touched)
    files.remove_folder(batch)
    files.sync(spool.routed)


def _retire(root: Path, batch: Path, made: Made | None) -> None:
    """Remove what the batch came from, so that it is not routed again."""
    said = batch / PROMISED
    if made is None and not said.exists():
        said = batch / FINISHED
        if not said.exists():
            return
    done = made.finished if made is not None else [root / name for name in _sources(said)]
    for path in done:
        files.remove(path)
    files.sync_all({files.folder_of(path) for path in done})
    # Only now may the promises move on: had the source outlived them, it would be routed a second time.
    if said.name == FINISHED:
        files.remove(said)
    else:
        files.move(said, batch / MOVING)


def _sources(said: Path) -> list[str]:
    """What a batch came from. It was flushed before the batch counted, so only a disk that lied can have torn it.

    What came from a name with its seal has had another since, where there was a start in between (engine.arriving).
    """
    try:
        names = [str(name) for name in json.loads(said.read_bytes().partition(b"\n")[0])]
        sealed = ((folder, arriving(name)) for folder, _, name in (one.rpartition("/") for one in names))
        return [*names, *(f"{folder}/{found[0]}.dcm" for folder, found in sealed if found)]
    except ValueError:
        # Whatever it came from and is still there goes through the rules once more, to the same promises.
        log.error("%s cannot be read: the disk has not kept what it had said to be kept", said.parent.name)
        return []


def _known(spool: "Spool", batch: Path, made: Made) -> Iterator[_Bound]:
    for entry, part, stamp in made.notes:
        home = spool.outbox(entry.outbox)
        home.remembered.put(entry, stamp)
        yield _Bound(entry.id, home, entry, f"{batch}/{MOVING if part == PROMISED else part}")


def _found(spool: "Spool", batch: Path) -> Iterator[_Bound]:
    """Where the promises belong that are left in a batch; to the hold where a note cannot be read."""
    for path, note, data in left_in(batch):
        own = batch / f"{path.stem}.json"
        if note is None:
            yield _gone_ahead(spool, path)
            continue
        try:
            entry = Entry.from_bytes(data, path)
        except (ValueError, KeyError, TypeError):
            # It was flushed before the batch counted, so only a disk that lied can have torn it.
            entry, note = unread(path, HOLD), own
            files.write(own, entry.to_bytes())
        yield _Bound(path.stem, spool.outbox(entry.outbox), entry, str(note), own=note == own)


def left_in(batch: Path) -> Iterator[tuple[Path, Path | None, bytes]]:
    """The promises whose bytes are in a batch still: those, the file in which its note stands, and the note.

    The note is empty where the disk has not kept it; its file is None where it has gone ahead.
    """
    parts = sorted(batch.glob("*.jsonl"))
    notes = _notes(parts)
    for path in sorted(batch.glob("*.dcm")):
        own = batch / f"{path.stem}.json"
        if own.exists():
            yield path, own, own.read_bytes()
        elif parts:
            data, part = notes.get(path.stem, (b"", own))
            yield path, part, data
        else:
            yield path, None, b""


def _notes(parts: Collection[Path]) -> dict[str, tuple[bytes, Path]]:
    """Each note that can be read, by the id of its entry, and the file in which it stands."""
    found: dict[str, tuple[bytes, Path]] = {}
    for part in parts:
        for line in part.read_bytes().splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError):
                found[json.loads(line)["id"]] = line, part
    return found


def _gone_ahead(spool: "Spool", path: Path) -> _Bound:
    """A crash of an earlier edition came between the note and the bytes."""
    ahead = (name for name in spool.outboxes() if (spool.outbox(name).entries / f"{path.stem}.json").exists())
    home = spool.outbox(next(ahead, HOLD))
    return _Bound(path.stem, home, home.noted(path), None)


def _send_ahead(batch: Path, bound: Sequence[_Bound]) -> set[Path]:
    """Give all but the bytes of the promises its name in their outboxes; answers the folders that this has touched."""
    touched: set[Path] = set()
    # People read what is held, and send it to whoever helps them: what stands beside it in a batch is of others.
    drafts = {
        one.id: (f"{batch}/.{one.id}.draft", one.entry.to_bytes())
        for one in bound
        if one.entry is not None and one.note is not None and not one.own and one.home.name == HOLD
    }
    for draft, data in drafts.values():
        files.put(draft, data)
    files.sync_all([draft for draft, _ in drafts.values()])
    for one in bound:
        home, entry = one.home, one.entry
        touched.add(home.entries)
        if entry is None or one.note is None:
            touched.add(home.received)
            continue
        if home.name == HOLD:
            home.tell_reports(entry, "held", entry.why)
        if entry.received:
            touched.add(home.received)
            received = batch / f"{one.id}.received"
            if received.exists():
                files.move(received, home.received / f"{one.id}.dcm")
        note = f"{home.entries}/{one.id}.json"
        if one.own:
            files.move(one.note, note)
        elif one.id in drafts:
            files.move(drafts[one.id][0], note)
        elif not files.link(one.note, note) and files.stamp(note) != files.stamp(one.note):
            # Left by a crash of what had the same id, and is gone.
            files.remove(note)
            files.link(one.note, note)
    return touched
