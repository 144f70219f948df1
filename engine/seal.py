"""Seals: how long a file is and what its bytes are, short enough for a name, so that nobody need wait for both in turn.

A name that says what is to lie under it can be given before the bytes are on the disk: whoever finds it after a crash
sees whether all of them are there. It is no protection against a person who makes bytes to fit. It must not know what
is in the files, nor when a name counts.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import xxhash

ARRIVING = ".arriving"
"""How a name ends that says what is to lie under it."""

MOST_BYTES = 8 << 20
"""Longer files get no seal: they are written to the disk while they come, and a start need not read them."""

_NAME = re.compile(rf"([0-9a-f]+)\.(\d+)-([0-9a-f]{{16}}){re.escape(ARRIVING)}")
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """Of a whole file: its bytes, and XXH3 of them (64 bits, hexadecimal)."""

    length: int
    digest: str

    @classmethod
    def of(cls, path: Path) -> "Seal":
        """That of a file as it is now. Raises OSError."""
        sealing = Sealing()
        with path.open("rb") as stream:
            while piece := stream.read(_PIECE):
                sealing.add(piece)
        return sealing.seal()

    def name(self, number: str) -> str:
        """The name of the file of this number with its seal."""
        return f"{number}.{self.length}-{self.digest}{ARRIVING}"


class Sealing:
    """Makes the seal of a file while its bytes pass, in their order."""

    __slots__ = ("_hash", "_length")

    def __init__(self) -> None:
        self._hash, self._length = xxhash.xxh3_64(), 0

    def add(self, piece: bytes | memoryview) -> None:
        """The next bytes of the file."""
        self._hash.update(piece)
        self._length += len(piece)

    def seal(self) -> Seal:
        """Of all that was added."""
        return Seal(self._length, self._hash.hexdigest())


def arriving(name: str) -> tuple[str, Seal] | None:
    """Number and seal of a file that has such a name; None for any other name."""
    found = _NAME.fullmatch(name)
    return None if found is None else (found[1], Seal(int(found[2]), found[3]))
