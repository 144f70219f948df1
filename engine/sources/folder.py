"""A watched folder: what is put into it is taken, once it is whole. One thread, one `turn` after the other.

Correctness comes from looking: an event only makes it look sooner, and a share sends none. A turn does a bounded
amount of work however much lies in the folder: names are read as they come, and only a window of files is waited for.
What may be taken is decided in engine.sources.settling, how it is taken in engine.sources.taking. It must not know
rules, nor where a file goes.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.drops import Drops, Piece, Source, key
from engine.sources import settling
from engine.sources.settling import Candidate, Look, is_left_alone, is_ours
from engine.sources.taking import Taker, Way, look_at
from engine.sources.telling import Telling
from engine.sources.tidying import Emptied, tidy, why_away
from engine.sources.wholeness import ZIP, look_into
from engine.sources.zips import Unfit, unpacked_size

log = logging.getLogger("stellwerk.folder")

WINDOW = 2048
"""Files that are waited for at a time."""
ENTRIES = 5000
"""Names that are read in one turn."""
BATCH = 64
"""Files that are taken together: they share the flushes of the disk."""
BATCH_BYTES = 1 << 30
REST = 30.0
"""Seconds until a file that could not be taken is tried again."""
RESTING = 10_000
DEEPEST = 64

SILENT = 120.0
"""After so many seconds in the middle of its work, a folder does not answer: a share may hang."""
TIDY_EVERY = 3600.0

Room = Callable[[int], str | None]
"""Why so many more bytes cannot be taken in, in words; None where they can."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a file must have stood still, and how often to look; seconds."""

    quiet: float = 2.0
    every: float = 5.0


@dataclass(frozen=True, slots=True)
class _Resting:
    until: float
    why: str


