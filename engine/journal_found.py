"""What the files themselves say, where the history and the keys are gone: objects in the spool and in the archive.

For a journal that is built anew. It changes nothing but the journal.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

from engine.entry import line_of
from engine.errors import Never
from engine.header import Header
from engine.journal import Journal
from engine.journal_tables import number_of, put_copy, put_keys
from engine.keys import keys_of
from engine.object import Origin
from engine.whereabouts import lying

TOGETHER = 200
"""Files whose finds share a transaction."""

Found = tuple[str, dict[str, str], str, str]
"""Number, keys, outbox and place; the last two empty for what lies in the spool."""


def refill(journal: Journal, archives: Mapping[str, Path]) -> tuple[int, int]:
    """Find what is not known yet: how many in the spool and how many in the archives (folder by outbox).

    Raises JournalTrouble. A file that cannot be read is left out: there is nothing to search it by.
    """
    return _put(journal, _of_spool(journal), "spool"), _put(journal, _of_archives(journal, archives), "archive")


def _put(journal: Journal, finds: Iterator[Found], where: str) -> int:
    count = 0
    while some := list(islice(finds, TOGETHER)):
        with journal.writing() as db:
            for number, keys, outbox, place in some:
                put_keys(db, {"object": number, **keys}, where)
                if outbox:
                    put_copy(db, outbox, place, number)
        count += len(some)
    return count


def _of_spool(journal: Journal) -> Iterator[Found]:
    seen: set[str] = set()
    for name, _, file in lying(journal.root):
        number = number_of(name)
        if number not in seen and not _has_keys(journal, number):
            seen.add(number)
            with suppress(OSError, Never):
                header = Header.read(file)
                header.check()
                yield number, keys_of(header, _origin_beside(file)), "", ""


def _of_archives(journal: Journal, archives: Mapping[str, Path]) -> Iterator[Found]:
    for outbox, root in archives.items():
        for file in sorted(root.rglob("*.dcm")) if root.is_dir() else ():
            place = str(file.relative_to(root))
            known = journal.db.execute(
                "SELECT number FROM copies WHERE outbox = ? AND place = ?", (outbox, place)
            ).fetchone()
            if known and _has_keys(journal, str(known[0])):
                continue
            with suppress(OSError, Never):
                header = Header.read(file)
                header.check()
                number = str(known[0]) if known else _number_of(journal, header, file, outbox, place)
                yield number, keys_of(header, Origin("archive")), outbox, place


def _number_of(journal: Journal, header: Header, file: Path, outbox: str, place: str) -> str:
    """The number of the object that was stored there, if the history tells of one; else one made of the file."""
    told = journal.db.execute(
        "SELECT o.number FROM objects o JOIN promises p ON p.number = o.number"
        " WHERE o.sop = ? AND p.outbox = ? AND p.ending = 'delivered' ORDER BY o.number DESC LIMIT 1",
        (header.first("SOPInstanceUID"), outbox),
    ).fetchone()
    if told:
        return str(told[0])
    digest = hashlib.blake2b(f"{outbox}\0{place}".encode("utf-8", "surrogateescape"), digest_size=2).hexdigest()
    return f"{file.stat().st_mtime_ns:016x}{digest[:3]}"


def _has_keys(journal: Journal, number: str) -> bool:
    row = journal.db.execute("SELECT sop FROM objects WHERE number = ?", (number,)).fetchone()
    return bool(row and row[0])


def _origin_beside(file: Path) -> Origin:
    """How it came in, from the note beside it."""
    for note in (file.with_suffix(".json"), file.parent.parent / "entries" / f"{file.stem}.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            return Origin.from_json(json.loads(line_of(note.read_bytes(), file.stem))["origin"])
    return Origin("unknown")
