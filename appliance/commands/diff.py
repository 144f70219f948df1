"""diff: what other rules would change, in their words and for real images."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from appliance.commands.common import add_settings, settings_of, show_findings
from appliance.rulebook import RuleBook
from appliance.sending.gather import is_dicom
from appliance.wording import effects
from dsl.changeover import changeover
from dsl.compile import Compiled
from dsl.render import render
from engine.bench import DryBench
from engine.errors import Never
from engine.header import Header
from engine.object import Object, Origin
from engine.plan import Plan, prepare
from engine.program import Program, difference
from engine.run import run as run_rules
from engine.spool import Spool

_NAMED = 5
"""Files that are named for one change; the others are counted."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("old", type=Path, metavar="OLD", help="the rules as they are: a file or folder")
    parser.add_argument("new", type=Path, metavar="NEW", help="the rules as they would be")
    parser.add_argument(
        "--on",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="images to try both on: files, folders, or a spool",
    )
    parser.add_argument("--sender", default="", metavar="AET", help="the calling AE title that files came from")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when both could be compared; 1 with findings where one of them has mistakes."""
    settings_of(arguments)
    programs, results = [], []
    for path in (arguments.old, arguments.new):
        result = RuleBook(path).compile()
        if result.program is None:
            show_findings(result)
            return 1
        programs.append(result.program)
        results.append(result)
    missing = [path for path in arguments.on if not path.exists()]
    if missing:
        print(f"stellwerk: there is no {missing[0]}", file=sys.stderr)
        return 2
    old, new = programs
    _tell_rules(old, new)
    _tell_change(results[1], old, arguments.on)
    if arguments.on:
        _tell_images(old, new, arguments.on, arguments.sender)
    return 0


KINDS = {"chores": "routes without an object"}
"""What is called otherwise than in the program."""


def _tell_rules(old: Program, new: Program) -> None:
    if old.digest == new.digest:
        print("both rules mean the same")
        return
    for kind, change in difference(old, new).items():
        for word, names in (("added", change.added), ("removed", change.removed), ("changed", change.changed)):
            if names:
                where = old if word == "removed" else new
                print(f"{KINDS.get(kind, kind)} {word}: {', '.join(_placed(where, kind, name) for name in names)}")
    if _moved([one.name for one in old.regions], [one.name for one in new.regions]):
        print("regions in another order: the first that fits a device counts")
    if _moved([one.name for one in old.routes], [one.name for one in new.routes]):
        print("routes in another order: that changes nothing but how they are shown")


def _tell_change(new: Compiled, old: Program, paths: list[Path]) -> None:
    """What the appliance would say of changing over, with what the given spools still owe."""
    owed: Counter[str] = Counter()
    for spool in (Spool(path) for path in paths if _is_spool(path)):
        for name in {destination.name for destination in old.destinations} & set(spool.outboxes()):
            owed[name] += sum(spool.outbox(name).count().values())
    judged = changeover(new, old, owed)
    found = judged.findings[len(new.findings) :]
    if found:
        print(f"\n{render(found, judged.sources)}")


def _is_spool(path: Path) -> bool:
    return (path / "incoming").is_dir() and (path / "hold").is_dir()


def _placed(program: Program, kind: str, name: str) -> str:
    """The name, for a route with the line it stands in: many routes have no name of their own."""
    written = {
        "routes": {route.name: route.written for route in program.routes},
        "chores": {chore.name: chore.written for chore in program.chores},
    }
    where = written.get(kind, {}).get(name)
    return f"{name} ({where})" if where is not None else name


def _moved(old: list[str], new: list[str]) -> bool:
    return [name for name in old if name in new] != [name for name in new if name in old]


def _tell_images(old: Program, new: Program, paths: list[Path], sender: str) -> None:
    """Every image by every way in that both have; those of a spool by the one they came by."""
    plans = prepare(old), prepare(new)
    # A way in that only one of them has would show every image as different and say no more than the list above.
    ways = sorted(_ways(old) & _ways(new))
    tried = 0
    changes: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for obj in _objects(paths, ways, sender):
        tried += 1
        before, after = (_effects(plan, obj) for plan in plans)
        if before != after:
            lost, won = (tuple(e for e in one if e not in other) for one, other in ((before, after), (after, before)))
            changes.setdefault((_way_in(obj.origin), lost, won), []).append(str(obj.payload))
    differ = sum(map(len, changes.values()))
    print(f"\n{differ} of {tried} would be treated differently (each image by each way in)")
    for (port, lost, won), files in changes.items():
        more = f" and {len(files) - _NAMED} more" if len(files) > _NAMED else ""
        print(f"\non {port}: {', '.join(files[:_NAMED])}{more}")
        for sign, said in (("-", lost), ("+", won)):
            for effect in said:
                print(f"    {sign} {effect}")


def _ways(program: Program) -> set[tuple[str, int, str]]:
    """Every way in that the rules speak of: kind, port, folder."""
    return {(one.kind, one.port or 0, one.folder) for one in program.listeners}


def _way_in(origin: Origin) -> str:
    return f"{origin.kind} {origin.folder}" if origin.folder else f"port {origin.port}"


def _effects(plan: Plan, obj: Object) -> tuple[str, ...]:
    if plan.listener(obj.origin) is None and plan.unwritten_for(obj.origin) is None:
        return ("not be received: nothing listens there",)
    try:
        return effects(run_rules(plan, obj, DryBench(plan.program), through=True))
    except Never as refusal:
        return (f"hold it: {refusal.reason}",)


def _objects(paths: list[Path], ways: list[tuple[str, int, str]], sender: str) -> Iterator[Object]:
    now = datetime.now().astimezone().isoformat()
    for path in paths:
        if _is_spool(path):
            yield from _of_spool(path)
            continue
        for file in sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]:
            if is_dicom(file):
                for kind, port, folder in ways:
                    origin = Origin(kind, port or None, sender, "", "", now, folder=folder)
                    yield Object("tried", file, Header.read(file), origin)


def _of_spool(path: Path) -> Iterator[Object]:
    """What lies in a spool, one object each, with the connection that it really came by."""
    spool = Spool(path)
    seen: set[str] = set()
    for name in ("hold", *(name for name in spool.outboxes() if name != "hold")):
        for entry in spool.outbox(name).all():
            if entry.object not in seen:
                seen.add(entry.object)
                yield Object(entry.object, entry.file, Header.read(entry.file), entry.origin)
