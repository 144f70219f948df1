"""deid: clean files by hand, header and pixels, by the same steps as the rules; what is not proved clean is held."""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from appliance.deid.changes import ADDED, CHANGED, EMPTIED, REMOVED
from appliance.deid.course import Result, course, draw, objects
from appliance.deid.steps import NONE, compiled
from dsl.render import render
from engine.cleaning import Cleaning
from engine.errors import Unclean


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("source", type=Path, metavar="FILE|FOLDER", help="a DICOM file, or a folder with such files")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the clean files go")
    parser.add_argument(
        "--rules", type=Path, metavar="FILE|FOLDER", help="whose `regions` to use (default: the library's)"
    )
    parser.add_argument(
        "--pixels",
        default="",
        metavar="WORDS",
        help="what would stand behind `anonymize-pixels`; none: leave the pixels",
    )
    parser.add_argument(
        "--profile", default="", metavar="WORDS", help="what would stand behind `anonymize`; none: leave the header"
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="whose key of pseudonyms and tables to use")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write what was done there, as JSON")
    parser.add_argument("--values", action="store_true", help="with old and new values, and the names of the files")
    parser.add_argument("--png", type=Path, metavar="FOLDER", help="draw the first frames there, before and after")


def run(arguments: argparse.Namespace) -> int:
    """0 when every object is clean; 1 when one was held, and is not there; 2 for wrong usage."""
    wrong = _wrong(arguments)
    if wrong:
        print(f"stellwerk: {wrong}", file=sys.stderr)
        return 2
    result, plan = compiled(arguments.rules, arguments.pixels, arguments.profile)
    if plan is None:
        print(render(result.errors, result.sources), file=sys.stderr)
        return 1
    results: list[Result] = []
    try:
        files, others = objects(arguments.source)
        with course(plan, arguments.to, arguments.data) as way:
            for number, file in enumerate(files, 1):
                one = way.take(number, file)
                results.append(one)
                _tell(one, arguments.values)
                if arguments.png is not None:
                    _draw(one, arguments.png)
    except OSError as error:
        print(f"stellwerk: {error.strerror or error}; what is there by now is clean and whole", file=sys.stderr)
        return 1
    finally:
        if arguments.report is not None and results:
            _report(arguments.report, results, arguments)
    held = sum(one.target is None for one in results)
    left_out = f", {others} other files left out" if others else ""
    print(f"{len(results) - held} of {len(results)} clean, {held} held{left_out}")
    if arguments.profile == NONE:
        print("The headers are as they were: names and numbers of patients are in them")
    if arguments.pixels == NONE:
        print("The pixels are as they were: whatever text they show is still there")
    return int(held > 0 or not results)


def _wrong(arguments: argparse.Namespace) -> str:
    """Why it cannot be done so; empty where it can."""
    source, to = arguments.source.resolve(), arguments.to.resolve()
    if not source.exists():
        return f"there is no {arguments.source}"
    if arguments.pixels == arguments.profile == NONE:
        return "--pixels none and --profile none leave nothing to do"
    if to.exists() and not to.is_dir():
        return f"--to takes a folder, and {arguments.to} is none"
    if source.is_dir() and (to == source or source in to.parents):
        return "--to must lie outside of the folder that is cleaned, or clean files and others would lie together"
    if source.is_file() and to == source.parent:
        return "--to must be another folder than the file's, or clean files and others would lie together"
    if arguments.data is not None and not arguments.data.is_dir():
        return f"there is no data folder {arguments.data}"
    if arguments.png is not None:
        shown = arguments.png.resolve()
        if shown == to or to in shown.parents:
            return "--png must lie outside of --to: the pictures of before show what was taken out"
    if arguments.report is not None and arguments.report.exists():
        return f"{arguments.report} is there already"
    return ""


def _tell(one: Result, values: bool) -> None:
    if one.target is None:
        print(f"{one.number}  held: {one.source}: {one.why}")
        return
    counts = Counter(change.what for change in one.header)
    header = ", ".join(f"{counts[what]} {what}" for what in (REMOVED, EMPTIED, CHANGED, ADDED) if counts[what])
    print(f"{one.number}  {one.target.name}  header: {header or 'as it was'}")
    if one.pixels is not None:
        boxes = ", ".join(map(str, one.pixels.boxes))
        written = f" (defined in {one.pixels.written})" if one.pixels.written else ""
        print(f"    pixels: {boxes} in {one.pixels.frames} frames, by {' and '.join(one.pixels.sources)}{written}")
        print(f"    proof: {one.pixels.proof}")
    for change in one.header if values else ():
        print(f"    {change.tag}, {change.what}: {change.before!r} → {change.after!r}")


def _draw(one: Result, folder: Path) -> None:
    try:
        draw(one, folder)
    except Unclean as refusal:
        print(f"    it cannot be drawn: {refusal.reason}")


def _report(path: Path, results: list[Result], arguments: argparse.Namespace) -> None:
    said = {
        "pixels": arguments.pixels,
        "profile": arguments.profile,
        "clean": sum(one.target is not None for one in results),
        "held": sum(one.target is None for one in results),
        "objects": [_of(one, arguments.values) for one in results],
    }
    with path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(said, ensure_ascii=False, indent=1) + "\n")


def _of(one: Result, values: bool) -> dict[str, object]:
    """What became of one file. Its name is a value, too: many are called after the patient."""
    said: dict[str, object] = {"number": one.number}
    if values:
        said["source"] = str(one.source)
    if one.target is None:
        return said | {"held": one.why}
    said["file"] = one.target.name
    said["header"] = {
        what: [change.tag for change in one.header if change.what == what]
        for what in (REMOVED, EMPTIED, CHANGED, ADDED)
    }
    said["pixels"] = None if one.pixels is None else _of_pixels(one.pixels)
    if values:
        said["values"] = {change.tag: [change.before, change.after] for change in one.header}
    return said


def _of_pixels(done: Cleaning) -> dict[str, object]:
    return {
        "frames": done.frames,
        "boxes": done.boxes,
        "from": done.sources,
        "defined": done.written,
        "removed": done.removed,
        "method": done.method,
        "proof": done.proof,
    }
