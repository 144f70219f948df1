"""regions: where a machine burns text into its images, as a definition for the rules, and a picture to measure in."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from appliance.commands.common import add_settings, compiled, settings_of, show_findings
from appliance.region_text import definition
from engine import pixels
from engine.bench import boxes_for
from engine.condition import holds
from engine.errors import Never, Unclean
from engine.header import Header
from engine.object import Object, Origin
from engine.pixels import Box
from engine.pixels.rulers import measured, png
from engine.program import Program
from engine.spool import Spool
from engine.step import HOLD
from engine.view import ObjectView


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("image", metavar="FILE|ID", help="a DICOM file, or a held object by its ID")
    parser.add_argument("--png", type=Path, metavar="FILE", help="draw it there, with rulers and what would be blanked")
    parser.add_argument("--frame", type=int, default=1, metavar="N", help="which frame of it is drawn (1)")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say what is known of the machine; write a definition for it. Changes nothing."""
    settings = settings_of(arguments)
    file = _file(arguments.image, settings.spool)
    if file is None:
        print(f"stellwerk: {arguments.image} is no file, and nothing of that ID is held", file=sys.stderr)
        return 2
    result = compiled(settings)
    if result.program is None:
        show_findings(result)
        return 1
    try:
        obj = Object("looked at", file, Header.read(file), Origin("file"))
        boxes, words = _known(obj, result.program)
        written = definition(obj)
    except Never as refusal:
        print(f"stellwerk: {refusal.reason}", file=sys.stderr)
        return 1
    print(f"# {words}\n{written}", end="")
    if arguments.png is not None:
        try:
            picture = pixels.preview(file, arguments.frame - 1)
        except Unclean as refusal:
            print(f"stellwerk: it cannot be drawn: {refusal.reason}", file=sys.stderr)
            return 1
        with arguments.png.open("xb") as drawn:
            drawn.write(png(measured(picture, boxes)))
    return 0


def _file(image: str, spool: Path) -> Path | None:
    if Path(image).is_file():
        return Path(image)
    held = Spool(spool).outbox(HOLD).all() if spool.is_dir() else ()
    return next((entry.file for entry in held if entry.id == image), None)


def _known(obj: Object, program: Program) -> tuple[Sequence[Box], str]:
    """What `anonymize-pixels` would blank by these rules, and by what."""
    view = ObjectView(obj)
    for regions in program.regions:
        if regions.where is not None and holds(regions.where, view):
            return boxes_for(obj, *regions.blank_and_keep), f"these rules know this machine: regions {regions.name}"
    try:
        return boxes_for(obj, (), ()), "no `regions` fits; all outside the regions that it declares itself goes"
    except Unclean as refusal:
        return (), refusal.reason
