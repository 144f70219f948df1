"""Which rules run at a start: those on the disk, or the last good ones, and why. Changing over while it runs is for
appliance.reload.

Rules that were changed while the appliance was off are judged as they are while it runs: a destination that is still
owed something is not dropped, or its objects would wait for ever. Not to start at all would be worse than either.
"""

import json
import logging
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass

from appliance.reload import NOT_YET
from appliance.rulebook import NoRules, RuleBook
from appliance.settings import Settings
from dsl.changeover import changeover
from dsl.compile import Compiled
from engine import files
from engine.program import Program
from engine.promised import left_in
from engine.spool import Spool

log = logging.getLogger("stellwerk")


@dataclass(frozen=True, slots=True)
class Beginning:
    """program: what is to run; None where nothing can. found: the rules on the disk with all that is found in them.

    trouble: why they are not what runs; empty where they are. waiting: they are good, and may take over once nothing is
    owed any more to what they drop.
    """

    program: Program | None
    found: Compiled
    trouble: str = ""
    waiting: Compiled | None = None


def begin(settings: Settings, book: RuleBook, seen: dict[str, str]) -> Beginning:
    """Read the rules, and say what runs. seen: as for RuleBook.compile. Raises OSError: the spool cannot be read."""
    last = last_good(settings)
    try:
        rules = book.compile_to_run(seen)
    except NoRules as missing:
        log.error("%s", missing)
        return Beginning(last, Compiled(None, (), (), (), {}), f"{missing}; the last good rules run")
    if rules.program is None:
        return Beginning(last, rules, "the rule files have errors; the last good rules run")
    if last is None or last.digest == rules.program.digest:
        return Beginning(rules.program, rules)
    gone = [one.name for one in last.destinations if rules.program.destination(one.name) is None]
    judged = changeover(rules, last, owed(Spool(settings.spool), gone) if gone else {})
    if judged.program is None:
        return Beginning(last, judged, NOT_YET, rules)
    return Beginning(judged.program, judged)


def owed(spool: Spool, names: Collection[str]) -> Mapping[str, int]:
    """How many objects wait for each of these destinations, in a spool that nobody works in yet.

    What was promised when the machine stopped counts, though it has not come into its outbox.
    """
    there = set(spool.outboxes()) & set(names)
    count = Counter({name: sum(spool.outbox(name).count().values()) for name in there})
    for batch in spool.routed.iterdir():
        for _, _, note in left_in(batch):
            with suppress(ValueError, KeyError, TypeError):
                outbox = json.loads(note)["outbox"]
                count[outbox] += outbox in names
    return count


def last_good(settings: Settings) -> Program | None:
    """The program that ran last."""
    try:
        return Program.from_json(json.loads((settings.data / "last-good.json").read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(settings: Settings, program: Program) -> None:
    """Keep a program for a start with broken rules."""
    text = json.dumps(program.to_json(), ensure_ascii=False, indent=1)
    files.write(settings.data / "last-good.json", text.encode())
    files.sync(settings.data)
