"""journal: search what has come and what became of it; show the path of one object; build the journal anew."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from appliance.commands.common import add_settings, day, moment, settings_as_owner
from appliance.settings import Settings
from engine.journal import Journal
from engine.journal_found import refill
from engine.journal_search import Hit, Wanted, copies, hits, named, path, search
from engine.journal_tables import number_of
from engine.whereabouts import whereabouts


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    words = "search for words; show the path of an object by its number; rebuild from the history and the files"
    parser.add_argument("action", choices=["search", "show", "rebuild"], help=words)
    parser.add_argument("words", nargs="*", metavar="WORD", help="beginnings of names or IDs, a UID, a number")
    parser.add_argument("--name", default="", help="the patient's name, or how its words begin")
    parser.add_argument("--id", default="", help="the patient ID")
    parser.add_argument("--sender", default="", metavar="AET", help="the calling AE title")
    parser.add_argument("--accession", default="", help="the accession number")
    parser.add_argument("--study", default="", metavar="UID", help="the Study Instance UID")
    parser.add_argument("--sop", default="", metavar="UID", help="the SOP Instance UID")
    parser.add_argument("--date", type=day, metavar="DATE", help="the day of the study")
    parser.add_argument("--from", dest="since", type=moment, metavar="DATE", help="received on this day or later")
    parser.add_argument("--to", dest="until", type=end_of, metavar="DATE", help="received on this day or before")
    parser.add_argument("--most", type=int, default=100, metavar="N", help="how many to show (default: 100)")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when something was found, 1 when not. It shows patient data to whoever may read the data folder."""
    settings = settings_as_owner(arguments)
    if not settings.spool.is_dir():
        print(f"stellwerk: there is no spool in {settings.data}", file=sys.stderr)
        return 2
    try:
        with Journal(settings.spool) as journal:
            if arguments.action == "rebuild":
                return _rebuild(journal, settings)
            journal.catch_up()
            return _search(journal, arguments) if arguments.action == "search" else _show(journal, arguments)
    except OSError as error:
        print(f"stellwerk: {error.strerror or error}", file=sys.stderr)
        return 2


def end_of(words: str) -> str:
    """A day, up to its end; a day with a time, up to that."""
    try:
        whole_day = len(words) == len("2026-03-01")
        return moment((datetime.fromisoformat(words) + timedelta(days=whole_day)).isoformat())
    except (ValueError, OverflowError):
        return moment(words)


def archives(settings: Settings, journal: Journal) -> Mapping[str, Path]:
    """The folders of every archive that anything was ever promised to, by outbox; the plain one in any case."""
    told = journal.db.execute("SELECT DISTINCT outbox FROM promises WHERE outbox LIKE '%.store'")
    there = (found.name for found in (settings.spool / "outbox").glob("*.store"))
    names = {"archive.store", *(str(row[0]) for row in told), *there}
    return {name: settings.archive_folder(name.removesuffix(".store")) for name in sorted(names)}


def _rebuild(journal: Journal, settings: Settings) -> int:
    lines = journal.catch_up(rebuild=True)
    spooled, stored = refill(journal, archives(settings, journal))
    print(f"{lines} lines of history and keys; found besides: {spooled} in the spool, {stored} in the archive")
    if journal.torn():
        print(f"lines that cannot be read: {journal.torn()}")
    return 0


def _search(journal: Journal, arguments: argparse.Namespace) -> int:
    wanted = Wanted(
        tuple(arguments.words),
        name=arguments.name,
        id=arguments.id,
        sender=arguments.sender,
        accession=arguments.accession,
        study=arguments.study,
        sop=arguments.sop,
        date=arguments.date or "",
        since=arguments.since or "",
        until=arguments.until or "",
    )
    found, count = search(journal, wanted, whereabouts(journal.root), max(1, arguments.most))
    if arguments.json:
        print(json.dumps({"count": count, "objects": [asdict(hit) for hit in found]}, ensure_ascii=False, indent=1))
        return 0 if found else 1
    if not found:
        print("nothing was found")
        return 1
    table = Table(box=None, pad_edge=False)
    for column in ("received", "patient", "study", "from", "state", "number"):
        table.add_column(column, overflow="fold", no_wrap=column in ("received", "number", "state"))
    for hit in found:
        table.add_row(_local(hit.came), _patient(hit), f"{hit.date} {hit.modality}", hit.sender, hit.state, hit.number)
    _print(table)
    if count > len(found):
        print(f"and {count - len(found)} more, older ones; --most {count} shows all")
    return 0


def _show(journal: Journal, arguments: argparse.Namespace) -> int:
    if len(arguments.words) != 1:
        print("stellwerk: say which: a NUMBER of `stellwerk journal search` or of a log", file=sys.stderr)
        return 2
    found = named(journal, arguments.words[0])
    if len(found) != 1:
        more = "no object has that number" if not found else f"several begin so: {', '.join(found)}"
        print(f"stellwerk: {more}", file=sys.stderr)
        return 1
    [hit] = hits(journal, found, whereabouts(journal.root))
    events = path(journal, hit.number)
    stored = copies(journal, hit.number)
    if arguments.json:
        places = [{"outbox": outbox, "place": place} for outbox, place in stored]
        print(json.dumps({**asdict(hit), "events": events, "copies": places}, ensure_ascii=False, indent=1))
        return 0
    print(f"{hit.number}  {hit.state}")
    print(f"patient:   {_patient(hit)}")
    print(f"study:     {hit.date} {hit.modality} {hit.study}")
    print(f"image:     {hit.sop}")
    for outbox, place in stored:
        print(f"stored:    {outbox.removesuffix('.store')}/{place}")
    table = Table(box=None, pad_edge=False)
    for column in ("when", "what", "where", ""):
        table.add_column(column, overflow="fold", no_wrap=column == "when")
    for event in events:
        number = number_of(event.get("object", ""))
        under = f" (as {number})" if number != hit.number else ""
        table.add_row(
            _local(event.get("at", "")), event.get("event", "") + under, event.get("outbox", ""), _details(event)
        )
    print()
    _print(table)
    return 0


def _details(event: Mapping[str, str]) -> str:
    parts = [event.get("why", "")]
    if event.get("event") == "received":
        calls = f" as {event['called']}" if event.get("called") else ""
        parts.append(
            f"by {event.get('source', '?')} from {event.get('sender') or '?'} {event.get('address', '')}{calls}"
        )
    told = {
        "again": "again, after",
        "route": "route",
        "rule": "by the rule in",
        "as": "through the rules once more, as",
        "first": "the same as",
        "transcoded": "transcoded to",
    }
    parts += [f"{words} {event[name]}" for name, words in told.items() if event.get(name)]
    if event.get("tries", "1") != "1":
        parts.append(f"at try {event['tries']}")
    return "; ".join(part for part in parts if part)


def _patient(hit: Hit) -> str:
    return " ".join(part for part in (hit.name.replace("^", " ").strip(), hit.id and f"({hit.id})", hit.birth) if part)


def _local(at: str) -> str:
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""


def _print(table: Table) -> None:
    # In a pipe a table is as wide as it needs to be: what cuts it up there is another program.
    width = None if sys.stdout.isatty() else 1000
    Console(width=width, markup=False, emoji=False, highlight=False).print(table)
