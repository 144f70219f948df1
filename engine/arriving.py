"""What lies in `incoming` under a name with its seal (engine.seal): looking at it, and seeing at a start what it is.

Whoever has given such a name knows when all that it says is on the disk. Where the machine has stopped, nobody does:
its sender may have heard "success" or not; it has only where all the bytes are there. Part of the spool. It must not
know how the names came about.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from engine import files
from engine.object import Origin
from engine.seal import Seal, arriving
from engine.window import entries

log = logging.getLogger("stellwerk.spool")

OTHER_BYTES = (
    "its bytes are not those that came: the machine stopped while it was written to the disk, or the disk has not kept"
    " what it had said to be kept; have it sent again, then delete this"
)
"""Why something is held that was found in full length and with other bytes."""


def accepted(incoming: Path) -> Iterator[tuple[str, str]]:
    """Number and file name of all that has come and is not routed, with what is just being taken in.

    What has its seal in its name first, so that one that gets another meanwhile is seen, perhaps twice.
    """
    yield from _arriving(incoming)
    yield from ((name[:-4], name) for name in entries(incoming) if name.endswith(".dcm"))


def _arriving(incoming: Path) -> Iterator[tuple[str, str]]:
    return ((found[0], name) for name in entries(incoming) if (found := arriving(name)))


def name_arriving(incoming: Path) -> Sequence[str]:
    """Give what is whole the name that counts, durably; remove what is not all there. Answers the numbers of both.

    Only while nothing arrives. What has its length and other bytes gets a note that says so, by which it is held. It
    can be broken off and done again. It reads what was under way when the machine stopped, and what waited under such
    a name: engine.intake says how much that may be. Raises OSError.
    """
    some = sorted(_arriving(incoming))
    for number, name in some:
        found = arriving(name)
        assert found is not None
        file, note = incoming / name, incoming / f"{number}.json"
        length = file.stat().st_size
        if length < found[1].length:
            log.warning(
                "%s was not all there when the machine stopped, and is removed: its sender has not heard that it was"
                " taken, and has it still",
                number,
            )
            files.remove(file)
            continue
        if not _is_whole(file, found[1]):
            files.write(note, _flawed(note))
            # Its note must be there for good before its bytes may be there.
            files.sync(incoming)
        elif note.exists():
            files.sync(note)
        # What a process has written before it was killed is not on the disk for that.
        files.sync(file)
        files.move(file, incoming / f"{number}.dcm")
    if some:
        files.sync(incoming)
    return [number for number, _ in some]


def _is_whole(file: Path, seal: Seal) -> bool:
    try:
        return Seal.of(file) == seal
    except OSError:  # it cannot be read, or not now: no reason not to start
        return False


def _flawed(note: Path) -> bytes:
    """The note of an object, with what is wrong with the object."""
    try:
        said = json.loads(note.read_bytes())
        origin = Origin.from_json(said["origin"])
    except (OSError, ValueError, KeyError, TypeError):
        said, origin = {"program": "", "again": ""}, Origin("unknown")
    return json.dumps({**said, "origin": replace(origin, flaw=OTHER_BYTES).to_json()}).encode()
