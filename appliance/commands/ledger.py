"""ledger: count what was received against what became of it; nothing may be missing."""

import argparse
import json
import sys
from dataclasses import asdict

from appliance.commands.common import add_settings, moment, settings_as_owner
from engine.elsewhere import ELSEWHERE
from engine.journal import Journal
from engine.ledger import DELETED, DUPLICATE, STATES, Ledger, Lost, ledger, summary

_PLURALS = {DUPLICATE: "duplicates"}


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--since", type=moment, metavar="DATE", help="only what was received from this day on")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when all is accounted for, 1 when something is missing. Right beside a running appliance."""
    settings = settings_as_owner(arguments)
    if not settings.spool.is_dir():
        print(f"stellwerk: there is no spool in {settings.data}", file=sys.stderr)
        return 2
    try:
        with Journal(settings.spool) as journal:
            count = ledger(journal, arguments.since or "")
            torn = journal.torn()
    except OSError as error:
        print(f"stellwerk: the ledger cannot be made ({error.strerror or error})", file=sys.stderr)
        return 2
    if arguments.json:
        missing = [asdict(lost) for lost in count.missing]
        print(json.dumps({**summary(count), "found": count.found, "torn_lines": torn, "missing": missing}))
    else:
        _tell(count, torn)
    return 1 if count.difference else 0


def _tell(count: Ledger, torn: int) -> None:
    shown = [state for state in STATES if count.states[state] or state not in (DUPLICATE, DELETED, ELSEWHERE)]
    terms = " + ".join(f"{count.states[state]} {_PLURALS.get(state, state)}" for state in shown)
    short = f" + {count.difference} missing" if count.difference else ""
    print(f"{count.received} received = {terms}{short}")
    if count.found:
        print(f"of these, {count.found} lie in the spool without a line in the history that tells of their coming")
    if torn:
        print(f"lines of the history that cannot be read: {torn}")
    if not count.difference:
        print("nothing is missing")
        return
    what = "object is" if count.difference == 1 else "objects are"
    print(f"\n{count.difference} {what} neither in the spool nor told of at their end; `stellwerk journal show NUMBER`")
    for lost in count.missing:
        print(f"    {lost.number}  {_last(lost)}")


def _last(lost: Lost) -> str:
    where = f" ({lost.outbox})" if lost.outbox else ""
    return f"last: {lost.event}{where}, {lost.at}" if lost.event else "the history has no line of it"
