"""reidentify: which patient, study or image a pseudonym or a UID came from; for who has the key and the journal."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from appliance.commands.common import add_settings, settings_as_owner
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.journal import Journal
from engine.reidentify import Original, originals

_ASKED = ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("words", nargs="+", metavar="PSEUDONYM|UID|FILE", help="what somebody asks about")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when all of it was found, 1 when not. It shows patient data to whoever may read secrets and spool."""
    settings = settings_as_owner(arguments)
    identities = Identities.of(settings.data)
    if not settings.spool.is_dir():
        print(f"stellwerk: there is no spool in {settings.data}", file=sys.stderr)
        return 2
    try:
        asked = list(dict.fromkeys(one for word in arguments.words for one in _meant(word)))
        keys = identities.keyring.all()
        if not keys and not identities.tables.names():
            print("stellwerk: there is no key and no table here, so nothing was pseudonymized here", file=sys.stderr)
            return 2
        with Journal(settings.spool) as journal:
            journal.catch_up()
            found = list(originals(journal, keys, identities.tables, asked))
    except Never as never:
        print(f"stellwerk: {never.reason}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"stellwerk: {error.strerror or error}", file=sys.stderr)
        return 2
    missing = [one for one in asked if all(original.asked != one for original in found)]
    if arguments.json:
        print(json.dumps({"found": [asdict(one) for one in found], "missing": missing}, ensure_ascii=False, indent=1))
    else:
        _show(found)
        for one in missing:
            print(f"{one}: not known, to this key and journal")
    return 1 if missing else 0


def _meant(word: str) -> list[str]:
    """The values of a file, or what was written. Raises Never for a file that is no DICOM."""
    path = Path(word)
    if not path.is_file():
        return [word]
    header = Header.read(path)
    return [value for value in (header.first(tag) for tag in _ASKED) if value]


def _show(found: list[Original]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("asked", "is the", "received as", "patient", "study of", "by"):
        table.add_column(column, overflow="fold")
    for one in found:
        patient = " ".join(part for part in (one.name.replace("^", " ").strip(), f"({one.id})", one.birth) if part)
        table.add_row(one.asked, one.kind, one.value, patient, one.date, one.by)
    if found:
        Console(width=None if sys.stdout.isatty() else 1000, markup=False, emoji=False, highlight=False).print(table)
