"""The folders that an appliance watches: one for every destination, and those of the rules. Each has a thread.

Which they are follows from the program; events of the file system only wake them. It must not know what is in a file.
"""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from appliance.settings import Settings
from appliance.supervise import Supervised
from engine.drops import Drops, unfinished
from engine.graph import sinks
from engine.program import Call, Listener, Program, Route, calls
from engine.sources.fates import Fates
from engine.sources.folder import Pace, Room, Watch
from engine.sources.settling import DONE, is_left_alone, is_ours
from engine.sources.taking import TAKEN, Way
from engine.sources.telling import Telling
from engine.spool import Spool

log = logging.getLogger("stellwerk")

GRACE = 10.0
COUNTED = 1000
"""So many things in a folder are counted; more are many."""
LEFT_BEHIND = 60.0
"""Seconds until it is looked again for what lies in folders that nobody watches."""


def ways(program: Program, settings: Settings) -> Iterator[Way]:
    """Every folder to watch: of each destination, of each `on outbox`, of each `on folder`."""
    names = dict.fromkeys(destination.name for destination in program.destinations if destination.takes_objects)
    names |= dict.fromkeys(listener.folder for listener in program.listeners if listener.kind == "outbox")
    keep, days = settings.outbox_done == "keep", settings.outbox_done_days
    for name in names:
        yield Way(settings.outbox_folder / name, "outbox", name, keep, days)
    for listener in program.listeners:
        if listener.kind == "folder":
            yield Way(Path(listener.folder), "folder", listener.folder, not _deletes(listener), days)


def _deletes(listener: Listener) -> bool:
    return "then" in listener.arguments


@dataclass(frozen=True, slots=True)
class _Watching:
    watch: Watch
    thread: Supervised


