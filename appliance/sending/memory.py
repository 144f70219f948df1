"""What was sent to one destination before, so that a second run sends only what is missing.

A text file with one line for each object that the destination has taken: a digest of where and when the file lay, and
one of what was in it. No name and no path is in it. A line is written after the success, so a crash makes at most the
last objects go twice; what is in doubt is sent again. It must not know networks.
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 20
_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Mark:
    """One file as it was when it was looked at."""

    place: str
    content: str = ""


def default_folder() -> Path:
    """Where programs of this account keep such things (XDG Base Directory)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "stellwerk" / "sent"


def place_of(path: Path) -> str:
    """A digest of path, size and time of change: a file that has all three has not changed. Raises OSError."""
    status = path.stat()
    text = f"{path.resolve()}\0{status.st_size}\0{status.st_mtime_ns}"
    return _digest(text.encode("utf-8", "surrogateescape"))


def content_of(path: Path) -> str:
    """A digest of what is in it. Raises OSError."""
    digest = hashlib.blake2b(digest_size=_LENGTH // 2)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Memory:
    """The file of one destination. Only `add` writes, and only to its end."""

    def __init__(self, folder: Path, destination: str) -> None:
        name = _digest(destination.encode())
        self.path = folder / f"{name}.txt"
        self._places: set[str] = set()
        self._contents: set[str] = set()
        self._handle = -1
        self._torn = False
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        self._torn = bool(data) and not data.endswith(b"\n")
        for line in data.split(b"\n")[:-1]:
            place, _, content = line.decode("ascii", "replace").partition(" ")
            # Half a line, which a crash has left, is none.
            if len(place) == len(content) == _LENGTH:
                self._places.add(place)
                self._contents.add(content)

    def __len__(self) -> int:
        return len(self._contents)

    def has_place(self, place: str) -> bool:
        """Whether this very file was sent, which is known without reading it."""
        return place in self._places

    def has_content(self, content: str) -> bool:
        """Whether these bytes were sent, wherever they lay."""
        return content in self._contents

    def add(self, mark: Mark) -> None:
        """It was taken. One write, which survives the end of this process. Raises OSError."""
        if self._handle < 0:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        start = "\n" if self._torn else ""
        self._torn = False
        line = f"{start}{mark.place} {mark.content}\n".encode("ascii")
        if os.write(self._handle, line) != len(line):
            self._torn = True

    def close(self) -> None:
        """Nothing more will be added."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=_LENGTH // 2).hexdigest()
