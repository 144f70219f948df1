"""review: what waits for a person to look at it (`review`): list and show it, approve or reject it."""

import argparse
import sys
from datetime import datetime

from appliance.commands.common import add_settings, settings_as_owner
from appliance.reviewing import Reviewing
from engine.errors import Never
from engine.review import Waiting


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    words = (
        "list; show where the pictures of one are; approve: let it go on; reject: leave it in the hold for good; "
        "again: through the rules that run now, as it was received; devices: how many images of each were approved, "
        "for `review first`; anew: look at the first images of a device once more"
    )
    actions = ["list", "show", "approve", "reject", "again", "devices", "anew"]
    parser.add_argument("action", nargs="?", default="list", choices=actions, help=words)
    parser.add_argument("id", nargs="*", metavar="ID", help="what waits, or a device, by its ID")
    parser.add_argument("--all", action="store_true", help="all that waits at this moment")
    parser.add_argument("--why", default="", metavar="WORDS", help="why it is rejected; name no patient")
    parser.add_argument("--by", default="", metavar="NAME", help="who says so, for the history")
    parser.add_argument("--most", type=int, default=100, metavar="N", help="list so many (100)")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when all of it was done, 1 when something does not wait for a review, 2 for wrong usage."""
    settings = settings_as_owner(arguments)
    wrong = _wrong(arguments)
    if not settings.spool.is_dir():
        wrong = f"there is no spool in {settings.data}"
    if wrong:
        print(f"stellwerk: {wrong}", file=sys.stderr)
        return 2
    reviewing = Reviewing(settings.spool)
    try:
        if arguments.action == "list":
            return _list(reviewing, arguments.most)
        if arguments.action == "devices":
            return _devices(reviewing)
        if arguments.action == "anew":
            return _anew(reviewing, [one.key for one in reviewing.devices()] if arguments.all else arguments.id)
        chosen = [one.id for one in reviewing.waiting()] if arguments.all else arguments.id
        missing = [number for number in chosen if not _done(reviewing, number, arguments)]
    finally:
        reviewing.close()
    if arguments.action != "show":
        said = {"approve": "approved", "reject": "rejected", "again": "sent through the rules again"}
        print(f"{len(chosen) - len(missing)} {said[arguments.action]}")
    for number in missing:
        print(f"stellwerk: {number} does not wait for a review", file=sys.stderr)
    return int(bool(missing))


def _wrong(arguments: argparse.Namespace) -> str:
    """Why it cannot be done so; empty where it can."""
    if arguments.action not in ("list", "devices") and bool(arguments.id) is arguments.all:
        listed = "review devices" if arguments.action == "anew" else "review"
        return f"say which to {arguments.action}: an ID of `stellwerk {listed}`, or --all"
    if arguments.action == "reject" and not arguments.why.strip():
        return "say why it is rejected: --why"
    return ""


def _done(reviewing: Reviewing, number: str, arguments: argparse.Namespace) -> bool:
    """Do it to one; whether it was there."""
    try:
        match arguments.action:
            case "show":
                return _show(reviewing, number)
            case "approve":
                reviewing.approve(number, arguments.by)
            case "reject":
                reviewing.reject(number, arguments.why.strip(), arguments.by)
            case _:
                reviewing.again(number, arguments.by)
    except KeyError:
        return False
    return True


def _list(reviewing: Reviewing, most: int) -> int:
    count = 0
    for one in reviewing.waiting():
        count += 1
        if count <= most:
            print(_line(one))
    if count > most:
        print(f"… and {count - most} more; --most {count} shows them")
    print(f"{count} waiting for a review")
    return 0


def _devices(reviewing: Reviewing) -> int:
    found = list(reviewing.devices())
    for one in found:
        by = " and ".join(one.known.sources)
        cleaned = " and ".join(one.known.cleared) or "nothing"
        print(f"{one.key}  {one.approved} approved  {one.known.device.words}")
        print(f"    cleaned: {cleaned}{f', by {by}' if by else ''}")
    print(f"{len(found)} {'device' if len(found) == 1 else 'devices'} of which images were approved")
    return 0


def _anew(reviewing: Reviewing, devices: list[str]) -> int:
    missing = [device for device in devices if not reviewing.begin_anew(device)]
    print(f"{len(devices) - len(missing)} begun anew")
    for device in missing:
        print(f"stellwerk: no image of {device} was approved", file=sys.stderr)
    return int(bool(missing))


def _line(one: Waiting) -> str:
    since = datetime.fromtimestamp(one.since).strftime("%Y-%m-%d %H:%M")
    cleaned = one.cleaning.words or "nothing is known of how its pixels were cleaned"
    return f"{one.id}  {since}  from {one.sender or '?'}, route {one.route}\n    {cleaned}"


def _show(reviewing: Reviewing, number: str) -> bool:
    try:
        found = reviewing.pictures(number)
    except Never as refusal:
        print(f"{number}: {refusal.reason}")
        return True
    if found is None:
        return False
    print(f"{number}  {found.columns} × {found.rows}, frames {', '.join(map(str, found.frames)) or '-'} of {found.of}")
    print(f"    {found.cleaning.words or 'nothing is known of how its pixels were cleaned'}")
    for box in found.cleaning.boxes:
        print(f"    box {box}")
    for side, paths in (("before", found.before), ("after", found.after)):
        for path in paths:
            print(f"    {side}: {path}")
    if found.why:
        print(f"    no pictures: {found.why}")
    return True
