"""send: send DICOM files and folders to a destination."""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from appliance.commands.common import add_settings, compiled, settings_of, show_findings
from appliance.tls import Certificates
from engine.destinations.node import DicomNode
from engine.dicom import Done, Outcome, Peer, send, sop_class_of

_DIRECTORY = "1.2.840.10008.1.3.10"
"""Media Storage Directory Storage (PS3.4 section I.4): a table of contents, which nobody stores."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="DICOM files, or folders of them")
    parser.add_argument(
        "--to", required=True, metavar="DEST", help="a destination of the rules, or dicom://CALLED:CALLING@host:port"
    )
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Send everything; 1 when anything was not delivered, each with its reason."""
    console = Console(stderr=True)
    missing = [path for path in arguments.paths if not path.exists()]
    if missing:
        print(f"stellwerk: there is no {missing[0]}", file=sys.stderr)
        return 2
    peer = _peer(arguments)
    if isinstance(peer, int):
        return peer
    found = list(dict.fromkeys(_files(arguments.paths)))
    files = [path for path in found if is_dicom(path)]
    skipped = len(found) - len(files)
    if not files:
        print("stellwerk: no DICOM files there", file=sys.stderr)
        return 1
    failures: list[tuple[Path, str]] = []
    delivered = 0
    columns = (BarColumn(), MofNCompleteColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    sizes = {path: path.stat().st_size for path in files}
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("send", total=sum(sizes.values()))

        def report(path: Path, result: Outcome) -> None:
            nonlocal delivered
            progress.advance(bar, sizes[path])
            if isinstance(result, Done):
                delivered += 1
            else:
                failures.append((path, result.reason))

        send(peer, files, report)
    print(f"{delivered} of {len(files)} delivered to {peer}; {skipped} other files left out")
    for why, count in Counter(why for _, why in failures).most_common():
        print(f"{count} failed: {why}", file=sys.stderr)
    for path, why in failures:
        print(f"  {path}: {why}", file=sys.stderr)
    return 0 if delivered == len(files) else 1


def is_dicom(path: Path) -> bool:
    """Whether the file is a DICOM object (PS3.10 section 7.1), whatever its name; a medium's DICOMDIR is none."""
    try:
        with path.open("rb") as stream:
            if stream.read(132)[128:] != b"DICM":
                return False
        return sop_class_of(path) != _DIRECTORY
    except OSError:
        return False
    except ValueError:
        return True  # it says that it is DICOM and is broken: the person must hear of it


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        else:
            yield path


def _peer(arguments: argparse.Namespace) -> Peer | int:
    """The node to send to, or an exit code when there is none."""
    settings = settings_of(arguments)
    if "://" in arguments.to or "@" in arguments.to:
        try:
            return Peer.parse(arguments.to)
        except ValueError as error:
            print(f"stellwerk: {error}; with our own name: dicom://CALLED:CALLING@host:port", file=sys.stderr)
            return 2
    result = compiled(settings)
    if result.program is None:
        show_findings(result)
        return 1
    declared = result.program.destination(arguments.to)
    if declared is None:
        known = ", ".join(destination.name for destination in result.program.destinations) or "none"
        print(f"stellwerk: the rules declare no destination {arguments.to}; declared: {known}", file=sys.stderr)
        return 2
    if declared.kind != "dicom":
        there = settings.outbox_folder / declared.name
        print(f"stellwerk: {declared.name} is no DICOM node; put the images into {there} instead", file=sys.stderr)
        return 2
    return DicomNode(declared, settings.ae_title, tls=Certificates(settings.tls).client).peer
