"""import: bring a received tree (the archive, or CTP's storage) into the PACS, and check that it is there."""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from appliance.commands.common import settings_as_owner
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
    way = way_of(arguments, settings_as_owner(arguments))
    if isinstance(way, int):
        return way
    return carry(arguments, way, None if arguments.no_check else _check, by_study=True)


def _check(way: Way, account: Account, tell: bool, stop: Callable[[], bool]) -> tuple[bool, dict[str, object]]:
    well, facts = _compare(way, account, tell, stop)
    if way.confirm:
        committed, more = _commit(way, account, tell, stop)
        well, facts = well and committed, facts | more
    return well, facts


def _compare(way: Way, account: Account, tell: bool, stop: Callable[[], bool]) -> tuple[bool, dict[str, object]]:
    """How much the destination has of each study, against what it has taken."""
    checks = list(check(way, account, stop))
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


def _commit(way: Way, account: Account, tell: bool, stop: Callable[[], bool]) -> tuple[bool, dict[str, object]]:
    """Whether it answers for what it has taken: well only where it does so for everything."""
    asked = [(kind, uid) for study in account.studies.values() for uid, kind in study.instances.items() if kind]
    told = way.commit(asked, stop)
    if tell:
        print(f"storage commitment: the destination answers for {len(told.committed)} of {len(asked)}")
        for why, count in Counter(told.failed.values()).most_common():
            print(f"    not for {count}: {why}")
        if told.silent:
            print(f"    no answer for {told.silent}: {told.why or 'interrupted'}; `send --via outbox` waits for one")
    facts: dict[str, object] = {
        "committed": len(told.committed),
        "not_committed": dict(Counter(told.failed.values())),
        "commitment_unanswered": told.silent,
    }
    return not told.failed and not told.silent, facts
