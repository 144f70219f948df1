"""send: send DICOM files, folders, ZIPs and media to a destination; a second run sends only what is missing."""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from appliance.commands.common import add_settings, compiled, settings_as_owner, show_findings
from appliance.sending.account import Account
from appliance.sending.course import Course
from appliance.sending.gather import survey
from appliance.sending.handing import OutboxWay
from appliance.sending.interrupt import Interrupt
from appliance.sending.memory import Memory, default_folder
from appliance.sending.showing import Bar, Lines, Silence, failures, summary
from appliance.sending.ways import NoWay, Way, address, declared, way_to
from appliance.settings import Settings
from engine.sources.zips import Limits

After = Callable[[Way, Account, bool, Callable[[], bool]], tuple[bool, dict[str, object]]]
"""What is done when all was sent: told in lines or not, until somebody wants it to end. Whether all is well; facts."""


JSON_HELP = (
    "for programs: one JSON object at the end, with numbers, reasons, study UIDs and the files that failed; no names"
)


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="DICOM files, folders, ZIPs, or the DICOMDIR of a medium"
    )
    add_sending(parser)
    parser.add_argument("--via", choices=("outbox",), help="hand them to the running appliance, whose rules decide")
    parser.add_argument(
        "--wait", type=float, metavar="MINUTES", help="with --via: wait so long until all of it has an end"
    )


def add_sending(parser: argparse.ArgumentParser) -> None:
    """What `send` and `import` have in common."""
    parser.add_argument(
        "--to", required=True, metavar="DEST", help="a destination of the rules, or dicom://CALLED:CALLING@host:port"
    )
    parser.add_argument("--dry", action="store_true", help="send nothing; show what would be sent")
    parser.add_argument("--again", action="store_true", help="send also what was sent before")
    parser.add_argument(
        "--skip-duplicates", action="store_true", help="each SOP Instance UID once, also where the bytes differ"
    )
    parser.add_argument("--json", action="store_true", help=JSON_HELP)
    parser.add_argument(
        "--names", action="store_true", help="name the patients also where the output is no terminal, as in a file"
    )
    parser.add_argument(
        "--state",
        type=Path,
        metavar="FOLDER",
        help="what was sent is remembered here (~/.local/state/stellwerk/sent)",
    )
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Send everything; 1 when anything was not delivered, each with its reason."""
    settings = settings_as_owner(arguments)
    if arguments.wait is not None and not arguments.via:
        return wrong("--wait goes with --via outbox: otherwise all is known at the end anyway")
    if arguments.via:
        try:
            handed = OutboxWay(settings.outbox_folder / outbox_name(arguments.to))
        except NoWay as none:
            return wrong(str(none))
        return carry(arguments, handed, lambda _way, _account, tell, stop: _await(handed, arguments.wait, tell, stop))
    way = way_of(arguments, settings)
    return way if isinstance(way, int) else carry(arguments, way)


def carry(arguments: argparse.Namespace, way: Way, after: After | None = None, *, by_study: bool = False) -> int:
    """Send `arguments.paths` that way, show it, and answer the exit code."""
    missing = [path for path in arguments.paths if not path.exists()]
    if missing:
        return wrong(f"there is no {missing[0]}")
    limits = Limits()
    found = survey(arguments.paths, limits)
    if not found.pieces and not found.unsendable:
        print("stellwerk: no DICOM files there", file=sys.stderr)
        return 1
    console = Console(stderr=True)
    shown: Bar | Lines | Silence
    if arguments.json:
        shown = Silence()
    elif console.is_terminal:
        shown = Bar(console, len(found.pieces), found.size)
    else:
        shown = Lines(console, len(found.pieces), found.size)
    memory = Memory(arguments.state or default_folder(), way.key)
    with tempfile.TemporaryDirectory(prefix="stellwerk-send-") as scratch, Interrupt() as interrupt:
        with shown:
            course = Course(
                None if arguments.dry else way,
                memory,
                Path(scratch),
                shown,
                interrupt,
                again=arguments.again,
                skip_duplicates=arguments.skip_duplicates,
                limits=limits,
            )
            account = course.run(found)
        if not arguments.json:
            names = arguments.names or sys.stdout.isatty()
            for line in summary(account, str(way), dry=arguments.dry, names=names, by_study=by_study):
                print(line)
            for line in failures(account):
                print(line, file=sys.stderr)
        well, facts = (
            (True, {}) if after is None or arguments.dry else after(way, account, not arguments.json, interrupt)
        )
    if arguments.json:
        print(json.dumps({"to": str(way), "dry": arguments.dry, **account.as_json(), **facts}, indent=2))
    return 0 if account.complete and well else 1


def way_of(arguments: argparse.Namespace, settings: Settings) -> Way | int:
    """The way to `--to`, or an exit code when there is none."""
    try:
        if "://" in arguments.to or "@" in arguments.to:
            return address(arguments.to)
        result = compiled(settings)
        if result.program is None:
            show_findings(result)
            return 1
        return way_to(declared(result.program, arguments.to), settings)
    except NoWay as none:
        return wrong(str(none))


def wrong(why: str) -> int:
    """Said where a command is called in a way that cannot be meant."""
    print(f"stellwerk: {why}", file=sys.stderr)
    return 2


def outbox_name(name: str) -> str:
    """The name of a folder below the outbox folder; nothing that leads elsewhere. Raises NoWay."""
    if "/" in name or name in ("", ".", ".."):
        raise NoWay(f"with --via outbox, --to is the name of a destination or of an outbox, not {name!r}")
    return name


def _await(
    handed: OutboxWay, minutes: float | None, tell: bool, stop: Callable[[], bool]
) -> tuple[bool, dict[str, object]]:
    """What the appliance says of what was handed to it, if somebody waits for it."""
    facts: dict[str, object] = {"handed_over": list(handed.drops)}
    if minutes is None:
        if tell and handed.drops:
            print(f"handed over as {', '.join(handed.drops)}; what becomes of it is told in {handed.folder / 'done'}")
        return True, facts
    told = handed.wait(minutes * 60, stop)
    for name, (state, text) in told.items():
        if tell:
            print(text if text else f"{name}: nothing is told of it yet")
            if not state:
                print(f"{name}: still under way; its status goes on being told in {handed.folder / 'done'}")
    return all(state == "done" for state, _ in told.values()), facts | {"ends": {n: s for n, (s, _) in told.items()}}
