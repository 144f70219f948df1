"""spool: what is waiting, held or on its way; release or delete what is held, hold what waits for a destination."""

import argparse
import sys
from datetime import datetime

from appliance import by_hand
from appliance.commands.common import add_settings, settings_as_owner
from engine.entry import Entry
from engine.object import Origin
from engine.spool import Spool
from engine.step import HOLD


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    words = (
        "list; release held objects (to where they were refused, else through the rules again); delete them; "
        "hold what waits for a destination"
    )
    parser.add_argument("action", nargs="?", default="list", choices=["list", "release", "delete", "hold"], help=words)
    parser.add_argument("id", nargs="*", metavar="ID", help="held objects, or `all`; for hold the destination")
    parser.add_argument("--most", type=int, default=100, metavar="N", help="list so many of each outbox (100)")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """List, release or delete. Works beside a running appliance: every change is one rename."""
    settings = settings_as_owner(arguments)
    if not settings.spool.is_dir():
        print(f"stellwerk: there is no spool in {settings.data}", file=sys.stderr)
        return 2
    spool = Spool(settings.spool)
    if arguments.action == "list":
        _list(spool, arguments.most)
        return 0
    if arguments.action == "hold":
        return _hold(spool, arguments.id)
    chosen = [entry.id for entry in spool.outbox(HOLD).all()] if arguments.id == ["all"] else arguments.id
    if not chosen:
        print(f"stellwerk: say which to {arguments.action}: an ID of `stellwerk spool`, or all", file=sys.stderr)
        return 2
    told = by_hand.release(spool, chosen) if arguments.action == "release" else by_hand.delete(spool, chosen)
    for number, why in told.unfit.items():
        print(f"stellwerk: {number}: {why}", file=sys.stderr)
    print(f"{len(told.done)} {'released' if arguments.action == 'release' else 'deleted'}")
    if arguments.action == "release" and told.done:
        print("what the rules or the destination refuse again comes back here, under a new number")
    for number in told.missing:
        print(f"stellwerk: {number} is not held", file=sys.stderr)
    return 1 if told.missing or told.unfit else 0


def _hold(spool: Spool, chosen: list[str]) -> int:
    """Everything that waits for these destinations into the hold; what is just being sent is left to its pump."""
    unknown = [name for name in chosen if name == HOLD or name not in spool.outboxes()]
    if unknown or not chosen:
        what = (
            f"there is no outbox {unknown[0]}" if unknown else "say for which destination: a name of `stellwerk spool`"
        )
        print(f"stellwerk: {what}", file=sys.stderr)
        return 2
    for name in chosen:
        print(f"{name}: {len(by_hand.take_back(spool, name).done)} held")
    return 0


def _list(spool: Spool, most: int) -> None:
    print(f"incoming: {sum(1 for _ in spool.waiting())} accepted, not yet routed")
    for name in spool.outboxes():
        home = spool.outbox(name)
        counts = home.count()
        print(f"{name}: {', '.join(f'{count} {state}' for state, count in counts.items())}")
        told = 0
        for entry in home.each():
            if name == HOLD or entry.why or entry.gates:
                told += 1
                if told > most:
                    print(f"    … and more; stellwerk spool --most {10 * most} shows them")
                    break
                print(f"    {_line(entry)}")


def _origin(origin: Origin) -> str:
    if origin.folder:
        return f"{origin.file or 'a file'} from {origin.kind} {origin.folder}"
    return f"from {origin.sender or '?'} on port {origin.port}"


def _line(entry: Entry) -> str:
    since = datetime.fromtimestamp(entry.since).strftime("%Y-%m-%d %H:%M")
    refused = f"{entry.note['refused by']}: " if entry.note.get("refused by") else ""
    tries = f" (tried {entry.tries} times)" if entry.tries > 1 else ""
    origin = f"{_origin(entry.origin)}, route {entry.route or 'none'}"
    why = "waits until what stands before it in its route has been delivered" if entry.gates else entry.why
    return f"{entry.id}  {since}  {origin}\n        {refused}{why or 'a rule holds it'}{tries}"
