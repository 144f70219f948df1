"""Reading files of lines that grow, from where we stopped: each line once, a torn one not before it is whole.

It must not know what a line means, nor where it goes.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HEAD = 200
"""Bytes of the first line by which a file is known again: it begins with a time and a number that no other has."""

Line = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Read:
    """One whole line: where it begins, where the next one does, and what it says; None where nobody can tell."""

    at: int
    end: int
    line: Line | None


def head(path: Path) -> str:
    """By what the file is known again; empty while its first line is not whole."""
    with path.open("rb") as stream:
        first = stream.readline(HEAD)
    whole = first.endswith(b"\n") or len(first) == HEAD
    return hashlib.blake2b(first, digest_size=8).hexdigest() if whole else ""


def whole_lines(path: Path, start: int, most: int) -> Iterator[Read]:
    """Up to so many lines from this place on. What has no end yet is left for the next time."""
    with path.open("rb") as stream:
        stream.seek(start)
        for _ in range(most):
            raw = stream.readline()
            if not raw.endswith(b"\n"):
                return
            if raw.strip():
                yield Read(start, start + len(raw), parsed(raw))
            else:
                # What ends a torn line, written by whoever came after the crash.
                yield Read(start, start + len(raw), {})
            start += len(raw)


def lines_at(path: Path, places: Sequence[int]) -> Iterator[Line]:
    """What the lines that begin there say, in this order; those that nobody can read are left out."""
    with path.open("rb") as stream:
        for place in places:
            stream.seek(place)
            found = parsed(stream.readline())
            if found:
                yield found


def parsed(raw: bytes) -> Line | None:
    """What a line says. Where half of another stands before it, what stands behind that half counts."""
    found = _object(raw)
    start = raw.rfind(b'{"')
    while found is None and start > 0:
        found = _object(raw[start:])
        start = raw.rfind(b'{"', 0, start)
    return found


def _object(raw: bytes) -> Line | None:
    try:
        read = json.loads(raw)
    except ValueError:  # UnicodeDecodeError is one
        return None
    return read if isinstance(read, dict) else None
