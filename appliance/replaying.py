"""Replaying: stored copies into the spool, one after the other, beside a running appliance or while it stands.

For the command line and the console alike. One replay at a time; what comes meanwhile need not wait for all of it; and
what goes on is only what these rules and those that run agree upon. It must not know how it is asked for or told.
"""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from appliance.by_hand import never
from appliance.presence import is_running
from appliance.settings import Settings
from engine.graph import sinks
from engine.narrow import leads_to
from engine.program import Program, calls
from engine.replay import Judged, Replay
from engine.spool import Spool
from engine.step import HOLD, MAIL, NOTICE, TELLING

ROUTED_AHEAD, OWED_AHEAD = 100, 500
"""How much of a replay may lie before the router and in one outbox: what comes meanwhile must not wait for it all."""

GIVE_UP = 600.0
"""Seconds without any progress after which a replay stops; it can be repeated."""


class Stopped(Exception):
    """A replay does not go on; the text says why. What was taken in is safe, and it can be repeated for the rest."""


@contextlib.contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """One replay at a time: two would not see what the other takes in. Raises BlockingIOError."""
    handle = os.open(Path(settings.spool, ".replay.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def refused(program: Program, running: Program | None, to: str) -> str:
    """Why these rules cannot be replayed beside those that run; empty where they can."""
    if to and program.destination(to) is None:
        known = ", ".join(destination.name for destination in program.destinations) or "none"
        return f"these rules declare no destination {to}; they have: {known}"
    if to and not any(leads_to(route.chain, to) or leads_to(route.failure or (), to) for route in program.routes):
        return f"no route of these rules leads to {to}"
    if running is None:
        return ""
    wanted = {
        name
        for route in program.routes
        for call in calls((*route.chain, *(route.failure or ())))
        for name in sinks(call)
    }
    known_names = {f"{one.name}{'' if one.takes_objects else NOTICE}" for one in running.destinations}
    known_names |= {f"{contact.name}{MAIL}" for contact in running.contacts}
    unknown = sorted(
        name for name in wanted if name not in known_names and name != HOLD and not name.endswith(".store")
    )
    if to:
        unknown = [name for name in unknown if name == to]
    if not unknown:
        return ""
    names = ", ".join(name.removesuffix(MAIL).removesuffix(NOTICE) for name in unknown)
    return (
        f"the rules that run do not declare {names}, so what is sent there would wait for ever: declare it there first"
    )


def taken_in(
    settings: Settings,
    spool: Spool,
    replay: Replay,
    digest: str,
    chosen: Sequence[Judged],
    stop: Callable[[], bool] = never,
) -> Iterator[bool]:
    """Take in one after the other, under a kept program, as soon as there is room for it. Only while `alone`.

    Of each, whether its copy was still there. Raises Stopped, and OSError: what was taken in then is safe.
    """
    runs = is_running(settings)
    for one in chosen:
        stopped = _no_room(settings) or (_wait(spool, one.outboxes, stop) if runs else "")
        if stopped or stop():
            raise Stopped(stopped)
        yield _accept(replay, one, digest)


def _accept(replay: Replay, one: Judged, digest: str) -> bool:
    """Whether the copy was still there to be taken in."""
    while True:
        try:
            replay.accept(one, digest)
        except KeyError:
            return False
        except FileNotFoundError:
            # An appliance that starts at this moment empties the folder in which we made it ready: once more.
            if not one.copy.file.exists():
                return False
            time.sleep(0.2)
        else:
            return True


def _no_room(settings: Settings) -> str:
    free = shutil.disk_usage(settings.spool).free >> 20
    return f"only {free} MB of disk are free" if free < settings.min_free_mb else ""


def _wait(spool: Spool, outboxes: Sequence[str], stop: Callable[[], bool]) -> str:
    """Until there is room before the router and in these outboxes, or nobody wants it; why not, when nothing moves."""
    last, since = -1, time.monotonic()
    while not stop():
        full = {name: _owed(spool, name) for name in outboxes if name != HOLD and not name.endswith(TELLING)}
        full = {name: count for name, count in full.items() if count >= OWED_AHEAD}
        incoming = sum(1 for _ in spool.waiting())
        if not full and incoming < ROUTED_AHEAD:
            return ""
        if incoming + sum(full.values()) != last:
            last, since = incoming + sum(full.values()), time.monotonic()
        if time.monotonic() > since + GIVE_UP:
            return f"{', '.join(sorted(full)) or 'the router'} has taken nothing for {GIVE_UP / 60:.0f} minutes"
        time.sleep(0.2)
    return ""


def _owed(spool: Spool, name: str) -> int:
    return sum(spool.outbox(name).count().values())
