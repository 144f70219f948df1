"""The key of pseudonyms: 32 random bytes, in one file that nobody else may read, made when it is first needed.

The file DATA/secrets/deid has a key in each line, in hexadecimal: the one in use first, below it those of before. Which
were used is noted beside the spool by their ids: a key that is lost, or an older file put back, must not go unnoticed,
for the same patient would get another pseudonym. It must not know what a key is used for.
"""

import fcntl
import os
import re
import secrets
import threading
from collections.abc import Sequence
from pathlib import Path

from engine import files
from engine.errors import Never
from engine.profile.keyed import Keyed

BYTES = 32
_LINE = re.compile(rf"[0-9a-f]{{{2 * BYTES}}}", re.IGNORECASE)


class Keyring:
    """The keys in one file. Threads, and processes, may share it."""

    def __init__(self, file: Path, used: Path) -> None:
        """used: where the ids are noted of the keys that were in use, the newest last."""
        self.file, self._used = file, used
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._keys: Sequence[Keyed] = ()

    def current(self) -> Keyed:
        """The key in use, made where there never was one. Durable, as is the note of it.

        Raises Never, in words, where it is lost or cannot be read as a key; OSError.
        """
        with self._lock:
            noted, there = self._noted_last(), self._read()  # in this order: a key is there before it is noted
            if noted and noted not in [key.id for key in self._keys]:
                raise Never(
                    f"the key of pseudonyms {noted} is no longer in {self.file}: put back what was backed up, then "
                    "release it; where it is lost, `stellwerk key renew` makes another, and every patient gets a new "
                    "pseudonym"
                )
            if not there:
                self._make()
            if noted != self._keys[0].id:
                self._note(self._keys[0].id)
            return self._keys[0]

    def all(self) -> Sequence[Keyed]:
        """The keys that there are, the one in use first. Raises Never where one cannot be read; OSError."""
        with self._lock:
            self._read()
            return self._keys

    def renew(self) -> Keyed:
        """Put a new key in use; those of before stay below it. Raises Never, OSError."""
        with self._lock:
            self._read()
            lines = [secrets.token_hex(BYTES), *(_lines(self.file.read_text("ascii")) if self._keys else ())]
            self._folder()
            files.write(self.file, "".join(f"{line}\n" for line in lines).encode())
            self.file.chmod(0o600)
            files.sync(self.file.parent)
            self._read()
            self._note(self._keys[0].id)
            return self._keys[0]

    def _read(self) -> bool:
        """Read the file where it has changed; whether it is there."""
        try:
            status = self.file.stat()
            seen = (status.st_mtime_ns, status.st_size, status.st_ino)
            if seen != self._seen:
                self._keys = [Keyed(bytes.fromhex(line)) for line in _lines(self.file.read_text("ascii"))]
                self._seen = seen
        except FileNotFoundError:
            self._keys, self._seen = (), None
        except ValueError:
            self._seen = None
            raise Never(
                f"the key of pseudonyms cannot be read: {self.file} has 64 hexadecimal digits in each line; put back "
                "what was backed up, then release it"
            ) from None
        return bool(self._keys)

    def _make(self) -> None:
        """Of two processes that do this at the same moment, one makes it, and both use that."""
        self._folder()
        draft = self.file.with_name(f".{self.file.name}.{secrets.token_hex(8)}")
        try:
            files.put(draft, f"{secrets.token_hex(BYTES)}\n".encode(), 0o600)
            files.sync(draft)
            files.link(draft, self.file)
        finally:
            files.remove(draft)
        files.sync(self.file.parent)
        self._read()

    def _folder(self) -> None:
        files.make_folder(self.file.parent)
        self.file.parent.chmod(0o700)

    def _noted_last(self) -> str:
        return next(reversed(self._noted()), "")

    def _noted(self) -> list[str]:
        try:
            return self._used.read_text("ascii").split()
        except FileNotFoundError:
            return []

    def _note(self, key: str) -> None:
        files.make_folder(self._used.parent)
        handle = os.open(self._used.parent, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)  # a command may do the same beside the appliance
            if self._noted_last() != key:
                # Whole, or not at all: of half an id it would seem that its key is lost.
                files.write(self._used, "".join(f"{one}\n" for one in (*self._noted(), key)).encode())
            files.sync(self._used.parent)
        finally:
            os.close(handle)


def _lines(text: str) -> list[str]:
    """The keys, as written. Raises ValueError where a line is none, or there is no line."""
    lines = text.split()
    if not lines or not all(map(_LINE.fullmatch, lines)):
        raise ValueError("not a key")
    return lines
