"""A small JSON file that two processes change in turn: the console, and a command typed beside it.

Each change is whole and durable, for this account alone from its first byte. It must not know what is in it.
"""

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from engine import files

Table = dict[str, dict[str, Any]]


class Book:
    """Rows by name. Threads may share one."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._seen: files.Stamp | None = None
        self._rows: Table = {}

    def rows(self) -> Table:
        """What stands there now, not to be changed. Raises OSError where it cannot be read: that is not nothing."""
        with self._lock:
            return self._read()

    @contextmanager
    def change(self) -> Iterator[Table]:
        """All rows, to be changed; kept when the block ends well. Raises OSError."""
        with self._lock:
            files.make_folder(self.file.parent)
            self.file.parent.chmod(0o700)
            handle = os.open(self.file.with_name(f".{self.file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                rows: Table = json.loads(json.dumps(self._read()))
                yield rows
                if rows != self._rows or self._seen is None:
                    self._write(rows)
            finally:
                os.close(handle)

    def _read(self) -> Table:
        try:
            seen = files.stamp(self.file)
            if seen != self._seen:
                self._rows = _rows(files.read(self.file), self.file)
                self._seen = seen
        except FileNotFoundError:
            self._rows, self._seen = {}, None
        return self._rows

    def _write(self, rows: Table) -> None:
        draft = self.file.with_name(f".{self.file.name}.draft")
        files.put(draft, json.dumps(rows, ensure_ascii=False, indent=1).encode(), 0o600)
        files.sync(draft)
        files.move(draft, self.file)
        files.sync(self.file.parent)
        self._seen = None


def _rows(text: bytes, file: Path) -> Table:
    try:
        rows = json.loads(text)
    except ValueError:
        rows = None
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise OSError(5, "it is not as the console has written it: put a copy back, or remove it", str(file))
    return rows
