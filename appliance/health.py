"""What does not work at the moment, from all that could break: outboxes, threads, disks, rules by the clock, the hold.

It only looks, and says it in words; who is told when is decided elsewhere.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path

from appliance.settings import Settings
from engine.disk import Disk, Limits, device, existing, space
from engine.entry import Entry
from engine.graph import sinks
from engine.outbox import Outbox
from engine.program import Program, calls
from engine.schedule import Window
from engine.spool import Spool
from engine.step import HOLD, REVIEW
from engine.trouble import Trouble
from engine.window import entries

Boxes = Callable[[], Iterable[tuple[Outbox, str]]]
"""The outboxes that are pumped, each with what its pump or thread has to say."""

PEEK = 20
"""So many of what waits for another try are looked at."""


def of_outbox(outbox: Outbox, said: str) -> Trouble | None:
    """Whether an outbox does not get rid of what it owes. said: what its pump or thread has to say.

    After a start the pump has nothing to say until the next try is due: then what waits for it says it.
    """
    words = said or _last_try(outbox)
    # With nothing owed, the other side may be away all the same, but nobody needs it.
    return Trouble(words) if words and any(_waiting(*outbox.stages)) else None


def _last_try(outbox: Outbox) -> str:
    # In no order: of a million that wait it must not look at each.
    waiting = islice(_waiting(outbox.later, outbox.again), PEEK)
    tried = [entry for name in waiting if (entry := outbox.entry(name[:-4])) is not None and entry.tries]
    return next((entry.why for entry in tried if entry.why and _may_go(entry)), "")


def _waiting(*stages: Path) -> Iterator[str]:
    return (name for stage in stages for name in entries(stage) if name.endswith(".dcm"))


def _may_go(entry: Entry) -> bool:
    """Whether its window of time is open: until then it waits by a rule."""
    return "window" not in entry.note or Window.of(entry.note["window"]).is_open(datetime.now())


def of_hold(spool: Spool) -> Trouble | None:
    """Whether something is held, and when the newest of it came."""
    count, newest = 0, 0.0
    with os.scandir(spool.outbox(HOLD).root) as found:
        for one in found:
            if one.name.startswith("."):
                continue
            if one.name.endswith(".dcm"):
                count += 1
            elif one.name.endswith(".json"):
                with suppress(FileNotFoundError):
                    newest = max(newest, one.stat().st_mtime)
    if not count:
        return None
    words = f"{count} wait for a person: `stellwerk spool` shows them, `stellwerk spool release NUMBER` sends one on"
    german = (
        f"{count} warten auf einen Menschen: `stellwerk spool` zeigt sie, `stellwerk spool release NUMMER` schickt "
        "eines weiter"
    )
    if REVIEW in spool.outboxes():
        words += "; `stellwerk review` shows those that wait for a review"
        german += "; `stellwerk review` zeigt, was auf eine Freigabe wartet"
    return Trouble(words, german, newest)


class Health:
    """One appliance's. Each part is asked anew at every look."""

    def __init__(self, spool: Spool, settings: Settings, program: Callable[[], Program], outboxes: Boxes) -> None:
        self.disk = Disk(spool.root, spool.work, Limits(settings.warn_free_mb, settings.min_free_mb))
        self._spool, self._settings, self._program, self._outboxes = spool, settings, program, outboxes
        self._parts: dict[str, Callable[[], Trouble | str]] = {}
        self._many: list[Callable[[], Mapping[str, str]]] = []

    def also(self, name: str, said: Callable[[], Trouble | str]) -> None:
        """A part that may break, and how to ask it why it has; it answers an empty text when all is well."""
        self._parts[name] = said

    def also_each(self, said: Callable[[], Mapping[str, str]]) -> None:
        """Parts of which there are now some and now others: what each that is in trouble has to say, by its name."""
        self._many.append(said)

    def trouble(self) -> dict[str, Trouble]:
        """What does not work at the moment, by name: an outbox, or one of engine.destinations.alarms.OWN."""
        found = self.disk.troubles(self._archives())
        for outbox, said in self._outboxes():
            if (box := of_outbox(outbox, said)) is not None:
                found[outbox.name] = box
        if (held := of_hold(self._spool)) is not None:
            found["hold"] = held
        found |= {name: Trouble(words) for some in list(self._many) for name, words in some().items()}
        parts = {name: words for name, said in list(self._parts.items()) if (words := said())}
        return found | {name: one if isinstance(one, Trouble) else Trouble(one) for name, one in parts.items()}

    def free(self) -> dict[str, int]:
        """Free megabytes, by what lies on a disk: `spool, archive` where they share one."""
        return free({"spool": self._spool.root, **self._archives()})

    def _archives(self) -> dict[str, Path]:
        return {name: self._settings.archive_folder(name) for name in archives(self._program())}


def archives(program: Program) -> Iterable[str]:
    """The folders in which the rules store, by name."""
    chains = (chain for route in program.routes for chain in (route.chain, route.failure or ()))
    boxes = (box for chain in chains for call in calls(chain) for box in sinks(call))
    return dict.fromkeys(box.removesuffix(".store") for box in boxes if box.endswith(".store"))


def free(folders: Mapping[str, Path]) -> dict[str, int]:
    """Free megabytes, by what lies on a disk: `spool, archive` where they share one."""
    disks: dict[int, list[str]] = {}
    for name, folder in folders.items():
        disks.setdefault(device(existing(folder)), []).append(name)
    found = {}
    for names_there in disks.values():
        there = space(existing(folders[names_there[0]]))
        if there is not None:
            found[", ".join(names_there)] = there.free_mb
    return found
