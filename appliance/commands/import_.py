"""import: bring a received tree (the archive, or CTP's storage) into the PACS, and check that it is there."""

import argparse
from pathlib import Path

from appliance.commands.common import settings_of
from appliance.commands.send import add_sending, carry, way_of
from appliance.sending.account import Account
from appliance.sending.checking import check
from appliance.sending.ways import Way


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="FOLDER", help="folders with received images, or ZIPs")
    add_sending(parser)
    parser.add_argument("--no-check", action="store_true", help="do not ask how much it has of each study")


def run(arguments: argparse.Namespace) -> int:
    """Send all of it, with a report by study; 1 when anything was not delivered, or the destination has less."""
    way = way_of(arguments, settings_of(arguments))
    if isinstance(way, int):
        return way
    return carry(arguments, way, None if arguments.no_check else _compare, by_study=True)


def _compare(way: Way, account: Account, tell: bool) -> tuple[bool, dict[str, object]]:
    """How much the destination has of each study, against what it has taken."""
    checks = list(check(way, account))
    if way.confirm and tell:
        print("not asked for: storage commitment, which the rules want (`confirm`); `send --via outbox` asks for it")
    known = [one for one in checks if one.there is not None]
    short = [one for one in known if one.short]
    if tell and checks:
        print(f"checked by query: {len(known) - len(short)} of {len(checks)} studies are there with all that was sent")
        for one in short:
            print(f"    study {one.study.subject.study}: {one.sent} sent, and it has {one.there}; look at it there")
        for why in dict.fromkeys(one.why for one in checks if one.there is None):
            print(f"    not checked, as {why}")
    facts: dict[str, object] = {
        "checked": [
            {"study": one.study.subject.study, "sent": one.sent, "there": one.there, "why": one.why} for one in checks
        ]
    }
    return not short, facts
