"""When each sender was heard last: for `alarm … unless CT1 sent since 06:00`. One tiny file per sender and port.

Accepting only notes it in memory; `keep` writes it down, some times a minute and at the end: the hot path pays nothing,
and a crash forgets a quarter of a minute. The history may be deleted; this is its own. It knows AE titles and no image.
"""

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from engine import files

MOST = 1000
"""Senders that are remembered: whoever calls under a new name each time must not fill the disk."""


class Heard:
    """The senders that something was accepted from."""

    def __init__(self, folder: Path, now: Callable[[], float] = time.time) -> None:
        self._folder, self._now = folder, now
        self._at: dict[tuple[str, int], float] = {}
        self._fresh: set[tuple[str, int]] = set()
        self._lock = threading.Lock()
        for path in sorted(folder.glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                kept = json.loads(path.read_bytes())
                self._at[str(kept["sender"]), int(kept["port"])] = float(kept["at"])

    def note(self, sender: str, port: int) -> None:
        """Something was accepted from this calling AE title."""
        with self._lock:
            self._at[sender.strip(), port] = self._now()
            self._fresh.add((sender.strip(), port))

    def last(self, sender: str) -> float | None:
        """When it was heard last, on any port; seconds since 1970."""
        with self._lock:
            return max((at for (title, _), at in self._at.items() if title == sender.strip()), default=None)

    def keep(self) -> None:
        """Write down what is new. Raises OSError; nothing is forgotten then."""
        with self._lock:
            fresh = {key: self._at[key] for key in self._fresh}
            oldest = sorted(self._at, key=self._at.__getitem__)[: max(0, len(self._at) - MOST)]
            for key in oldest:
                del self._at[key]
                fresh.pop(key, None)
            self._fresh.clear()
        if not fresh and not oldest:
            return
        try:
            files.make_folder(self._folder)
            for (sender, port), at in fresh.items():
                note = {"sender": sender, "port": port, "at": at}
                files.write(self._path(sender, port), json.dumps(note, ensure_ascii=False).encode())
            for key in oldest:
                files.remove(self._path(*key))
            files.sync(self._folder)
        except OSError:
            with self._lock:
                self._fresh.update(key for key in fresh if key in self._at)
            raise

    def _path(self, sender: str, port: int) -> Path:
        # An AE title may have any sign in it, a slash too.
        return self._folder / f"{hashlib.blake2b(f'{port} {sender}'.encode(), digest_size=8).hexdigest()}.json"
