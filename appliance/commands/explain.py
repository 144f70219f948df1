"""explain: which routes would take a file, why or why not, and what would be sent where."""

import argparse
import sys
from datetime import datetime
from pathlib import Path

from appliance.commands.common import add_settings, compiled, settings_of, show_findings
from appliance.wording import effect
from engine.bench import DryBench
from engine.condition import All, Any, Named, Not, Reason, describe
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.outcome import Passage
from engine.parameters import OutboxName, WatchedFolder
from engine.plan import prepare
from engine.program import Listener, Program
from engine.run import run as run_rules
from engine.signature import Argument, Misfit


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("file", type=Path, metavar="FILE", help="a DICOM file")
    parser.add_argument("--on", default="port 26131", metavar="SOURCE", help='where it would come in: "port 26131"')
    parser.add_argument("--sender", default="", metavar="AET", help="the calling AE title")
    parser.add_argument("--called", default="", metavar="AET", help="the called AE title")
    parser.add_argument("--address", default="", metavar="IP", help="the sender's address")
    parser.add_argument("--user", default="", metavar="NAME", help="whose name and password came with it")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the explanation. Nothing leaves; it shows patient data to whoever asks for it."""
    settings = settings_of(arguments)
    result = compiled(settings)
    show_findings(result)
    if result.program is None:
        return 1
    way = _way_in(result.program, arguments.on)
    if way is None:
        takes = '"port N", "https port N", "outbox NAME", \'folder "/path"\' or a listener of the rules'
        print(f'stellwerk: --on takes {takes}, not "{arguments.on}"', file=sys.stderr)
        return 2
    if not arguments.file.is_file():
        print(f"stellwerk: there is no file {arguments.file}", file=sys.stderr)
        return 2
    plan = prepare(result.program)
    now = datetime.now().astimezone().isoformat()
    caller = (arguments.sender, arguments.called, arguments.address)
    origin = Origin(way.kind, way.port, *caller, now, folder=way.folder, user=arguments.user)
    heard = plan.listener(origin) is not None
    if not heard and plan.unwritten_for(origin) is None:
        where = f"nothing listens on port {way.port}" if way.port else f"nothing watches {arguments.on}"
        print(f"{where}: no route of these rules takes what would come there")
    obj = Object("explained", arguments.file, Header.read(arguments.file), origin)
    bench = DryBench(result.program, Identities.of(settings.data))
    try:
        outcome = run_rules(plan, obj, bench, with_reasons=True, through=True)
    except Never as refusal:
        print(f"would be held: {refusal.reason}")
        return 0
    for passage in outcome.passages:
        _tell_passage(passage, heard)
    loose = [delivery for delivery in outcome.deliveries if not delivery.route]
    for delivery in loose:
        print(f"\nwould be held: {delivery.note.get('why', '')}")
    return 0


def _way_in(program: Program, words: str) -> Listener | None:
    """What `--on` means: a listener of the rules, or a way in that need not be in them."""
    declared = next((listener for listener in program.listeners if listener.name == words), None)
    number = words.removeprefix("port").strip()
    kind, _, rest = words.partition(" ")
    if declared is not None:
        return declared
    if number.isdecimal():
        return Listener("", "dicom", {"port": Argument("number", str(int(number)))})
    if kind in ("http", "https") and (number := rest.removeprefix("port").strip()).isdecimal():
        return Listener("", kind, {"port": Argument("number", str(int(number)))})
    try:
        if kind == "outbox" and rest:
            return Listener("", kind, {"name": Argument("text", OutboxName.of(Argument("word", rest)).name)})
        if kind == "folder":
            path = WatchedFolder.of(Argument("text", rest.strip().strip('"'))).path
            return Listener("", kind, {"path": Argument("text", path)})
    except Misfit:
        return None
    return None


def _tell_passage(passage: Passage, heard: bool) -> None:
    route = passage.route
    source = "takes it" if passage.taken else "does not take it"
    print(f"\nroute {route.name} ({route.written}): {source}")
    if not passage.taken and (passage.reason is None or passage.reason.true or not heard):
        print(f"    no: it listens on {route.source}")
    if passage.reason is not None:
        _tell_reason(passage.reason, 1)
    if passage.failed is not None:
        print(f"    fails: {passage.failed}")
    for delivery in passage.deliveries:
        print(f"    would {effect(delivery)}")
    if passage.dropped is not None:
        print(f"    would discard it: {passage.dropped}")


def _tell_reason(reason: Reason, depth: int) -> None:
    mark = "yes" if reason.true else "no"
    condition = reason.condition
    compound = isinstance(condition, All | Any | Not | Named)
    found = "" if compound else f" (it is {', '.join(reason.found) or 'missing'})"
    print(f"{'    ' * depth}{mark}: {describe(condition)}{found}")
    for part in reason.parts:
        _tell_reason(part, depth + 1)