class Watch:
    """Watches one folder and takes what is put into it.

    own: the folder is in our own data, and made where it is missing. telling: tells what became of it, if anybody does.
    taken: is told that something was taken in; reached: that the folder is there, the first time or again.
    """

    def __init__(
        self,
        way: Way,
        drops: Drops,
        program: Callable[[], str],
        room: Room,
        pace: Pace,
        telling: Telling | None = None,
        taken: Callable[[], None] = lambda: None,
        reached: Callable[[], None] = lambda: None,
        *,
        own: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.way, self._drops, self._pace, self._room = way, drops, pace, room
        self.telling, self._taken, self._own, self._clock = telling, taken, own, clock
        self._taker = Taker(way, drops, program, self._alive)
        self._waited_for: dict[str, Candidate] = {}
        self._resting: dict[str, _Resting] = {}
        self._emptied = Emptied(all_of_them=way.kind == "outbox")
        self._walk: Iterator[tuple[str, Look | None]] | None = None
        self._there: set[str] = set()
        self._next_pass = self._next_tidy = 0.0
        self._trouble = ""
        self.waits_for_room = False
        """Whether nothing is taken for want of room: then that is the trouble, and not this folder."""
        self._at, self._busy, self._looked = clock(), False, False
        self._reached, self._is_reached = reached, False
        self._wake = threading.Event()
        self._stopping = threading.Event()

    @property
    def trouble(self) -> str:
        """What is not well, in words without the name of any file; empty when all is."""
        silent = self._clock() - self._at
        if self._busy and silent > SILENT:
            return f"{self.way.root} has not answered for {silent:.0f} seconds"
        return self._trouble

    def loop(self) -> None:
        """Watch until stopped."""
        while not self._stopping.is_set():
            wait = self.turn()
            if wait > 0 and self._wake.wait(wait):
                # Whoever copies a folder wakes us for each of its files.
                self._stopping.wait(min(wait, 0.2))
                self._next_pass = 0.0
            self._wake.clear()

    def wake(self) -> None:
        """Look now."""
        self._wake.set()

    def stop(self) -> None:
        """End after what is just being taken."""
        self._stopping.set()
        self._wake.set()

    def turn(self) -> float:
        """Look, and take what may be taken; answers in how many seconds to look again (0: at once)."""
        self._busy = True
        self._alive()
        try:
            return self._turn()
        except OSError as error:
            # The share's trouble or the spool's; what was begun is gone on with.
            self._say(f"{self.way.root}: {error.strerror or type(error).__name__}")
            return self._pace.every
        finally:
            self._busy = False

    def _turn(self) -> float:
        away = why_away(self.way, self._drops, own=self._own)
        if away:
            self._walk = None
            self._waited_for.clear()
        elif not self._is_reached:
            self._reached()
        self._is_reached = not away
        no_room = "" if away else self._room(0) or ""
        self.waits_for_room = bool(no_room)
        if away or no_room:
            self._say(away or no_room)
            return self._pace.every
        torn = self._drops.torn
        for taking in list(self._drops.open()):
            self._took(taking.sources, self._taker.go_on(taking))
        if not self._looked or self._drops.torn != torn:
            self._looked = True
            self._taker.give_back_orphans()
        more = self._look_around()
        took, trouble = self._take_what_is_whole()
        self._say(trouble or self._torn() or self._not_taken())
        if self.telling is not None:
            self.telling.turn(self._clock(), self._is_there)
        self._tidy()
        now = self._clock()
        if more or took:
            return 0.0
        soonest = min((max(one.since + self._pace.quiet, one.again) for one in self._waited_for.values()), default=now)
        wait = max(soonest - now, 0.25) if self._waited_for else self._pace.every
        return min(wait, max(self._next_pass - now, 0.05)) if self._walk is None else wait

    def _torn(self) -> str:
        if not self._drops.torn:
            return ""
        record = self._drops.torn[0]
        return (
            f"{self.way.root}: the disk has not kept a record of what was just being taken. What was set aside is back"
            f" in the folder, and is taken again; copies that were being made lie in {record.with_suffix('')}."
            f" See whether anything is missing or has come twice, then delete {record}"
        )

    def _say(self, trouble: str) -> None:
        if trouble and trouble != self._trouble:
            log.warning("%s", trouble)
        self._trouble = trouble

    def _not_taken(self) -> str:
        """What keeps files from being taken, or from being moved away, in words."""
        forgotten = self._clock() - max(REST, 2 * self._pace.every)
        self._resting = {path: one for path, one in self._resting.items() if one.until > forgotten}
        if self._resting:
            count, why = len(self._resting), next(iter(self._resting.values())).why
            return f"{count} {'file' if count == 1 else 'files'} in {self.way.root} cannot be taken: {why}"
        if self._taker.unmovable:
            return f"{self.way.root}: what was taken stays there, for it can be neither moved nor deleted"
        return ""

    # --- what lies there

    def _look_around(self) -> bool:
        """Read the next names; whether there are more to read at once."""
        now = self._clock()
        if self._walk is None:
            if now < self._next_pass:
                return False
            self._walk, self._there = self._files(self.way.root, "", 0), set()
        for _ in range(ENTRIES):
            if len(self._waited_for) >= WINDOW:
                return False
            found = next(self._walk, None)
            if found is None:
                self._walk, self._next_pass = None, now + self._pace.every
                if self._there:
                    # Where nothing at all lies any more, a share may have gone: nothing is forgotten for that.
                    self._drops.forget_others(self._there)
                return False
            path, look = found
            if look is not None:
                self._notice(path, look, now)
        return True

    def _files(self, folder: Path, path: str, depth: int) -> Iterator[tuple[str, Look | None]]:
        """Every file below, as its name is read; with None for what is left alone."""
        is_empty = True
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    is_empty = False
                    deeper = f"{path}/{entry.name}" if path else entry.name
                    if is_left_alone(entry.name) or is_ours(entry.name, not path):
                        yield deeper, None
                    elif entry.is_dir(follow_symlinks=False):
                        yield deeper, None
                        if depth < DEEPEST:
                            yield from self._files(folder / entry.name, deeper, depth + 1)
                    else:
                        yield deeper, look_at(folder / entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            if not path:
                raise
            self._rest(path, error.strerror or type(error).__name__)
            return
        if is_empty and path:
            self._emptied.found(folder, path, self._clock())

    def _notice(self, path: str, look: Look, now: float) -> None:
        resting = self._resting.get(path)
        if resting is not None:
            if now < resting.until:
                return
            del self._resting[path]
        source = Source(path, look.size, look.mtime)
        if self._drops.has_seen(source):
            self._there.add(key(source))
        else:
            self._waited_for[path] = settling.seen(self._waited_for.get(path), look, now)

    def _rest(self, path: str, why: str) -> None:
        """It cannot be taken now: not again for a while, so that others are."""
        self._waited_for.pop(path, None)
        if len(self._resting) >= RESTING:
            del self._resting[next(iter(self._resting))]
        self._resting[path] = _Resting(self._clock() + REST, why)

    # --- what is taken

    def _take_what_is_whole(self) -> tuple[bool, str]:
        """Take one batch of what may be taken; whether there was any, and why some could not be, in words."""
        now = self._clock()
        ready: list[Source] = []
        size, trouble = 0, ""
        for path, known in sorted(self._waited_for.items()):
            if self._stopping.is_set() or len(ready) >= BATCH or size >= BATCH_BYTES:
                break
            if not settling.may_be_opened(known, now, self._pace.quiet):
                continue
            look = look_at(self.way.root / path)
            if look is None:
                del self._waited_for[path]
                continue
            candidate = self._waited_for[path] = settling.seen(known, look, now)
            if not settling.may_be_opened(candidate, now, self._pace.quiet):
                continue
            weight = self._weight(path, candidate, now)
            if weight is None:
                continue
            no_room = self._room(size + weight)
            if no_room:
                trouble = no_room
                continue
            size += weight
            ready.append(Source(path, look.size, look.mtime, self._drop_of(path)))
        if ready:
            self._took(ready, self._taker.take(ready))
        return bool(ready), trouble

    def _weight(self, path: str, candidate: Candidate, now: float) -> int | None:
        """How many bytes it comes to in the spool, where it may be taken now; None where it may not."""
        self._alive()
        file = self.way.root / path
        weight = candidate.look.size
        try:
            found = look_into(file)
            is_whole = not found.lacks
            if found.kind == ZIP:
                try:
                    weight += unpacked_size(file, self.way.limits)
                except Unfit as unfit:
                    is_whole = not unfit.incomplete
        except FileNotFoundError:
            self._waited_for.pop(path, None)
            return None
        except OSError as error:
            self._rest(path, error.strerror or type(error).__name__)
            return None
        if settling.may_be_taken(candidate, now, whole=is_whole, doubtful=found.doubtful):
            return weight
        self._waited_for[path] = replace(candidate, again=now + max(self._pace.quiet, 1.0))
        return None

    def _drop_of(self, path: str) -> str:
        return self.telling.drop_of(path.partition("/")[0]) if self.telling is not None else ""

    def _took(self, sources: Sequence[Source], pieces: Sequence[Piece]) -> None:
        for source in sources:
            self._waited_for.pop(source.path, None)
            self._emptied.took(source.path)
        for path, why in self._taker.refused.items():
            self._rest(path, why)
        count = sum(1 for piece in pieces if piece.number)
        if count:
            log.info("%s %s: %d taken in", self.way.kind, self.way.name, count)
            self._taken()
        if self.telling is not None:
            self.telling.added(pieces)

    def _is_there(self, top: str) -> bool:
        """Whether something of this drop is still to be taken."""
        return any(path.partition("/")[0] == top for path in (*self._waited_for, *self._resting))

    # --- what is left behind

    def _tidy(self) -> None:
        if self._clock() >= self._next_tidy:
            self._next_tidy = self._clock() + TIDY_EVERY
            if self._drops.is_tidied:
                tidy(self.way, time.time() - self.way.days * 86400, self._stopping.is_set)

    def _alive(self) -> None:
        self._at = self._clock()
