"""replay: take stored copies, or what is held, through the rules once more; repeating it does nothing twice."""

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from appliance.beginning import last_good
from appliance.commands.common import add_settings, moment, settings_as_owner, show_findings
from appliance.commands.journal import end_of
from appliance.presence import is_running
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from engine.graph import sinks
from engine.journal import Journal
from engine.narrow import leads_to, narrowed
from engine.plan import prepare
from engine.program import Program, calls
from engine.replay import Judged, Replay, held, promised, skipped, stored
from engine.spool import Spool
from engine.step import HOLD, MAIL, NOTICE, TELLING
from engine.whereabouts import whereabouts

ROUTED_AHEAD, OWED_AHEAD = 100, 500
"""How much of a replay may lie before the router and in one outbox: what comes meanwhile must not wait for it all."""

GIVE_UP = 600.0
"""Seconds without any progress after which a replay stops; it can be repeated."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--since", type=moment, required=True, metavar="DATE", help="received on this day or later")
    parser.add_argument("--until", type=end_of, metavar="DATE", help="received on this day or before")
    parser.add_argument("--to", default="", metavar="DESTINATION", help="to this destination alone")
    parser.add_argument("--held", action="store_true", help="what is held too, not only what was stored")
    parser.add_argument("--archive", default="archive", metavar="NAME", help="the archive: NAME of `store in NAME`")
    parser.add_argument("--on", default="", metavar="PORT", help="by which port a copy came of which nobody knows it")
    parser.add_argument("--as", dest="name", default="", metavar="NAME", help="under a name: the same replay once more")
    parser.add_argument("--dry", action="store_true", help="only say what would go where")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when all was done, 1 when some of it was not, 2 when it cannot be done so."""
    settings = settings_as_owner(arguments)
    if not settings.spool.is_dir():
        return _wrong(f"there is no spool in {settings.data}")
    result = RuleBook(settings.rules_path).compile_and_try()
    show_findings(result)
    if result.program is None:
        return 1
    port = arguments.on.removeprefix("port").strip()
    if port and not port.isdecimal():
        return _wrong(f'--on takes "port N", not "{arguments.on}"')
    program = result.program
    against = _refused(program, last_good(settings), arguments.to)
    if against:
        return _wrong(against)
    if arguments.to:
        program = narrowed(program, arguments.to)
    try:
        with _alone(settings), Journal(settings.spool) as journal:
            spool = Spool(settings.spool)
            replay = Replay(spool, journal, prepare(program), arguments.to, arguments.name)
            replay.look(whereabouts(settings.spool))
            root = settings.archive_folder(arguments.archive)
            copies = stored(journal, f"{arguments.archive}.store", root, arguments.since, arguments.until or "")
            copies += held(spool, arguments.since, arguments.until or "") if arguments.held else []
            judged = [replay.judge(copy, int(port) if port else None) for copy in copies]
            _tell(judged, arguments.dry)
            if arguments.dry:
                return 0
            return _do(settings, spool, replay, program, [one for one in judged if not one.skipped])
    except BlockingIOError:
        return _wrong("another replay runs here")
    except OSError as error:
        print(
            f"stellwerk: {error.strerror or error}; what was taken in is safe, repeat it for the rest", file=sys.stderr
        )
        return 1


def _wrong(words: str) -> int:
    print(f"stellwerk: {words}", file=sys.stderr)
    return 2


def _refused(program: Program, running: Program | None, to: str) -> str:
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


def _tell(judged: Sequence[Judged], dry: bool) -> None:
    go = [one for one in judged if not one.skipped]
    would = "would be replayed" if dry else "to replay"
    print(f"{len(go)} of {len(judged)} {would}, each as if it came by its own way again")
    for outbox, count in promised(go).items():
        print(f"    {count} to {_outbox(outbox)}")
    for why, count in skipped(judged).items():
        print(f"    {count} left as they are: {why}")
    if go:
        print("They go as they were stored: where a rule had blackened or changed an image before that, so it is sent.")


def _outbox(name: str) -> str:
    """Archive, mail, or a destination, in words."""
    if name.endswith(".store"):
        folder = name.removesuffix(".store")
        return "the archive" if folder == "archive" else f'the archive "{folder}"'
    if name.endswith(NOTICE):
        return f"the webhook {name.removesuffix(NOTICE)}"
    return f"{name.removesuffix(MAIL)} by mail" if name.endswith(MAIL) else name


def _do(settings: Settings, spool: Spool, replay: Replay, program: Program, chosen: Sequence[Judged]) -> int:
    digest = spool.keep_program(program)
    runs = is_running(settings)
    done = 0
    for number, one in enumerate(chosen):
        stopped = _no_room(settings) or (_wait(spool, one.outboxes) if runs else "")
        if stopped:
            print(
                f"stellwerk: {stopped}; {number} of {len(chosen)} are replayed, repeat it for the rest", file=sys.stderr
            )
            return 1
        done += _accept(replay, one, digest)
    print(f"{done} replayed" + ("" if runs or not done else "; they go on when the appliance is started"))
    if done < len(chosen):
        print(f"{len(chosen) - done} were purged, released or deleted meanwhile")
    return 0


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


def _wait(spool: Spool, outboxes: Sequence[str]) -> str:
    """Until there is room before the router and in these outboxes; why not, when nothing moves."""
    last, since = -1, time.monotonic()
    while True:
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


def _owed(spool: Spool, name: str) -> int:
    return sum(spool.outbox(name).count().values())


@contextlib.contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """One replay at a time: two would not see what the other takes in. Raises BlockingIOError."""
    handle = os.open(Path(settings.spool, ".replay.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
