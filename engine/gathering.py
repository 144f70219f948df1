"""What lies in a collecting outbox, kept as it changes. The folders stay the truth: at a start all is read from them.

A look lists names; only what is new, or has moved, is opened, and a while at a time: of a hundred thousand notes nobody
waits for the last. It must not know when a study is complete.
"""

import os
import time
from collections import Counter, deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from engine.completeness import Came, Key, Terms
from engine.entry import glance
from engine.outbox import Outbox

OWED = ("urgent", "ready", "again")
"""Where what is collected lies; elsewhere somebody has it in hand, or it waits for its time."""


@dataclass(slots=True, eq=False)
class _Lying:
    came: Came
    stage: Path
    look: int
    """The last look that has found it there."""


class Gathering:
    """All that lies in one outbox, by what belongs together. Only its collector uses it."""

    def __init__(self) -> None:
        self.groups: dict[Key, dict[str, Came]] = {}
        """By the names of their files."""
        self.awaited: Counter[str] = Counter()
        """The deliveries of whose outcome a report behind the `collect` wants to tell."""
        self._lying: dict[str, _Lying] = {}
        self._terms: WeakValueDictionary[tuple[object, ...], Terms] = WeakValueDictionary()
        self._unread: deque[tuple[Path, str]] = deque()
        self._changed: set[Key] = set()
        self._look = 0

    def __len__(self) -> int:
        return len(self._lying)

    def look(self, outbox: Outbox, seconds: float) -> bool:
        """Take in what has changed since the last look; whether that is all. What cannot be read is held.

        It reads for so many seconds at most: where that is not enough, call again. Raises OSError.
        """
        if self._unread and not self._read(outbox, seconds):
            return False
        # Anew, also behind a long read: what is decided next rests on a look that was made after all that was asked.
        self._list(outbox)
        return self._read(outbox, seconds)

    def changes(self) -> set[Key]:
        """What has changed since this was asked last, also what is gone."""
        changed, self._changed = self._changed, set()
        return changed

    def is_free(self, key: Key) -> bool:
        """Whether nobody has anything of it in hand."""
        return all(self._lying[name].stage.name in OWED for name in self.groups[key])

    def has(self, number: str) -> bool:
        """Whether an entry of this id lies there."""
        return f"{number}.dcm" in self._lying

    def _list(self, outbox: Outbox) -> None:
        self._look += 1
        found = 0
        for stage in outbox.stages:
            with suppress(FileNotFoundError), os.scandir(stage) as names:
                for one in names:
                    name = one.name
                    known = self._lying.get(name)
                    if known is not None:
                        found += known.look != self._look
                        known.look = self._look
                        if known.stage is not stage and known.stage != stage:
                            self._unread.append((stage, name))
                    elif name.endswith(".dcm") and name[0] != ".":
                        self._unread.append((stage, name))
        if found < len(self._lying):
            for name in [name for name, one in self._lying.items() if one.look != self._look]:
                # It may have moved back to where we had looked already.
                entry = outbox.entry(name[:-4]) if outbox.has(name[:-4]) else None
                if entry is None:
                    self._remove(name)
                else:
                    self._unread.append((entry.file.parent, name))

    def _read(self, outbox: Outbox, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self._unread:
            stage, name = self._unread.popleft()
            came = None
            with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                came = self._came(name[:-4], glance(outbox.entries, name[:-4]))
            if not os.access(f"{stage}/{name}", os.F_OK):
                continue  # it has moved on, and the next look sees where to
            if came is None:
                outbox.hold_unread(stage / name)
            else:
                self._add(name, came, stage)
            if time.monotonic() >= end:
                break
        return not self._unread

    def _came(self, number: str, note: Mapping[str, Any]) -> Came:
        said = note["note"]
        expected = int(said["expected"]) if said.get("expected") else None
        written = (
            *(str(note["route"]), str(note["position"]), str(said["uid"]), float(said["quiet"])),
            *(said.get("quiet words", ""), expected, bool(said.get("released"))),
            *(said.get("late", ""), said.get("ask", "")),
            *(note["origin"].get("association", ""), said.get("refused by", "")),
        )
        terms = self._terms.get(written)
        if terms is None:
            route, position, uid, *rest = written
            terms = self._terms[written] = Terms((route, position, uid), *rest)
        what = said.get("sop") or note["object"]
        return Came(number, what, float(note["since"]), terms, tuple(note["awaits"]))

    def _add(self, name: str, came: Came, stage: Path) -> None:
        self._remove(name)
        self._lying[name] = _Lying(came, stage, self._look)
        self.groups.setdefault(came.terms.key, {})[name] = came
        self.awaited.update(came.awaits)
        self._changed.add(came.terms.key)

    def _remove(self, name: str) -> None:
        lying = self._lying.pop(name, None)
        if lying is None:
            return
        key = lying.came.terms.key
        self._changed.add(key)
        del self.groups[key][name]
        if not self.groups[key]:
            del self.groups[key]
        for number in lying.came.awaits:
            self.awaited[number] -= 1
            if not self.awaited[number]:
                del self.awaited[number]
