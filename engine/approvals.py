"""Approvals: how many images of each device people have approved since they last rejected one (`review first`).

    approvals/<key>.json      one for each device and way of cleaning (engine.device.Known)

Part of the spool. Durable before an image goes on that was approved, and counted by the entries that were, so that what
a crash interrupts can be done again. No file, or one that cannot be read, is a device of which nothing was approved:
more is looked at then, never less. It holds no patient's data.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.device import Known

KEY = re.compile(r"[0-9a-f]{16}")
"""How a device is called, where a person has typed it: it becomes the name of a file."""

MOST = 1000
"""So many approvals are counted of a device: rules cannot ask for more (engine.keeping.Few)."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One device, and how many of its images were approved."""

    key: str
    known: Known
    approved: int


class Approvals:
    """Those of one spool. Changed only while the hold is (`Spool.alone`); read at any time, by any process."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "approvals"

    def count(self, key: str) -> int:
        """How many were approved since the last was rejected. Raises OSError where that cannot be known now."""
        return len(self._entries(key))

    def add(self, known: Known, entry: str) -> None:
        """An entry is about to be approved: durable when this returns, and once for each entry. Raises OSError."""
        entries = self._entries(known.key)
        if entry in entries or len(entries) >= MOST:
            return
        files.make_folder(self._folder)
        files.write(
            self._path(known.key), json.dumps({"known": known.to_text(), "approved": [*entries, entry]}).encode()
        )
        files.sync(self._folder)

    def forget(self, key: str) -> bool:
        """Begin anew with a device, durably; whether anything was counted. Raises OSError."""
        there = self._path(key).exists()
        if there:
            files.remove(self._path(key))
            files.sync(self._folder)
        return there

    def each(self) -> Iterator[Counted]:
        """All devices of which something was approved, by their keys. Raises OSError."""
        for key in sorted(path.stem for path in self._folder.glob("*.json")):
            if KEY.fullmatch(key):
                with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
                    said = self._said(key)
                    yield Counted(key, Known.of_text(str(said["known"])), len(said["approved"]))

    def _entries(self, key: str) -> list[str]:
        try:
            return [str(one) for one in self._said(key)["approved"]]
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return []

    def _said(self, key: str) -> dict[str, list[str]]:
        said: dict[str, list[str]] = json.loads(files.read(self._path(key)))
        return said

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.json"