class Folders:
    """The watched folders of the program that runs. digest: of that program; taken: told when something has come."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        digest: Callable[[], str],
        room: Room,
        taken: Callable[[], None],
        *,
        events: bool = True,
    ) -> None:
        """events: whether the file system is asked to tell of changes."""
        self._settings, self._spool, self._digest, self._room, self._taken = settings, spool, digest, room, taken
        self._running: dict[Way, _Watching] = {}
        self._ended: dict[str, Supervised] = {}
        """By folder, whoever watched it last: on a share that hangs it may be at it still."""
        self._refused: dict[str, str] = {}
        self._left: tuple[float, dict[str, str]] = (0.0, {})
        self._events = events
        self._observer: BaseObserver | None = None
        self._observed: dict[Way, ObservedWatch] = {}

    def retire(self, program: Program) -> None:
        """Before a program takes over: end what it does not watch, or otherwise."""
        kept = set(ways(program, self._settings))
        gone = [way for way in self._running if way not in kept]
        for way in gone:
            self._running[way].watch.stop()
        for way in gone:
            self._end(way)
            log.info("%s %s is no longer watched", way.kind, way.name)

    def use(self, program: Program) -> None:
        """Watch what the program says, from now on."""
        if self._events and self._observer is None:
            self._observer = Observer()
            self._observer.start()
        self.retire(program)
        self._refused = {}
        for way in ways(program, self._settings):
            own = self._own_folder(way, program)
            if own:
                self._refused[_name(way)] = f"{way.root} is, holds or lies in {own}, which the appliance writes to"
                log.error("%s: not watched: %s", _name(way), self._refused[_name(way)])
            elif way not in self._running:
                self._begin(way)
        self._left = (0.0, {})
        for name, words in self._left_behind().items():
            log.warning("%s: %s", name, words)

    def stop(self) -> None:
        """End all of them, each after what it is just taking."""
        for watching in self._running.values():
            watching.thread.stop()
            watching.watch.stop()
        for way in list(self._running):
            self._end(way)
        if self._observer is not None:
            self._observer.stop()

    def trouble(self) -> dict[str, str]:
        """What is not well, by folder, in words."""
        watched = [(_name(way), one) for way, one in list(self._running.items()) if not one.watch.waits_for_room]
        found = {name: words for name, one in watched if (words := one.watch.trouble or one.thread.trouble)}
        return {**found, **self._refused, **self._left_behind()}

    # ---

    def _begin(self, way: Way) -> None:
        settings = self._settings
        own = way.kind == "outbox" and settings.outbox is None
        if own:
            # It is there as soon as the appliance is ready. Where it cannot be made, its thread says so.
            with suppress(OSError):
                way.root.mkdir(parents=True, exist_ok=True)
        drops = Drops(self._spool, _name(way))
        telling = None
        if way.kind == "outbox":
            fates = Fates(self._spool)
            telling = Telling(drops, way.root, fates.of, settings.language, DONE if way.keep else "")
        watch = Watch(
            way,
            drops,
            self._digest,
            self._room,
            Pace(settings.folder_quiet_seconds, settings.folder_scan_seconds),
            telling,
            self._taken,
            lambda: self._observe(way),
            own=own,
        )
        last = self._ended.pop(_name(way), None)
        if last is not None:
            log.warning("%s is watched again when what is just being taken out of it has come to its end", _name(way))
        loop = partial(_behind, last, watch.loop)
        self._running[way] = _Watching(watch, Supervised(_name(way), loop))
        self._running[way].thread.start()

    def _end(self, way: Way) -> None:
        watching = self._running.pop(way)
        watching.thread.stop()
        watching.watch.stop()
        if not watching.thread.join(GRACE):
            self._ended[_name(way)] = watching.thread
        observed = self._observed.pop(way, None)
        if observed is not None and self._observer is not None:
            with suppress(KeyError):
                self._observer.unschedule(observed)

    def _observe(self, way: Way) -> None:
        """Have events wake it: it is there now, or there again. Without them, it looks by itself as often as is set."""
        log.info("watching %s %s: %s in it", way.kind, way.name, _things(_count(way.root)))
        if self._observer is None:
            return
        with suppress(KeyError):
            self._observer.unschedule(self._observed.pop(way))
        with suppress(OSError, KeyError):
            handler = _Waking(way.root, self._running[way].watch.wake)
            self._observed[way] = self._observer.schedule(handler, str(way.root), recursive=True)

    def _own_folder(self, way: Way, program: Program) -> str:
        """The folder of ours that this one would take from, links followed; empty where there is none."""
        if way.kind != "folder":
            return ""
        real = Path(os.path.realpath(way.root))
        stored = {outbox for route in program.routes for call in _steps(route) for outbox in sinks(call)}
        kept = (outbox.removesuffix(".store") for outbox in stored if outbox.endswith(".store"))
        ours = [*map(Path, self._settings.own_folders)]
        ours += [Path(os.path.realpath(self._settings.archive_folder(name))) for name in kept]
        return next((str(own) for own in ours if real.is_relative_to(own) or own.is_relative_to(real)), "")

    def _left_behind(self) -> dict[str, str]:
        """What lies in folders of destinations that the rules no longer declare, and what was being taken out of any.

        Looked for now and then.
        """
        at, found = self._left
        if at + LEFT_BEHIND > time.monotonic() and at:
            return found
        watched = {way.name for way in self._running if way.kind == "outbox"}
        found = {}
        with suppress(OSError), os.scandir(self._settings.outbox_folder) as folders:
            for entry in folders:
                if entry.name in watched or is_left_alone(entry.name) or not entry.is_dir(follow_symlinks=False):
                    continue
                count = _count(Path(entry.path))
                if count:
                    words = f"{_things(count)} in {entry.path}, and the rules declare no destination of this name"
                    found[f"outbox {entry.name}"] = f"{words}: nothing is sent"
        with suppress(OSError):
            for name, count in unfinished(self._spool, map(_name, self._running)).items():
                kind, _, folder = name.partition(" ")
                root = Path(folder) if kind == "folder" else self._settings.outbox_folder / folder
                begun = f"{_files(count)} just being taken when the rules ceased to watch {root}"
                again = "watch it again, and they are taken to their end"
                found[name] = f"{begun}, and what is not taken in lies in {root / TAKEN}: {again}"
        self._left = (time.monotonic(), found)
        return found


class _Waking(FileSystemEventHandler):
    """Wakes a watch when something is put into its folder; what it moves itself does not."""

    def __init__(self, root: Path, wake: Callable[[], None]) -> None:
        self._root, self._wake = str(root), wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Whatever happens."""
        if event.event_type in ("opened", "closed_no_write", "deleted"):
            return
        path = os.fsdecode(event.dest_path or event.src_path)
        parts = Path(os.path.relpath(path, self._root)).parts or ("",)
        if not is_ours(parts[0], True) and not is_ours(parts[-1], False) and not is_left_alone(parts[0]):
            self._wake()


def _behind(last: Supervised | None, loop: Callable[[], None]) -> None:
    """Begin when the last one has ended: two that went on with one taking would undo what the other has done."""
    while last is not None and not last.join(1.0):
        pass
    loop()


def _steps(route: Route) -> Iterator[Call]:
    yield from calls(route.chain)
    yield from calls(route.failure or ())


def _name(way: Way) -> str:
    return f"{way.kind} {way.name}"


def _count(folder: Path) -> int:
    """How many things lie in a folder for us, up to a bound."""
    count = 0
    with suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            count += not (is_left_alone(entry.name) or is_ours(entry.name, True))
            if count > COUNTED:
                break
    return count


def _files(count: int) -> str:
    return "1 file was" if count == 1 else f"{count} files were"


def _things(count: int) -> str:
    if count > COUNTED:
        return f"more than {COUNTED} files or folders"
    return f"{count} file or folder" if count == 1 else f"{count} files or folders"
