"""replay: take stored copies, or what is held, through the rules once more; repeating it does nothing twice."""

import argparse
import sys
from collections.abc import Sequence

from appliance.beginning import last_good
from appliance.commands.common import add_settings, moment, settings_as_owner, show_findings
from appliance.commands.journal import end_of
from appliance.presence import is_running
from appliance.replaying import Stopped, alone, refused, taken_in
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from engine.journal import Journal
from engine.narrow import narrowed
from engine.plan import prepare
from engine.program import Program
from engine.replay import Judged, Replay, held, promised, skipped, stored
from engine.spool import Spool
from engine.step import MAIL, NOTICE
from engine.whereabouts import whereabouts


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
    against = refused(program, last_good(settings), arguments.to)
    if against:
        return _wrong(against)
    if arguments.to:
        program = narrowed(program, arguments.to)
    try:
        with alone(settings), Journal(settings.spool) as journal:
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
            chosen = [one for one in judged if not one.skipped]
            return _do(settings, spool, replay, program, chosen, runs=is_running(settings))
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


def _do(
    settings: Settings, spool: Spool, replay: Replay, program: Program, chosen: Sequence[Judged], *, runs: bool
) -> int:
    digest = spool.keep_program(program)
    done = number = 0
    try:
        for taken in taken_in(settings, spool, replay, digest, chosen):
            done, number = done + taken, number + 1
    except Stopped as stopped:
        print(f"stellwerk: {stopped}; {number} of {len(chosen)} are replayed, repeat it for the rest", file=sys.stderr)
        return 1
    print(f"{done} replayed" + ("" if runs or not done else "; they go on when the appliance is started"))
    if done < len(chosen):
        print(f"{len(chosen) - done} were purged, released or deleted meanwhile")
    return 0
